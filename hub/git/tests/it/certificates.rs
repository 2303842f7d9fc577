//! Client certificates against a server that demands one, and what never reaches another host.

use windlass_git::{ClientCertificate, Credentials, Error};

use crate::Cache;
use crate::server::{Certificates, Mode, Server};
use crate::work_tree::WorkTree;

fn served() -> (WorkTree, Server, Certificates) {
    let work = WorkTree::new();
    work.commit(&[("a", "one")]);
    let (server, clients) = Server::demanding(work.path().to_owned());
    (work, server, clients)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demanded_client_certificate_is_shown() {
    let (work, server, clients) = served();
    let (chain, key) = clients.issue();
    let certificate = ClientCertificate::parse(&chain, &key).unwrap();
    let cache = Cache::new();
    let got = cache.git.resolve(&server.repository(".git").with_client_certificate(certificate), "").await.unwrap();
    assert_eq!(got.revision.as_str(), work.git(&["rev-parse", "HEAD"]));
    assert!(server.take_log().iter().any(|request| request.is_fetch()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_certificate_nothing_is_said_and_the_setting_is_named() {
    let (_work, server, _) = served();
    let cache = Cache::new();
    let error = cache.git.resolve(&server.repository(".git"), "").await.unwrap_err();
    // The server may have closed the connection before its alert was read.
    assert!(matches!(error, Error::Tls { .. } | Error::Unreachable { .. }), "{error:?}");
    if let Error::Tls { .. } = &error {
        assert!(error.to_string().contains("--tls-client-cert-path"), "{error}");
    }
    let (chain, key) = Certificates::new().issue();
    let stranger = ClientCertificate::parse(&chain, &key).unwrap();
    let error = cache.git.resolve(&server.repository(".git").with_client_certificate(stranger), "").await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. } | Error::Unreachable { .. }), "{error:?}");
    assert!(server.take_log().is_empty(), "no request, and so no password, was taken");
}

#[test]
fn a_pair_that_does_not_fit_is_refused_without_repeating_it() {
    let clients = Certificates::new();
    let ((chain, key), (_, other)) = (clients.issue(), clients.issue());
    assert!(ClientCertificate::parse(&chain, &key).is_ok());
    for (chain, key, words) in [
        (chain.as_str(), other.as_str(), "is not the key of the certificate"),
        (&chain, "hunter2", "no private key"),
        (&key, &key, "no PEM certificate"),
        ("", &key, "no PEM certificate"),
    ] {
        let error = ClientCertificate::parse(chain, key).err().unwrap().to_string();
        assert!(error.contains(words) && !error.contains("hunter2") && !error.contains("BEGIN"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_follows_a_redirect_to_another_host() {
    let (work, server, clients) = served();
    let (stranger, _) = Server::demanding(work.path().to_owned());
    let (chain, key) = clients.issue();
    let certificate = ClientCertificate::parse(&chain, &key).unwrap();
    // Another port, another name of this machine.
    for host in ["localhost", "127.0.0.1"] {
        let target = format!("https://{host}:{}", stranger.address.port());
        server.set(Mode { redirect: Some(target.clone()), ..Mode::default() });
        for credentials in [Credentials::basic("me", crate::server::PASSWORD), Credentials::bearer("t")] {
            server.set_bearer("t");
            let repository = server.repository(".git").with_client_certificate(certificate.clone());
            let error = Cache::new().git.resolve(&repository.with_credentials(credentials), "main").await.unwrap_err();
            assert!(matches!(&error, Error::RedirectRefused { target: t, .. } if *t == target), "{error:?}");
        }
    }
    assert_eq!(stranger.connections(), 0, "not even a connection, which would show the client certificate");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_redirects_a_fetch_elsewhere_gets_nothing_to_follow() {
    let (work, server, clients) = served();
    let (stranger, _) = Server::demanding(work.path().to_owned());
    let (chain, key) = clients.issue();
    let repository = server.repository(".git").with_client_certificate(ClientCertificate::parse(&chain, &key).unwrap());
    let target = format!("https://127.0.0.1:{}", stranger.address.port());
    server.set(Mode { redirect_post: Some(target), ..Mode::default() });
    let error = Cache::new().git.resolve(&repository, "main").await.unwrap_err();
    assert!(matches!(&error, Error::RedirectRefused { .. }), "{error:?}");
    assert_eq!(stranger.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insecure_repository_takes_any_server_and_no_other_repository_does() {
    let work = WorkTree::new();
    work.commit(&[("a", "one")]);
    let server = Server::start(work.path().to_owned());
    let mut unknown = server.repository(".git");
    unknown.ca_pem = None;
    let cache = Cache::new();
    cache.git.resolve(&unknown.clone().insecure(), "").await.unwrap();
    work.commit(&[("a", "two")]);
    let error = cache.git.resolve(&unknown, "").await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "connections are not shared across that line: {error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_certificate_is_refused_and_the_mirror_stays() {
    let work = WorkTree::new();
    let first = work.commit(&[("a", "one")]);
    let server = Server::start(work.path().to_owned());
    let (cache, repository) = (Cache::new(), server.repository(".git"));
    cache.git.resolve(&repository, "main").await.unwrap();
    work.commit(&[("a", "two")]);
    server.take_log();
    server.change_certificate();
    let error = cache.git.resolve(&repository, "main").await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    assert!(server.take_log().is_empty(), "no password went to it");
    let first = windlass_domain::revision::Revision::parse(&first).unwrap();
    cache.git.tree(&repository, &first).await.unwrap();
}
