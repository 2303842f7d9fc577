//! Reading a commit's files.

use windlass_domain::revision::Revision;
use windlass_domain::source::{EntryKind, SourceError, SourceTree, TreePath};
use windlass_git::GitTree;

use crate::work_tree::WorkTree;
use crate::{Cache, local};

fn path(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

async fn tree(cache: &Cache, work: &WorkTree) -> (GitTree, Revision) {
    let repository = local(work.path());
    let got = cache.git.resolve(&repository, "").await.unwrap();
    (cache.git.tree(&repository, &got.revision).await.unwrap(), got.revision)
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_submodules_are_reported_not_followed() {
    let work = WorkTree::new();
    let secret = work.path().parent().unwrap().join("secret");
    std::os::unix::fs::symlink("/etc", work.path().join("etc")).unwrap();
    std::os::unix::fs::symlink("../../../etc/passwd", work.path().join("passwd")).unwrap();
    std::os::unix::fs::symlink("dir", work.path().join("inside")).unwrap();
    let head = work.commit(&[("dir/a", "text"), ("b", "12345")]);
    work.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},sub")]);
    work.git(&["commit", "-q", "-m", "submodule"]);
    let cache = Cache::new();
    let (tree, _) = tree(&cache, &work).await;
    let listed: Vec<_> = tree.list(&path("")).unwrap().into_iter().map(|e| (e.name, e.kind, e.size)).collect();
    let want = [
        ("b", EntryKind::File, 5),
        ("dir", EntryKind::Directory, 0),
        ("etc", EntryKind::Symlink, 0),
        ("inside", EntryKind::Symlink, 0),
        ("passwd", EntryKind::Symlink, 0),
        ("sub", EntryKind::Submodule, 0),
    ];
    assert_eq!(listed, want.map(|(n, k, s)| (n.to_owned(), k, s)));
    for file in ["etc", "passwd", "inside", "etc/passwd", "inside/a", "sub", "sub/x", "b/x"] {
        let error = tree.read(&path(file), 99).unwrap_err();
        assert!(matches!(error, SourceError::WrongKind { .. }), "{file}: {error}");
        let error = tree.list(&path(file)).unwrap_err();
        assert!(matches!(error, SourceError::WrongKind { .. }), "{file}: {error}");
    }
    assert!(matches!(tree.read(&path("dir"), 99), Err(SourceError::WrongKind { .. })));
    assert!(matches!(tree.read(&path("nothing"), 99), Err(SourceError::NotFound(_))));
    assert!(matches!(tree.read(&path("dir/nothing/more"), 99), Err(SourceError::NotFound(_))));
    assert!(matches!(tree.read(&path("b"), 4), Err(SourceError::TooLarge { size: 5, .. })));
    assert!(TreePath::parse("../secret").is_err() && TreePath::parse(secret.to_str().unwrap()).is_err());
    assert_eq!(tree.read_link(&path("passwd")).unwrap(), "../../../etc/passwd");
    assert!(matches!(tree.read_link(&path("b")), Err(SourceError::WrongKind { .. })));
    // A path made without parsing still stays inside.
    let climbing = TreePath::root().join("..").join("..").join("etc").join("passwd");
    assert!(matches!(tree.read(&climbing, 99), Err(SourceError::NotFound(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_tree_is_refused() {
    let work = WorkTree::new();
    work.commit(&[("a", "one")]);
    // `git mktree` forbids such names, `hash-object --literally` writes what it is told.
    let blob = work.git(&["rev-parse", "HEAD:a"]);
    let mut raw = b"100644 ..\0".to_vec();
    raw.extend((0..40).step_by(2).map(|i| u8::from_str_radix(&blob[i..i + 2], 16).unwrap()));
    std::fs::write(work.path().join("raw"), raw).unwrap();
    let tree_id = work.git(&["hash-object", "-t", "tree", "-w", "--literally", "raw"]);
    let commit = work.git(&["commit-tree", &tree_id, "-m", "forged"]);
    work.git(&["reset", "-q", "--soft", &commit]);
    let cache = Cache::new();
    let (tree, _) = tree(&cache, &work).await;
    assert!(matches!(tree.list(&path("")), Err(SourceError::Outside(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_read_matters() {
    let work = WorkTree::new();
    work.commit(&[("app/a", "one"), ("app/deep/x", "1"), ("other/b", "two")]);
    let cache = Cache::new();
    let repository = local(work.path());
    let (first, _) = tree(&cache, &work).await;
    first.list(&path("app")).unwrap();
    first.read(&path("app/a"), 99).unwrap();
    first.read(&path("app/kustomization.yaml"), 99).unwrap_err();
    let reads = first.reads();
    assert_eq!(reads.len(), 3);
    assert_eq!(reads[&path("app/kustomization.yaml")], None);
    let unchanged = async |files: &[(&str, &str)]| {
        work.commit(files);
        let got = cache.git.resolve(&repository, "").await.unwrap();
        let same = cache.git.unchanged(&repository, &got.revision, &reads).await.unwrap();
        work.git(&["reset", "-q", "--hard", "HEAD~1"]);
        same
    };
    assert!(unchanged(&[]).await);
    assert!(unchanged(&[("other/b", "three")]).await);
    assert!(unchanged(&[("app/deep/x", "2")]).await, "only the names in app were read");
    assert!(!unchanged(&[("app/a", "changed")]).await);
    assert!(!unchanged(&[("app/new", "")]).await);
    assert!(!unchanged(&[("app/kustomization.yaml", "")]).await);
    // The same bytes as a link are not the same.
    std::fs::remove_file(work.path().join("app/a")).unwrap();
    std::os::unix::fs::symlink("one", work.path().join("app/a")).unwrap();
    assert!(!unchanged(&[]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_filters_and_hooks_run_nothing() {
    let work = WorkTree::new();
    let mark = work.path().join("ran");
    let run = format!("touch {}", mark.display());
    work.commit(&[("app/a.yaml", "k: $Id$\n"), (".gitattributes", "* text eol=crlf ident filter=evil\n")]);
    for (setting, value) in [("filter.evil.smudge", &run), ("filter.evil.clean", &run), ("core.fsmonitor", &run)] {
        work.git(&["config", setting, value]);
    }
    for hook in ["post-checkout", "reference-transaction", "post-update"] {
        let file = work.path().join(".git/hooks").join(hook);
        std::fs::write(&file, format!("#!/bin/sh\n{run}\n")).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let cache = Cache::new();
    let (tree, _) = tree(&cache, &work).await;
    assert_eq!(tree.read(&path("app/a.yaml"), 99).unwrap(), b"k: $Id$\n", "the bytes that were committed");
    assert!(!mark.exists(), "nothing ran");
}
