//! Repositories on disk, and what the mirror remembers.

use std::collections::BTreeMap;

use windlass_domain::revision::Revision;
use windlass_domain::source::{SourceTree, TreePath};
use windlass_git::Error;

use crate::work_tree::{WorkTree, git};
use crate::{Cache, local};

#[tokio::test(flavor = "multi_thread")]
async fn refs_of_every_kind_resolve() {
    let work = WorkTree::new();
    let first = work.commit(&[("a", "one")]);
    work.git(&["tag", "-a", "v1", "-m", "annotated"]);
    work.git(&["tag", "light"]);
    work.git(&["update-ref", "refs/pull/1/head", "HEAD"]);
    work.git(&["branch", "both"]);
    work.git(&["branch", "feature/x"]);
    let second = work.commit(&[("a", "two")]);
    work.git(&["tag", "both"]);
    work.git(&["tag", "of-a-tree", "HEAD^{tree}"]);
    let cache = Cache::new();
    let repository = local(work.path());
    for (text, commit, name) in [
        ("", &second, Some("refs/heads/main")),
        ("HEAD", &second, Some("refs/heads/main")),
        ("main", &second, Some("refs/heads/main")),
        ("feature/x", &first, Some("refs/heads/feature/x")),
        ("v1", &first, Some("refs/tags/v1")),
        ("light", &first, Some("refs/tags/light")),
        ("refs/pull/1/head", &first, Some("refs/pull/1/head")),
        ("refs/tags/v1", &first, Some("refs/tags/v1")),
        ("heads/both", &first, Some("refs/heads/both")),
        // A branch and a tag: the branch.
        ("both", &first, Some("refs/heads/both")),
        ("refs/tags/both", &second, Some("refs/tags/both")),
        (first.as_str(), &first, None),
        (&second[..7], &second, None),
    ] {
        let got = cache.git.resolve(&repository, text).await.unwrap();
        assert_eq!((got.revision.as_str(), got.ref_name.as_deref()), (commit.as_str(), name), "{text}");
        assert!(!got.rewritten, "{text}");
    }
    let error = cache.git.resolve(&repository, "of-a-tree").await.unwrap_err();
    assert!(matches!(error, Error::NotACommit { .. }), "{error}");
    let error = cache.git.resolve(&repository, "mian").await.unwrap_err();
    assert!(error.to_string().contains("did you mean main"), "{error}");
    let names = cache.git.references(&repository).await.unwrap();
    assert_eq!((names.branches.len(), names.tags.len()), (3, 4));
    git(&cache.mirror(), &["fsck", "--full"]);
}

/// A repository whose tags lie on one commit each; the commits by tag.
fn tagged(tags: &[&str]) -> (WorkTree, BTreeMap<String, String>) {
    let work = WorkTree::new();
    let commit = |tag: &&str| {
        let commit = work.commit(&[("a", tag)]);
        // Every other tag is annotated.
        let annotated: &[&str] =
            if tag.len().is_multiple_of(2) { &["tag", "-a", "-m", "x", tag] } else { &["tag", tag] };
        work.git(annotated);
        ((*tag).to_owned(), commit)
    };
    let commits = tags.iter().map(commit).collect();
    (work, commits)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_constraint_follows_the_highest_tag() {
    let tags = ["v1.2.0", "v1.10.0", "1.9.0", "v2.0.0-rc.1", "latest", "web/1.0.0", "web/1.1.0-beta", "web/old/3.0.0"];
    let (work, commits) = tagged(&tags);
    work.git(&["branch", "v9.0.0"]);
    let cache = Cache::new();
    let repository = local(work.path());
    for (text, prefix, tag) in [
        ("1.x", "", "v1.10.0"),
        ("~1.2", "", "v1.2.0"),
        (">=1.0 <1.10", "", "1.9.0"),
        ("*", "", "v1.10.0"),
        (">=1-0", "", "v2.0.0-rc.1"),
        ("*", "web/", "web/1.0.0"),
        ("*-0", "web/", "web/1.1.0-beta"),
        // No constraint: names, and the prefix is not heeded.
        ("v1.2.0", "web/", "v1.2.0"),
        ("latest", "web/", "latest"),
    ] {
        let got = cache.git.resolve_tagged(&repository, text, prefix).await.unwrap();
        let want = (commits[tag].as_str(), Some(format!("refs/tags/{tag}")));
        assert_eq!((got.revision.as_str(), got.ref_name), want, "{text} {prefix}");
    }
    let newer = work.commit(&[("a", "newer")]);
    work.git(&["tag", "v1.11.0"]);
    let got = cache.git.resolve(&repository, "1.x").await.unwrap();
    assert_eq!((got.revision.as_str(), got.rewritten), (newer.as_str(), false), "another tag is no rewritten history");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_tag_satisfies_a_constraint_the_nearest_are_named() {
    let (work, _) = tagged(&["v1.0.0", "v2.0.0", "v3.0.0-rc.1", "web/1.0.0"]);
    let cache = Cache::new();
    let repository = local(work.path());
    let error = cache.git.resolve(&repository, "^3").await.unwrap_err();
    let Error::NoMatchingTag { nearest, prerelease, .. } = &error else { panic!("{error}") };
    assert_eq!(nearest, &["v3.0.0-rc.1", "v2.0.0", "v1.0.0"]);
    assert_eq!(prerelease.as_deref(), Some("v3.0.0-rc.1"));
    assert!(!error.is_retryable());
    let error = cache.git.resolve_tagged(&repository, "2.x", "web/").await.unwrap_err().to_string();
    assert!(
        error.contains(r#"no tag "web/" followed by a version that satisfies "2.x"; the nearest are web/1.0.0"#),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_named_like_a_range_is_followed_until_a_tag_satisfies_it() {
    let work = WorkTree::new();
    let first = work.commit(&[("a", "one")]);
    work.git(&["branch", "1.x"]);
    let cache = Cache::new();
    let repository = local(work.path());
    let resolve = async |text: &str| {
        let got = cache.git.resolve(&repository, text).await.unwrap();
        (got.revision.as_str().to_owned(), got.ref_name.unwrap())
    };
    assert_eq!(resolve("1.x").await, (first.clone(), "refs/heads/1.x".to_owned()));
    let second = work.commit(&[("a", "two")]);
    work.git(&["tag", "v1.0.0"]);
    assert_eq!(resolve("1.x").await, (second, "refs/tags/v1.0.0".to_owned()));
    assert_eq!(resolve("refs/heads/1.x").await, (first.clone(), "refs/heads/1.x".to_owned()));
    assert_eq!(resolve("heads/1.x").await, (first, "refs/heads/1.x".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn rewritten_history_is_noticed_once() {
    let work = WorkTree::new();
    let first = work.commit(&[("a", "one")]);
    work.commit(&[("a", "two")]);
    let cache = Cache::new();
    let repository = local(work.path());
    let old = cache.git.resolve(&repository, "main").await.unwrap();
    work.git(&["reset", "-q", "--hard", &first]);
    let new = work.commit(&[("a", "three")]);
    let got = cache.git.resolve(&repository, "main").await.unwrap();
    assert!(got.rewritten);
    assert_eq!(got.revision.as_str(), new);
    assert!(!cache.git.resolve(&repository, "main").await.unwrap().rewritten);
    let ancestor = |a: Revision, b: Revision| {
        let (git, repository) = (cache.git.clone(), repository.clone());
        async move { git.is_ancestor(&repository, &a, &b).await.unwrap() }
    };
    assert!(!ancestor(old.revision.clone(), got.revision.clone()).await);
    assert!(ancestor(Revision::parse(&first).unwrap(), got.revision).await);
    // The old commit is still there: it may be deployed.
    cache.git.tree(&repository, &old.revision).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_may_become_a_directory_of_branches() {
    let work = WorkTree::new();
    work.commit(&[("a", "one")]);
    work.git(&["branch", "x"]);
    let cache = Cache::new();
    let repository = local(work.path());
    cache.git.resolve(&repository, "x").await.unwrap();
    work.git(&["branch", "-D", "x"]);
    work.git(&["branch", "x/y"]);
    cache.git.resolve(&repository, "x/y").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn local_repositories_need_permission() {
    let work = WorkTree::new();
    work.commit(&[("a", "one")]);
    let cache = Cache::with(|options| options.allow_local = false);
    let error = cache.git.resolve(&local(work.path()), "").await.unwrap_err();
    assert!(matches!(error, Error::InvalidUrl { .. }), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = Cache::new().git.resolve(&local(empty.path()), "").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_mirror_is_rebuilt() {
    let work = WorkTree::new();
    let head = work.commit(&[("a", "one")]);
    let repository = local(work.path());
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let options = windlass_git::Options { allow_local: true, ..Default::default() };
        windlass_git::GitCache::open(directory.path().to_owned(), options).unwrap()
    };
    open().resolve(&repository, "main").await.unwrap();
    let mut paths = std::fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().path());
    let mirror = paths.find(|p| p.extension().is_some()).unwrap();

    // The configuration is garbage.
    std::fs::write(mirror.join("config"), "[core\n").unwrap();
    assert_eq!(open().resolve(&repository, "main").await.unwrap().revision.as_str(), head);

    // The pack is garbage, which only a reader notices.
    for entry in std::fs::read_dir(mirror.join("objects/pack")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "pack") {
            let mut permissions = std::fs::metadata(&path).unwrap().permissions();
            #[allow(clippy::permissions_set_readonly_false)]
            permissions.set_readonly(false);
            std::fs::set_permissions(&path, permissions).unwrap();
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() - 30;
            bytes[14..middle].fill(0xff);
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let git = open();
    let revision = Revision::parse(&head).unwrap();
    let read = async || {
        let tree = git.tree(&repository, &revision).await.map_err(|e| e.to_string())?;
        tree.read(&TreePath::parse("a").unwrap(), 9).map_err(|e| e.to_string())
    };
    let first = read().await;
    let second = read().await;
    assert_eq!(second, Ok(b"one".to_vec()), "first: {first:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_repository_leaves_nothing() {
    let work = WorkTree::new();
    work.commit(&[("a", "one")]);
    let cache = Cache::new();
    let repository = local(work.path());
    let got = cache.git.resolve(&repository, "").await.unwrap();
    let mirror = cache.mirror();
    cache.git.forget(&repository).await.unwrap();
    assert!(!mirror.exists());
    cache.git.tree(&repository, &got.revision).await.unwrap();
}

#[test]
fn futures_can_be_spawned() {
    fn send<T: Send>(_: &T) {}
    fn both<T: Send + Sync>() {}
    fn tree<T: SourceTree + Send>() {}
    both::<windlass_git::GitCache>();
    both::<windlass_git::Repository>();
    tree::<windlass_git::GitTree>();
    let cache = Cache::new();
    let repository = local(std::path::Path::new("/x"));
    let revision = Revision::parse(&"1".repeat(40)).unwrap();
    send(&cache.git.resolve(&repository, ""));
    send(&cache.git.tree(&repository, &revision));
    send(&cache.git.unchanged(&repository, &revision, &Default::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_fetches_do_not_pile_up() {
    let work = WorkTree::new();
    let first = work.commit(&[("dir/a", "start")]);
    let server = crate::server::Server::start(work.path().to_owned());
    for repository in [local(work.path()), server.repository(".git")] {
        let cache = Cache::new();
        cache.git.resolve(&repository, "main").await.unwrap();
        let old = cache.git.tree(&repository, &Revision::parse(&first).unwrap()).await.unwrap();
        let mut last = String::new();
        for n in 0..70 {
            last = work.commit(&[("dir/a", &format!("{n}"))]);
            let got = cache.git.resolve(&repository, "main").await.unwrap();
            let tree = cache.git.tree(&repository, &got.revision).await.unwrap();
            assert_eq!(tree.read(&TreePath::parse("dir/a").unwrap(), 99).unwrap(), format!("{n}").as_bytes());
        }
        assert_eq!(old.read(&TreePath::parse("dir/a").unwrap(), 99).unwrap(), b"start");
        let packs = || std::fs::read_dir(cache.mirror().join("objects/pack")).unwrap().count();
        // The last compaction may still be running.
        for _ in 0..50 {
            if packs() <= 60 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(packs() <= 60, "{}", packs());
        git(&cache.mirror(), &["fsck", "--full"]);
        assert_eq!(git(&cache.mirror(), &["rev-parse", "refs/windlass/heads/main"]), last);
        work.git(&["reset", "-q", "--hard", &first]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_one_branch_do_not_disturb_each_other() {
    let work = WorkTree::new();
    work.commit(&[("a", "start")]);
    let cache = Cache::new();
    let repository = local(work.path());
    for n in 0..10 {
        let head = work.commit(&[("a", &n.to_string())]);
        let callers = ["", "main", "refs/heads/main", "heads/main", "HEAD", &head].map(|text| {
            let (git, repository, text) = (cache.git.clone(), repository.clone(), text.to_owned());
            tokio::spawn(async move { git.resolve(&repository, &text).await.unwrap().revision })
        });
        for caller in callers {
            assert_eq!(caller.await.unwrap().as_str(), head);
        }
    }
    assert_eq!(std::fs::read_dir(cache.directory.path()).unwrap().count(), 2, "no trash");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_left_is_no_obstacle() {
    let work = WorkTree::new();
    work.commit(&[("a", "start")]);
    let repository = local(work.path());
    let cache = Cache::new();
    cache.git.resolve(&repository, "main").await.unwrap();
    let mirror = cache.mirror();
    std::fs::write(mirror.join("refs/windlass/heads/main.lock"), "").unwrap();
    std::fs::write(mirror.join("objects/pack/pack_git2_123"), "PACK").unwrap();
    std::fs::write(cache.directory.path().join("incoming/1-1.pack"), "PACK").unwrap();
    let options = windlass_git::Options { allow_local: true, ..Default::default() };
    let again = windlass_git::GitCache::open(cache.directory.path().to_owned(), options).unwrap();
    let head = work.commit(&[("a", "next")]);
    assert_eq!(again.resolve(&repository, "main").await.unwrap().revision.as_str(), head);
    assert!(mirror.join("refs/windlass/heads/main").exists() && !mirror.join("objects/pack/pack_git2_123").exists());
    assert_eq!(std::fs::read_dir(cache.directory.path().join("incoming")).unwrap().count(), 0);
}
