//! What is there after the process died in the middle of a commit, or the disk was full. Each writer is this very program, started again as a child: a kill
//! takes no destructor along.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::zombie_processes,
    reason = "a test says what it expected by panicking"
)]

#[path = "contract/postgres.rs"]
mod postgres;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use windlass_domain::time::from_millis;
use windlass_store::{Error, NewCluster, SealKey, SqlStore, Store, StoreUrl};

const CHILD: &str = "WINDLASS_TEST_WRITER";

fn seal() -> SealKey {
    SealKey::from_bytes([7; 32]).expect("a key")
}

fn new(name: &str) -> NewCluster {
    NewCluster { uid: uuid::Uuid::new_v4(), name: name.into(), labels: [].into(), server_aliases: vec![] }
}

async fn names(url: &str) -> Vec<String> {
    let store = SqlStore::open(&StoreUrl::parse(url).expect("a URL"), seal()).await.expect("opened after the kill");
    let names = store.clusters().await.expect("read").into_iter().map(|cluster| cluster.name).collect();
    store.close().await;
    names
}

/// Writes clusters `0`, `1`, ... and says each that is acknowledged; stops at the failpoint in the commit of the third.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (point, url) = task.split_once(' ').expect("a point and a URL");
    let store = SqlStore::open(&StoreUrl::parse(url).expect("a URL"), seal()).await.expect("opened");
    for index in 0..10 {
        if index == 3 {
            fail::cfg_callback(point, || {
                println!("\nhit");
                loop {
                    std::thread::park();
                }
            })
            .expect("set");
        }
        store.create_cluster(new(&index.to_string()), from_millis(0)).await.expect("written");
        println!("\nacknowledged {index}");
    }
}

/// Kills a writer at a failpoint; what it had acknowledged, and whether it got to the point.
fn killed(point: &str, url: &str) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "writer", "--nocapture", "--test-threads=1"]).env(CHILD, format!("{point} {url}"));
    let mut child: Child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let line = line.expect("text");
        if let Some(name) = line.strip_prefix("acknowledged ") {
            acknowledged.push(name.to_owned());
        }
        if line == "hit" {
            child.kill().expect("SIGKILL");
            child.wait().expect("ended");
            return acknowledged;
        }
    }
    panic!("the failpoint {point} was never hit; acknowledged: {acknowledged:?}");
}

async fn a_kill_in_a_commit_loses_nothing_that_was_acknowledged(url: String) {
    let before = killed("store::before_commit", &url);
    assert_eq!(before, ["0", "1", "2"]);
    assert_eq!(names(&url).await, before, "what was not committed is not there");
}

async fn a_kill_after_a_commit_leaves_it_whole(url: String) {
    let after = killed("store::after_commit", &url);
    assert_eq!(after, ["0", "1", "2"]);
    assert_eq!(names(&url).await, ["0", "1", "2", "3"], "its answer was lost, it was not");
}

async fn schema(name: &str) -> Option<String> {
    use sqlx::Connection as _;
    let server = tokio::task::spawn_blocking(postgres::server).await.expect("a server")?;
    let url = server.url(name);
    let mut connection = sqlx::PgConnection::connect(&url).await.expect("connected");
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {name}"))).execute(&mut connection).await.expect("made");
    Some(url)
}

#[tokio::test]
async fn sqlite_killed_in_a_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    a_kill_in_a_commit_loses_nothing_that_was_acknowledged(format!("sqlite:{}/a.db", folder.path().display())).await;
    a_kill_after_a_commit_leaves_it_whole(format!("sqlite:{}/b.db", folder.path().display())).await;
}

#[tokio::test]
async fn postgres_killed_in_a_commit() {
    let Some(url) = schema("killed_in").await else { return };
    a_kill_in_a_commit_loses_nothing_that_was_acknowledged(url).await;
    a_kill_after_a_commit_leaves_it_whole(schema("killed_after").await.expect("a server")).await;
}

/// A small disk of its own, gone with the value.
struct Disk(tempfile::TempDir);

impl Disk {
    /// `None` where disks cannot be made.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_goes_on_once_there_is_room() {
    let Some(disk) = Disk::new() else {
        eprintln!("not run: a full disk (no tmpfs can be mounted here; run as root)");
        return;
    };
    let url = StoreUrl::sqlite(disk.0.path().join("hub.db"));
    let store = SqlStore::open(&url, seal()).await.expect("opened");
    let ballast = disk.0.path().join("ballast");
    store.create_cluster(new("before"), from_millis(0)).await.expect("there is room");
    let room = vec![0; 2 << 20];
    let filled = std::fs::write(&ballast, &room);
    assert!(filled.is_err(), "the disk takes no more");
    let mut acknowledged = vec!["before".to_owned()];
    let mut refused = 0;
    for index in 0..200 {
        // Long enough that SQLite's log must grow.
        let aliases = vec!["https://example.invalid/".repeat(200)];
        let cluster = NewCluster { server_aliases: aliases, ..new(&format!("full-{index:03}")) };
        match store.create_cluster(cluster, from_millis(0)).await {
            Ok(cluster) => acknowledged.push(cluster.name),
            Err(error) => {
                assert!(matches!(error, Error::Full { .. }) && error.is_retryable(), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "the disk was never full");
    store.ping().await.expect("what is there can be read");
    std::fs::remove_file(&ballast).expect("room is made");
    acknowledged
        .push(store.create_cluster(new("room"), from_millis(0)).await.expect("it goes on, without a restart").name);
    store.close().await;
    acknowledged.sort_unstable();
    assert_eq!(names(&url.to_string()).await, acknowledged);
}
