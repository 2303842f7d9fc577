//! Servers that lie: about what refs point at, what a pack holds, and how large it becomes.

use std::process::{Command, Stdio};
use std::time::Duration;

use windlass_domain::revision::Revision;
use windlass_git::{Error, Options, Repository};

use crate::Cache;
use crate::server::{Mode, Server};
use crate::work_tree::{WorkTree, git};

/// A repository that a cache knows, and its first commit.
struct Bed {
    work: WorkTree,
    server: Server,
    repository: Repository,
    cache: Cache,
    first: String,
}

impl Bed {
    async fn new(change: impl FnOnce(&mut Options)) -> Self {
        let work = WorkTree::new();
        let first = work.commit(&[("a", "one")]);
        let server = Server::start(work.path().to_owned());
        let repository = server.repository(".git");
        let cache = Cache::with(change);
        cache.git.resolve(&repository, "main").await.unwrap();
        Self { work, server, repository, cache, first }
    }

    async fn refused(&self, mode: Mode) -> Error {
        self.server.set(mode);
        let error = self.cache.git.resolve(&self.repository, "main").await.unwrap_err();
        self.server.set(Mode::default());
        // The last good commit is still whole, and still where the branch was last seen.
        let first = Revision::parse(&self.first).unwrap();
        self.cache.git.tree(&self.repository, &first).await.unwrap();
        assert_eq!(git(&self.cache.mirror(), &["rev-parse", "refs/windlass/heads/main"]), self.first);
        error
    }
}

fn pack_of(work: &WorkTree, revisions: &str) -> Vec<u8> {
    let mut child = Command::new("git")
        .args(["pack-objects", "--revs", "--stdout", "-q"])
        .current_dir(work.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), revisions.as_bytes()).unwrap();
    child.wait_with_output().unwrap().stdout
}

fn refs(lines: &[String]) -> Option<Vec<u8>> {
    let mut out: Vec<u8> = lines.iter().flat_map(|l| format!("{:04x}{l}\n", l.len() + 5).into_bytes()).collect();
    out.extend_from_slice(b"0000");
    Some(out)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ref_that_names_no_commit_is_told_with_what_it_names() {
    let bed = Bed::new(|_| {}).await;
    let blob = bed.work.git(&["rev-parse", "HEAD:a"]);
    let tree = bed.work.git(&["rev-parse", "HEAD^{tree}"]);
    bed.work.git(&["tag", "blob", &blob]);
    bed.work.git(&["tag", "-a", "-m", "x", "tree", &tree]);
    for (name, what) in [("blob", "a blob"), ("refs/tags/tree", "a tree")] {
        let error = bed.cache.git.resolve(&bed.repository, name).await.unwrap_err();
        assert!(matches!(error, Error::NotACommit { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(what) && text.contains(name) && text.contains("localhost"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ref_at_an_object_that_is_not_given_out_is_refused() {
    let bed = Bed::new(|_| {}).await;
    let forged = refs(&[format!("{} refs/heads/main", "1".repeat(40))]);
    let error = bed.refused(Mode { refs: forged, ..Mode::default() }).await;
    assert!(matches!(error, Error::Protocol { .. }) && error.to_string().contains("does not give it out"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_without_what_was_offered_are_refused() {
    let bed = Bed::new(|_| {}).await;
    let other = WorkTree::new();
    other.commit(&[("x", "something else")]);
    bed.work.commit(&[("a", "two")]);
    let (foreign, empty) = (pack_of(&other, "main\n"), pack_of(&bed.work, ""));
    assert_eq!(&empty[..12], b"PACK\0\0\0\x02\0\0\0\0");
    for pack in [foreign, empty] {
        let error = bed.refused(Mode { pack: Some(pack), ..Mode::default() }).await;
        assert!(matches!(error, Error::Protocol { .. }) && error.to_string().contains("does not hold"), "{error}");
    }
    // A commit without its tree.
    let commit = bed.work.git(&["rev-parse", "HEAD"]);
    let error = bed.refused(Mode { pack: Some(pack_with_only(&bed.work, &commit)), ..Mode::default() }).await;
    assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
    let second = bed.cache.git.resolve(&bed.repository, "main").await.unwrap().revision;
    assert_eq!(second.as_str(), commit);
}

fn pack_with_only(work: &WorkTree, id: &str) -> Vec<u8> {
    let mut child = Command::new("git")
        .args(["pack-objects", "--stdout", "-q"])
        .current_dir(work.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{id}\n").as_bytes()).unwrap();
    child.wait_with_output().unwrap().stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_announces_billions_of_objects_is_refused_unread() {
    let bed = Bed::new(|options| options.fetch_objects = u64::MAX).await;
    bed.work.commit(&[("a", "two")]);
    let mut pack = pack_of(&bed.work, "main\n");
    pack[8..12].copy_from_slice(&[0xff; 4]);
    let error = bed.refused(Mode { pack: Some(pack), ..Mode::default() }).await;
    assert!(error.to_string().contains("more objects than fit"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_objects_and_too_large_a_one_are_refused_by_name() {
    let bed = Bed::new(|options| options.fetch_objects = 10).await;
    let files: Vec<(String, String)> = (0..20).map(|n| (format!("f{n}"), n.to_string())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    bed.work.commit(&files);
    let error = bed.refused(Mode::default()).await;
    assert!(matches!(error, Error::TooLarge { limit: 10, unit: "objects in one fetch", .. }), "{error:?}");

    // 64 MiB of one letter are 64 KiB on the way.
    let bed = Bed::new(|options| options.object_bytes = 1 << 20).await;
    bed.work.commit(&[("bomb", &"a".repeat(64 << 20))]);
    let error = bed.refused(Mode::default()).await;
    assert!(matches!(error, Error::TooLarge { limit: 1_048_576, unit: "bytes in one object", .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_list_of_refs_is_cut_off() {
    let bed = Bed::new(|options| options.max_refs = 10).await;
    let lines: Vec<String> = (0..2000).map(|n| format!("{} refs/heads/main{n}", "1".repeat(40))).collect();
    let error = bed.refused(Mode { refs: refs(&lines), ..Mode::default() }).await;
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_given_up() {
    let limit = Duration::from_millis(500);
    let bed = Bed::new(|options| (options.ask_timeout, options.fetch_timeout) = (limit, limit)).await;
    bed.work.commit(&[("a", "two")]);
    let error = bed.refused(Mode { hang: Some(Duration::from_secs(5)), ..Mode::default() }).await;
    assert!(matches!(error, Error::Timeout { .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_and_what_is_gone_are_told_apart() {
    let bed = Bed::new(|_| {}).await;
    let answer =
        |status: &str| Mode { answer: Some((status.into(), "text/html".into(), "x".into())), ..Mode::default() };
    for (status, retryable, words) in [
        ("403 Forbidden", false, "may not read this repository"),
        ("404 Not Found", false, "does not exist"),
        ("410 Gone", false, "does not exist"),
        ("429 Too Many", true, "unreachable"),
        ("500 Oops", true, "unreachable"),
        ("200 OK", true, "is this the address of a git repository?"),
    ] {
        let error = bed.refused(answer(status)).await;
        assert!(error.to_string().contains(words), "{status}: {error}");
        assert_eq!(error.is_retryable(), retryable, "{status}: {error}");
    }
    bed.work.git(&["branch", "-m", "trunk"]);
    let error = bed.refused(Mode::default()).await;
    assert!(matches!(error, Error::RefNotFound { .. }), "{error:?}");
}
