//! Servers that send too much, too little or too slowly.

use std::time::{Duration, Instant};

use windlass_git::Error;

use crate::Cache;
use crate::server::{Mode, Server};
use crate::work_tree::{WorkTree, git};

/// Text that does not compress to nothing.
fn noise(length: usize) -> String {
    let mut seed = 1u64;
    let next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + (seed >> 33) as u8 % 94)
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_pack_changes_nothing() {
    let work = WorkTree::new();
    let first = work.commit(&[("a", "one")]);
    let server = Server::start(work.path().to_owned());
    let repository = server.repository(".git");
    let cache = Cache::new();
    cache.git.resolve(&repository, "main").await.unwrap();
    let second = work.commit(&[("a", "two"), ("b", &"line\n".repeat(1000))]);
    let packs = || std::fs::read_dir(cache.mirror().join("objects/pack")).unwrap().count();
    let before = packs();
    for length in [0, 3, 20, 60, 120, 200] {
        server.set(Mode { truncate_pack: Some(length), ..Mode::default() });
        let error = cache.git.resolve(&repository, "main").await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }) && error.is_retryable(), "{length}: {error:?}");
        assert_eq!(git(&cache.mirror(), &["rev-parse", "refs/windlass/heads/main"]), first);
        assert_eq!(packs(), before, "nothing is left behind");
    }
    assert_eq!(std::fs::read_dir(cache.directory.path().join("incoming")).unwrap().count(), 0);
    server.set(Mode::default());
    assert_eq!(cache.git.resolve(&repository, "main").await.unwrap().revision.as_str(), second);
    git(&cache.mirror(), &["fsck", "--full"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_pack_changes_nothing() {
    let work = WorkTree::new();
    let first = work.commit(&[("a", "one")]);
    let server = Server::start(work.path().to_owned());
    let repository = server.repository(".git");
    let cache = Cache::new();
    cache.git.resolve(&repository, "main").await.unwrap();
    let second = work.commit(&[("a", "two"), ("b", &noise(3000))]);
    // In the checksum, and in the middle of an object.
    for damage_pack in [12, 600] {
        server.set(Mode { damage_pack: Some(damage_pack), ..Mode::default() });
        let error = cache.git.resolve(&repository, "main").await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
        assert_eq!(git(&cache.mirror(), &["rev-parse", "refs/windlass/heads/main"]), first);
    }
    server.set(Mode::default());
    assert_eq!(cache.git.resolve(&repository, "main").await.unwrap().revision.as_str(), second);
    git(&cache.mirror(), &["fsck", "--full"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_drip_is_cut_off() {
    let work = WorkTree::new();
    work.commit(&[("a", &"x y z\n".repeat(500))]);
    let server = Server::start(work.path().to_owned());
    let repository = server.repository(".git");
    let limit = Duration::from_millis(700);
    let drip = Some(Duration::from_millis(100));
    let cache = Cache::with(|options| (options.ask_timeout, options.fetch_timeout) = (limit, limit));
    for mode in [Mode { drip, ..Mode::default() }, Mode { drip_pack: drip, ..Mode::default() }] {
        server.set(mode);
        let start = Instant::now();
        let error = cache.git.resolve(&repository, "main").await.unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }) && error.is_retryable(), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    }
    server.set(Mode::default());
    cache.git.resolve(&repository, "main").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_a_pack_is_refused() {
    let work = WorkTree::new();
    let first = work.commit(&[("a", "one")]);
    let server = Server::start(work.path().to_owned());
    let repository = server.repository(".git");
    let cache = Cache::with(|options| options.fetch_bytes = 20_000);
    cache.git.resolve(&repository, "main").await.unwrap();
    let noise = noise(40_000);
    work.commit(&[("b", &noise)]);
    let error = cache.git.resolve(&repository, "main").await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 20_000, .. }), "{error:?}");
    assert_eq!(git(&cache.mirror(), &["rev-parse", "refs/windlass/heads/main"]), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_refs_are_refused() {
    let work = WorkTree::new();
    work.commit(&[("a", "one")]);
    (0..30).for_each(|n| drop(work.git(&["branch", &format!("b{n}")])));
    let server = Server::start(work.path().to_owned());
    let cache = Cache::with(|options| options.max_refs = 10);
    let error = cache.git.references(&server.repository(".git")).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 10, .. }), "{error:?}");
    // Asking for one ref is no problem.
    cache.git.resolve(&server.repository(".git"), "b7").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_pack_passes_through_a_file() {
    let work = WorkTree::new();
    let noise = noise(12 << 20);
    let head = work.commit(&[("b", &noise)]);
    let server = Server::start(work.path().to_owned());
    let cache = Cache::new();
    assert_eq!(cache.git.resolve(&server.repository(".git"), "").await.unwrap().revision.as_str(), head);
    assert_eq!(std::fs::read_dir(cache.directory.path().join("incoming")).unwrap().count(), 0);
}
