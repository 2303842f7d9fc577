//! Many applications on one repository, and repositories that misbehave, through the real service, store and git engine.
// A test that cannot be set up fails where it stands.
#![allow(clippy::expect_used, clippy::print_stderr)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use windlass_domain::application::{ApplicationManifest, Origin};
use windlass_domain::name::ApplicationName;
use windlass_domain::status::ConditionKind;
use windlass_domain::time::from_millis;
use windlass_git::GitCache;
use windlass_hub::agents::Registry;
use windlass_hub::desired::{Handle, Refreshed, Service, Settings};
use windlass_runtime::clock::Clock;
use windlass_store::{ApplicationView, NewCluster, SealKey, SqlStore, Store, StoreUrl};

#[path = "repository/work_tree.rs"]
mod work_tree;

use work_tree::{WorkTree, config_map};

/// `git http-backend` on a loopback address, and what it was asked for: `info`, `ls-refs` or `fetch`.
struct GitServer {
    address: SocketAddr,
    log: Arc<Mutex<Vec<&'static str>>>,
}

struct Bed {
    store: Arc<dyn Store>,
    handle: Handle,
    service: Option<Service>,
    stop: CancellationToken,
    repository: WorkTree,
    server: GitServer,
    clock: Clock,
    _folder: TempDir,
}

impl GitServer {
    fn start(projects: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let log = Arc::<Mutex<Vec<&'static str>>>::default();
        let shared = Arc::clone(&log);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, projects) = (Arc::clone(&shared), projects.clone());
                std::thread::spawn(move || serve(stream, &projects, &log));
            }
        });
        Self { address, log }
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.log.lock())
    }
}

fn serve(stream: TcpStream, projects: &Path, log: &Mutex<Vec<&'static str>>) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut input = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if input.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                text => head.push(text.to_owned()),
            }
        }
        let header = |name: &str| {
            let lines = head.iter().filter_map(|line| line.split_once(": "));
            lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
        };
        let mut body = vec![0; header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
        input.read_exact(&mut body).ok()?;
        let mut words = head.first()?.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let asked = String::from_utf8_lossy(&body).into_owned();
        log.lock().push(if method == "GET" {
            "info"
        } else if asked.contains("=ls-refs") {
            "ls-refs"
        } else {
            "fetch"
        });
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut child = Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", projects)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("REQUEST_METHOD", method)
            .env("CONTENT_TYPE", header("content-type").unwrap_or_default())
            .env("CONTENT_LENGTH", body.len().to_string())
            .env("HTTP_GIT_PROTOCOL", header("git-protocol").unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        child.stdin.take()?.write_all(&body).ok()?;
        let answer = child.wait_with_output().ok()?.stdout;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
        let kept = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = kept.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
        let body = &answer[end + 4..];
        write!(out, "HTTP/1.1 {status}\r\n{kept}\r\nContent-Length: {}\r\n\r\n", body.len()).ok()?;
        out.write_all(body).ok()?;
    }
}

impl Bed {
    async fn new() -> Self {
        windlass_runtime::tls::install_crypto_provider();
        // Not what is measured here: an fsync for each application.
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder");
        let url = StoreUrl::sqlite(folder.path().join("store.db"));
        let store = SqlStore::open(&url, SealKey::from_bytes([7; 32]).expect("a key")).await.expect("a store");
        let store: Arc<dyn Store> = Arc::new(store);
        let repository = WorkTree::init(folder.path().join("repository"));
        let server = GitServer::start(folder.path().to_owned());
        let clock = Clock::manual(from_millis(1_800_000_000_000));
        let cache = GitCache::open(folder.path().join("git"), windlass_git::Options::default()).expect("a cache");
        let service = Service::new(Arc::clone(&store), cache, Registry::default(), clock.clone(), Settings::default());
        let (service, handle) = service.await.expect("a service");
        let stop = CancellationToken::new();
        let cluster = NewCluster {
            uid: uuid::Uuid::new_v4(),
            name: "eu-1".into(),
            labels: Default::default(),
            server_aliases: vec![],
        };
        store.create_cluster(cluster, clock.now()).await.expect("a cluster");
        Self { store, handle, service: Some(service), stop, repository, server, clock, _folder: folder }
    }

    fn run(&mut self) {
        let service = self.service.take().expect("run once");
        tokio::spawn(service.run(self.stop.clone()));
    }

    async fn application(&self, name: &str, source: serde_json::Value) -> ApplicationName {
        let mut spec = json!({"source": source, "destination": {"name": "eu-1"}, "syncPolicy": {"automated": {}}});
        spec["source"]["repoURL"] = json!(format!("http://{}/repository/.git", self.server.address));
        let manifest = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name}, "spec": spec,
        });
        let manifest = ApplicationManifest::parse(&manifest).expect("an application");
        self.store.put_application(&manifest, Origin::Api, None, self.clock.now()).await.expect("stored");
        manifest.name
    }

    fn commit(&self, files: &[(&str, &str)]) -> String {
        self.repository.commit(files, "change it")
    }

    async fn refresh(&self, name: &ApplicationName) -> Refreshed {
        self.handle.refresh(name).await.expect("refreshed")
    }

    async fn view(&self, name: &ApplicationName) -> ApplicationView {
        self.store.application_view(name).await.expect("a view").expect("there")
    }

    async fn until_all_are_at(&self, names: &[ApplicationName], commit: &str) {
        let mut newest = self.store.newest();
        for name in names {
            while self.view(name).await.source.revision.as_deref() != Some(commit) {
                let _ = tokio::time::timeout(Duration::from_secs(1), newest.changed()).await;
            }
        }
    }

    /// Lets the clock reach the next poll, and waits until the server was asked: what was asked, and how often the clock had to move, because the service
    /// may not have waited for it yet.
    async fn poll(&self) -> (Vec<&'static str>, usize) {
        for advances in 1.. {
            self.clock.advance(Duration::from_secs(10));
            let moved = Instant::now();
            while moved.elapsed() < Duration::from_secs(2) {
                if self.server.log.lock().contains(&"ls-refs") {
                    return (self.server.take(), advances);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        unreachable!("it ends with an answer")
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Milliseconds of processor time that this process has used.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // utime and stime, in hundredths of a second.
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
}

/// `WINDLASS_APPLICATIONS=10000` for the whole thing (minutes in a debug build).
#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_applications_cost_one_question_a_poll_and_one_fetch_a_commit() {
    let count: usize = std::env::var("WINDLASS_APPLICATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let mut bed = Bed::new().await;
    let files: Vec<(String, String)> =
        (0..20).map(|n| (format!("app{n}/a.yaml"), config_map("a", &n.to_string()))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
    let first = bed.commit(&files);
    let mut names = Vec::with_capacity(count);
    for n in 0..count {
        let source = json!({"path": format!("app{}", n % 20), "targetRevision": "main"});
        names.push(bed.application(&format!("app-{n:05}"), source).await);
    }
    let (start, cpu) = (Instant::now(), cpu_ms());
    bed.run();
    bed.until_all_are_at(&names, &first).await;
    eprintln!("{count} applications: compiled in {:?}, {} ms of CPU", start.elapsed(), cpu_ms() - cpu);
    let asked = bed.server.take();
    assert_eq!(asked.iter().filter(|asked| **asked == "fetch").count(), 1, "{asked:?}");

    let (revision, cpu) = (*bed.store.newest().borrow(), cpu_ms());
    let mut total = 0;
    for _ in 0..8 {
        let (asked, advances) = bed.poll().await;
        total += advances;
        assert!(asked.len() <= advances && asked.iter().all(|asked| *asked == "ls-refs"), "{asked:?}");
    }
    eprintln!("{count} applications: a quiet poll costs {:.1} ms of CPU", (cpu_ms() - cpu) as f64 / total as f64);
    assert_eq!(*bed.store.newest().borrow(), revision, "nothing is written");

    let before: Vec<_> = [bed.view(&names[0]).await, bed.view(&names[1]).await].map(|view| view.source.bundle).into();
    let second = bed.commit(&[("app0/a.yaml", &config_map("a", "changed"))]);
    let (start, cpu) = (Instant::now(), cpu_ms());
    let (mut asked, advances) = bed.poll().await;
    bed.until_all_are_at(&names, &second).await;
    eprintln!(
        "{count} applications: a commit to a twentieth of them took {:?}, {} ms of CPU",
        start.elapsed(),
        cpu_ms() - cpu
    );
    asked.extend(bed.server.take());
    assert_eq!(asked.iter().filter(|asked| **asked == "fetch").count(), 1, "{asked:?}");
    assert!(asked.len() <= advances + 1, "{asked:?}");
    let after = [bed.view(&names[0]).await, bed.view(&names[1]).await].map(|view| view.source.bundle);
    assert_ne!(after[0], before[0]);
    assert_eq!(after[1], before[1], "what it reads is as it was: the bundle stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewritten_branch_is_followed_and_says_so_and_a_pin_stays() {
    let mut bed = Bed::new().await;
    let first = bed.commit(&[("app/a.yaml", &config_map("a", "1"))]);
    let second = bed.commit(&[("app/a.yaml", &config_map("a", "2"))]);
    bed.repository.git(&["tag", "v1.0.0", &first]);
    let branch = bed.application("branch", json!({"path": "app", "targetRevision": "main"})).await;
    let pinned = bed.application("pinned", json!({"path": "app", "targetRevision": second})).await;
    let version = bed.application("version", json!({"path": "app", "targetRevision": "1.x"})).await;
    bed.run();
    for (name, revision, resolved) in [
        (&branch, &second, Some("refs/heads/main")),
        (&pinned, &second, None),
        (&version, &first, Some("refs/tags/v1.0.0")),
    ] {
        bed.refresh(name).await;
        let source = bed.view(name).await.source;
        assert_eq!((source.revision.as_ref(), source.resolved.as_deref()), (Some(revision), resolved), "{name}");
    }

    bed.repository.git(&["reset", "--quiet", "--hard", &first]);
    bed.repository.git(&["tag", "v1.1.0", &second]);
    for (name, revision, rewritten) in [(&branch, &first, true), (&pinned, &second, false), (&version, &second, false)]
    {
        let refreshed = bed.refresh(name).await;
        assert_eq!(refreshed.revision.as_ref(), Some(revision), "{name}");
        let found = refreshed.conditions.iter().find(|condition| condition.kind == ConditionKind::HistoryRewritten);
        assert_eq!(found.is_some(), rewritten, "{name}: {refreshed:?}");
        if let Some(condition) = found {
            assert!(
                condition.message.contains("refs/heads/main") && condition.message.contains(&second),
                "{condition:?}"
            );
        }
    }
    assert_eq!(bed.view(&version).await.source.resolved.as_deref(), Some("refs/tags/v1.1.0"));
    // It is told until the next commit.
    assert_eq!(bed.refresh(&branch).await.conditions.len(), 1);
    bed.commit(&[("README", "hello")]);
    assert_eq!(bed.refresh(&branch).await.conditions, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_repository_no_longer_has_leaves_the_last_state_and_a_condition() {
    let mut bed = Bed::new().await;
    let good = bed.commit(&[("app/a.yaml", &config_map("a", "1"))]);
    let name = bed.application("web", json!({"path": "app", "targetRevision": "main"})).await;
    bed.run();
    bed.refresh(&name).await;
    let bundle = bed.view(&name).await.source.bundle;
    assert!(bundle.is_some());
    let gone = bed.repository.path().with_file_name("elsewhere");
    type Fault<'a> = (&'a str, &'a dyn Fn(), &'a dyn Fn());
    let breaks: [Fault<'_>; 3] = [
        ("no branch, tag or commit", &|| drop(bed.repository.git(&["branch", "-m", "trunk"])), &|| {
            drop(bed.repository.git(&["branch", "-m", "main"]))
        }),
        (
            "does not exist, or its credentials may not see it",
            &|| std::fs::rename(bed.repository.path(), &gone).expect("moved"),
            &|| std::fs::rename(&gone, bed.repository.path()).expect("moved"),
        ),
        (
            "\"app\" does not exist",
            &|| {
                bed.repository.git(&["mv", "app", "other"]);
                bed.commit(&[]);
            },
            &|| drop(bed.repository.git(&["reset", "--quiet", "--hard", &good])),
        ),
    ];
    for (words, breaks, mends) in breaks {
        breaks();
        let refreshed = bed.refresh(&name).await;
        let [condition] = refreshed.conditions.as_slice() else { panic!("{refreshed:?}") };
        assert!(condition.message.contains(words), "{condition:?}");
        let source = bed.view(&name).await.source;
        assert_eq!((source.bundle, source.revision.as_ref()), (bundle, Some(&good)), "{words}");
        mends();
        let refreshed = bed.refresh(&name).await;
        assert!(refreshed.conditions.is_empty(), "{words}: {refreshed:?}");
    }
}
