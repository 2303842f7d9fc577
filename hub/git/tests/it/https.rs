//! Over TLS, against `git http-backend`.

use windlass_domain::source::{SourceTree, TreePath};
use windlass_git::{Credentials, Error, RepositoryUrl};

use crate::Cache;
use crate::server::{Mode, Server};
use crate::work_tree::WorkTree;

/// A repository and a server for it at `/`; the repository's own path is `.git`.
fn served() -> (WorkTree, Server) {
    let work = WorkTree::new();
    work.commit(&[("a.yaml", "one")]);
    let server = Server::start(work.path().to_owned());
    (work, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_fetched_and_followed() {
    for version_0 in [false, true] {
        let (work, server) = served();
        server.set(Mode { version_0, ..Mode::default() });
        let cache = Cache::new();
        let repository = server.repository(".git");
        let first = cache.git.resolve(&repository, "").await.unwrap();
        assert_eq!(first.revision.as_str(), work.git(&["rev-parse", "HEAD"]));
        assert_eq!(first.ref_name.as_deref(), Some("refs/heads/main"));

        let second = work.commit(&[("a.yaml", "two"), ("b/c.yaml", "x")]);
        let got = cache.git.resolve(&repository, "main").await.unwrap();
        assert_eq!((got.revision.as_str(), got.rewritten), (second.as_str(), false));
        let tree = cache.git.tree(&repository, &got.revision).await.unwrap();
        assert_eq!(tree.read(&TreePath::parse("a.yaml").unwrap(), 99).unwrap(), b"two");
        let info = cache.git.commit_info(&repository, &got.revision).await.unwrap();
        assert_eq!((info.author.as_str(), info.message.as_str()), ("Ann <ann@example.com>", "change\n\nwhy\n"));
        // The second fetch names what is here, so that the server sends only what is new.
        let fetches: Vec<_> = server.take_log().into_iter().filter(|r| r.is_fetch()).collect();
        assert_eq!(fetches.len(), 2);
        assert!(fetches[1].text().contains(&format!("have {}", first.revision)), "{}", fetches[1].text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_poll_is_one_question_for_one_ref() {
    let (work, server) = served();
    (0..20).for_each(|n| drop(work.git(&["branch", &format!("other-{n}")])));
    let cache = Cache::new();
    let repository = server.repository(".git");
    cache.git.resolve(&repository, "main").await.unwrap();
    let cold = server.take_log();
    cache.git.resolve(&repository, "main").await.unwrap();
    let warm = server.take_log();
    assert_eq!(warm.len(), 1, "{warm:?}");
    let text = warm[0].text();
    assert!(text.contains("ref-prefix refs/heads/main\n") && !text.contains("want "), "{text}");
    assert_eq!(warm[0].peer, cold[0].peer, "the connection is reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_server_is_polled_without_fetching() {
    let (_work, server) = served();
    server.set(Mode { version_0: true, ..Mode::default() });
    let cache = Cache::new();
    let repository = server.repository(".git");
    cache.git.resolve(&repository, "main").await.unwrap();
    server.take_log();
    cache.git.resolve(&repository, "main").await.unwrap();
    let warm = server.take_log();
    assert_eq!(warm.iter().map(|r| r.method.as_str()).collect::<Vec<_>>(), ["GET"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_poll_for_a_version_is_one_question_for_its_tags() {
    for version_0 in [false, true] {
        let (work, server) = served();
        ["web/1.0.0", "web/1.4.0", "api/1.9.0", "1.9.0"].iter().for_each(|tag| drop(work.git(&["tag", tag])));
        server.set(Mode { version_0, ..Mode::default() });
        let cache = Cache::new();
        let repository = server.repository(".git");
        let got = cache.git.resolve_tagged(&repository, "1.x", "web/").await.unwrap();
        assert_eq!(got.ref_name.as_deref(), Some("refs/tags/web/1.4.0"));
        server.take_log();
        cache.git.resolve_tagged(&repository, "1.x", "web/").await.unwrap();
        let warm = server.take_log();
        assert_eq!(warm.len(), 1, "{warm:?}");
        assert!(version_0 || warm[0].text().contains("ref-prefix refs/tags/web/\n"), "{}", warm[0].text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_fetched_by_id_whole_or_abbreviated() {
    for version_0 in [false, true] {
        let (work, server) = served();
        let old = work.git(&["rev-parse", "HEAD"]);
        work.commit(&[("a.yaml", "two")]);
        server.set(Mode { version_0, ..Mode::default() });
        let repository = server.repository(".git");
        for text in [old.as_str(), &old[..8]] {
            let cache = Cache::new();
            let got = cache.git.resolve(&repository, text).await.unwrap();
            assert_eq!((got.revision.as_str(), got.ref_name), (old.as_str(), None));
        }
        let cache = Cache::new();
        cache.git.resolve(&repository, &old).await.unwrap();
        server.take_log();
        cache.git.resolve(&repository, &old).await.unwrap();
        assert_eq!(server.take_log().len(), 0, "a commit that is here needs no network");
        let error = cache.git.resolve(&repository, &"1".repeat(40)).await.unwrap_err();
        assert!(matches!(error, Error::RefNotFound { .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_authority_is_refused() {
    let (_work, server) = served();
    let other = Server::start(server_projects());
    let cache = Cache::new();
    let error = cache.git.resolve(&server.repository(".git").with_ca(&other.ca_pem), "").await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }) && !error.is_retryable(), "{error:?}");
    let mut system = server.repository(".git");
    system.ca_pem = None;
    let error = cache.git.resolve(&system, "").await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    assert!(server.take_log().is_empty());
}

fn server_projects() -> std::path::PathBuf {
    std::env::temp_dir()
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_missing_credentials_are_told_apart() {
    let (_work, server) = served();
    let cache = Cache::new();
    let wrong = server.repository(".git").with_credentials(Credentials::basic("me", "s3cret"));
    let error = cache.git.resolve(&wrong, "").await.unwrap_err();
    assert!(matches!(error, Error::Authentication { status: 401, .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    let mut none = server.repository(".git");
    none.credentials = None;
    let error = cache.git.resolve(&none, "").await.unwrap_err().to_string();
    assert!(error.contains("no credentials"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named() {
    let (work, server) = served();
    work.git(&["branch", "release-1.2"]);
    let cache = Cache::new();
    let error = cache.git.resolve(&server.repository("nothing.git"), "").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    let error = cache.git.resolve(&server.repository(".git"), "release-1.3").await.unwrap_err();
    let Error::RefNotFound { available, .. } = error else { panic!("{error}") };
    assert_eq!(available, ["release-1.2"]);
    server.set(Mode { answer: Some(("200 OK".into(), "text/html".into(), "<html>".into())), ..Mode::default() });
    let error = cache.git.resolve(&server.repository(".git"), "main").await.unwrap_err().to_string();
    assert!(error.contains("text/html"), "{error}");
    server.set(Mode { answer: Some(("503 Busy".into(), "text/html".into(), String::new())), ..Mode::default() });
    let error = cache.git.resolve(&server.repository(".git"), "main").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_retryable(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_stay_on_the_host() {
    let (work, server) = served();
    let stranger = Server::start(work.path().to_owned());
    let repository = server.repository(".git");

    let target = format!("https://localhost:{}", stranger.address.port());
    server.set(Mode { redirect: Some(target.clone()), ..Mode::default() });
    let error = Cache::new().git.resolve(&repository, "main").await.unwrap_err();
    assert!(matches!(&error, Error::RedirectRefused { target: t, .. } if *t == target), "{error:?}");
    assert!(stranger.take_log().is_empty(), "nothing, credentials least of all, went elsewhere");

    server.set(Mode { redirect: Some("/moved".into()), ..Mode::default() });
    let cache = Cache::new();
    cache.git.resolve(&repository, "main").await.unwrap();
    server.take_log();
    cache.git.resolve(&repository, "main").await.unwrap();
    let warm: Vec<_> = server.take_log().into_iter().map(|r| r.target).collect();
    assert_eq!(warm, ["/moved/.git/git-upload-pack"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_callers_share_questions() {
    let (_work, server) = served();
    let cache = Cache::new();
    let repository = server.repository(".git");
    cache.git.resolve(&repository, "main").await.unwrap();
    server.take_log();
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let (git, repository) = (cache.git.clone(), repository.clone());
            tokio::spawn(async move { git.resolve(&repository, "main").await.unwrap() })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let asked = server.take_log().len();
    assert!(asked < 10, "{asked} questions for 50 callers");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_carries_no_credentials_off_the_machine() {
    let error = RepositoryUrl::parse("http://git.example.com/a").unwrap_err();
    assert!(matches!(error, Error::InvalidUrl { .. }), "{error}");
}
