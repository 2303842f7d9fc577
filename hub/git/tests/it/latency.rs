//! How long things take, printed; only gross regressions fail, machines differ.

use std::time::{Duration, Instant};

use windlass_domain::source::{SourceTree, TreePath};

use crate::server::{Mode, Server};
use crate::work_tree::WorkTree;
use crate::{Cache, local};

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// A repository of some size: 2000 files, 200 directories.
fn filled() -> WorkTree {
    let work = WorkTree::new();
    let names: Vec<(String, String)> =
        (0..2000).map(|n| (format!("apps/{}/{n}.yaml", n % 200), format!("kind: ConfigMap\nn: {n}\n"))).collect();
    work.commit(&names.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect::<Vec<_>>());
    work
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_commit_arrives_in_milliseconds() {
    let work = filled();
    let cache = Cache::new();
    let repository = local(work.path());
    cache.git.resolve(&repository, "main").await.unwrap();
    let (mut fetches, mut polls) = (Vec::new(), Vec::new());
    for n in 0..21 {
        let head = work.commit(&[("apps/7/7.yaml", &format!("n: {n}\n"))]);
        let start = Instant::now();
        let got = cache.git.resolve(&repository, "main").await.unwrap();
        let tree = cache.git.tree(&repository, &got.revision).await.unwrap();
        tree.read(&TreePath::parse("apps/7/7.yaml").unwrap(), 1000).unwrap();
        fetches.push(start.elapsed());
        assert_eq!(got.revision.as_str(), head);
        let start = Instant::now();
        cache.git.resolve(&repository, "main").await.unwrap();
        polls.push(start.elapsed());
    }
    let (fetch, poll) = (median(fetches), median(polls));
    eprintln!("local: resolve+fetch+tree+read of one new commit {fetch:?}, poll without news {poll:?}");
    assert!(fetch < Duration::from_millis(200) && poll < Duration::from_millis(50), "{fetch:?} {poll:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_https_poll_is_quick() {
    let work = filled();
    let server = Server::start(work.path().to_owned());
    let cache = Cache::new();
    let repository = server.repository(".git");
    cache.git.resolve(&repository, "main").await.unwrap();
    let (mut polls, mut fetches) = (Vec::new(), Vec::new());
    for n in 0..11 {
        let start = Instant::now();
        cache.git.resolve(&repository, "main").await.unwrap();
        polls.push(start.elapsed());
        work.commit(&[("apps/7/7.yaml", &format!("n: {n}\n"))]);
        let start = Instant::now();
        cache.git.resolve(&repository, "main").await.unwrap();
        fetches.push(start.elapsed());
    }
    // Without git behind it: what TLS, HTTP and we ourselves cost.
    let line = format!("{} refs/heads/main\n", work.git(&["rev-parse", "HEAD"]));
    let answer = format!("{:04x}{line}0000", line.len() + 4);
    let kind = "application/x-git-upload-pack-result".to_owned();
    server.set(Mode { answer: Some(("200 OK".into(), kind, answer)), ..Mode::default() });
    let mut bare = Vec::new();
    for _ in 0..21 {
        let start = Instant::now();
        cache.git.resolve(&repository, "main").await.unwrap();
        bare.push(start.elapsed());
    }
    let (poll, fetch, bare) = (median(polls), median(fetches), median(bare));
    eprintln!("https: warm poll {poll:?}, with a new commit {fetch:?} (each request forks git http-backend)");
    eprintln!("https: warm poll of a server that answers at once {bare:?}");
    assert!(poll < Duration::from_secs(1), "{poll:?}");
}
