//! Joining a real listener, and impostors.

mod renewal;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tonic::Status;
use uuid::Uuid;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::identity::{JoinFile, JoinToken, Pin};
use windlass_proto::v1;
use windlass_runtime::clock::Clock;
use windlass_runtime::tls::PemIdentity;

use super::test_pki::{Pki, TRUST_DOMAIN};
use super::{Error, Files, Identity, join, join_once};
use crate::link::test_hub::{JoinAnswer, TestHub};

const CLUSTER: Uuid = Uuid::from_u128(7);

fn facts() -> ClusterFacts {
    ClusterFacts { kube_system_uid: "uid".into(), ..ClusterFacts::default() }
}

fn file(hub: &TestHub, pin: &Pki) -> JoinFile {
    JoinFile {
        version: 1,
        hub: format!("https://{}", hub.address),
        agents: "localhost:1".into(),
        cluster: CLUSTER,
        token: JoinToken::new(Uuid::nil(), [1; 32]).expose(),
        pins: vec![Pin::of(&pin.ca)],
        proxy: None,
    }
}

fn reply(pki: &Pki, request: &v1::JoinRequest, cluster: Uuid) -> v1::JoinReply {
    v1::JoinReply {
        certificate_der: vec![pki.sign(&request.csr_der, cluster), pki.ca.to_vec()],
        ca_der: vec![pki.ca.to_vec()],
        trust_domain: TRUST_DOMAIN.into(),
        agents_address: "hub.test:8444".into(),
        installation_id: Uuid::from_u128(3).as_bytes().to_vec(),
        digest_key: vec![4; 32],
        not_after_ms: 0,
    }
}

/// A hub that gives a certificate for `cluster` to everybody.
fn giving(pki: &Arc<Pki>, cluster: Uuid) -> JoinAnswer {
    let pki = Arc::clone(pki);
    Box::new(move |request| Ok(reply(&pki, request, cluster)))
}

async fn attempt(hub: &TestHub, pin: &Pki, directory: &Path) -> Result<Identity, Error> {
    join_once(&file(hub, pin), &Files::directory(directory), &facts(), &Clock::system()).await
}

fn error<T>(result: Result<T, Error>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn a_join_makes_an_identity_that_only_the_agent_can_read() {
    let (pki, directory) = (Arc::new(Pki::new()), tempfile::tempdir().expect("a directory"));
    let hub = TestHub::api(pki.server("localhost"), giving(&pki, CLUSTER)).await;
    let home = directory.path().join("identity");
    assert!(Identity::load(&Files::directory(&home)).expect("no identity").is_none());
    let joined = join(&file(&hub, &pki), &Files::directory(&home), &facts(), &Clock::system())
        .await
        .map_err(|error| error.to_string());
    let joined = joined.expect("it joins");
    let loaded = Identity::load(&Files::directory(&home)).expect("an identity").expect("an identity");
    assert_eq!((loaded.cluster, loaded.instance, loaded.not_after), (CLUSTER, joined.instance, joined.not_after));
    assert_eq!((loaded.agents_address.as_str(), loaded.kube_system_uid.as_str()), ("hub.test:8444", "uid"));
    assert_eq!((loaded.digest_key.expose(), loaded.installation), (&[4; 32], Uuid::from_u128(3)));
    assert_eq!(loaded.certificate.chain, joined.certificate.chain);
    let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    for entry in std::fs::read_dir(&home).expect("a directory") {
        assert_eq!(mode(&entry.expect("a file").path()), 0o600);
    }
}

#[tokio::test]
async fn another_authority_gets_no_token() {
    let (pki, other, directory) = (Arc::new(Pki::new()), Pki::new(), tempfile::tempdir().expect("a directory"));
    let hub = TestHub::api(pki.server("localhost"), giving(&pki, CLUSTER)).await;
    let refused = attempt(&hub, &other, directory.path()).await;
    assert!(matches!(refused, Err(Error::WrongAuthority { .. })), "{}", error(refused));
    assert_eq!(hub.calls(), 0);
}

#[tokio::test]
async fn showing_the_pinned_authority_is_not_enough() {
    let (pki, impostor, directory) = (Pki::new(), Arc::new(Pki::new()), tempfile::tempdir().expect("a directory"));
    let PemIdentity { chain, key } = impostor.server("localhost");
    let shown = PemIdentity { chain: vec![chain[0].clone(), pki.ca.clone(), impostor.ca.clone()], key };
    let hub = TestHub::api(shown, giving(&impostor, CLUSTER)).await;
    let refused = attempt(&hub, &pki, directory.path()).await;
    assert!(matches!(refused, Err(Error::WrongAuthority { .. })), "{}", error(refused));
    assert_eq!(hub.calls(), 0);
}

#[tokio::test]
async fn a_certificate_for_another_name_gets_no_token() {
    let (pki, directory) = (Arc::new(Pki::new()), tempfile::tempdir().expect("a directory"));
    let hub = TestHub::api(pki.server("elsewhere.test"), giving(&pki, CLUSTER)).await;
    let refused = error(attempt(&hub, &pki, directory.path()).await);
    assert!(refused.contains("elsewhere.test") && refused.contains("the token was not sent"), "{refused}");
    assert_eq!(hub.calls(), 0);
}

#[tokio::test]
async fn after_a_lost_answer_the_same_key_is_sent_again() {
    let (pki, directory) = (Arc::new(Pki::new()), tempfile::tempdir().expect("a directory"));
    let (lost, seen) = (AtomicBool::new(false), Arc::new(Mutex::new(Vec::new())));
    let answer: JoinAnswer = Box::new({
        let (pki, seen) = (Arc::clone(&pki), Arc::clone(&seen));
        move |request| {
            let csr =
                rcgen::CertificateSigningRequestParams::from_der(&request.csr_der.as_slice().into()).expect("a CSR");
            let key = rcgen::PublicKeyData::der_bytes(&csr.public_key).to_vec();
            seen.lock().push((key, request.instance.clone(), request.token.clone()));
            if lost.swap(true, Ordering::SeqCst) {
                Ok(reply(&pki, request, CLUSTER))
            } else {
                Err(Status::unavailable("gone"))
            }
        }
    });
    let hub = TestHub::api(pki.server("localhost"), answer).await;
    let first = attempt(&hub, &pki, directory.path()).await;
    assert!(first.as_ref().is_err_and(Error::is_retryable), "{}", error(first));
    let second = attempt(&hub, &pki, directory.path()).await;
    assert_eq!(error(second), "");
    let seen = seen.lock();
    assert_eq!((seen.len(), &seen[0]), (2, &seen[1]));
}

#[tokio::test]
async fn a_refusal_is_final_and_says_why() {
    let (pki, directory) = (Pki::new(), tempfile::tempdir().expect("a directory"));
    let answer: JoinAnswer = Box::new(|_| Err(Status::permission_denied("the token was used already")));
    let hub = TestHub::api(pki.server("localhost"), answer).await;
    let refused = attempt(&hub, &pki, directory.path()).await;
    assert!(refused.as_ref().is_err_and(|error| !error.is_retryable()));
    assert!(error(refused).ends_with("refused the join: the token was used already"));
}

#[tokio::test]
async fn a_certificate_for_another_cluster_is_not_taken() {
    let (pki, directory) = (Arc::new(Pki::new()), tempfile::tempdir().expect("a directory"));
    let hub = TestHub::api(pki.server("localhost"), giving(&pki, Uuid::from_u128(99))).await;
    let refused = attempt(&hub, &pki, directory.path()).await;
    assert!(matches!(refused, Err(Error::Reply(_))), "{}", error(refused));
    assert!(Identity::load(&Files::directory(directory.path())).expect("no identity").is_none());
}

#[tokio::test]
async fn a_damaged_identity_is_named_and_kept() {
    let (pki, directory) = (Arc::new(Pki::new()), tempfile::tempdir().expect("a directory"));
    let hub = TestHub::api(pki.server("localhost"), giving(&pki, CLUSTER)).await;
    assert_eq!(error(attempt(&hub, &pki, directory.path()).await), "");
    let key = directory.path().join("key.pem");
    std::fs::write(&key, "rubbish").expect("a file");
    let damaged = error(Identity::load(&Files::directory(directory.path())));
    assert!(damaged.contains("key.pem is damaged"), "{damaged}");
    assert!(!damaged.contains("rubbish"));
    let again = attempt(&hub, &pki, directory.path()).await;
    assert!(matches!(again, Err(Error::Damaged { .. })), "{}", error(again));
    assert_eq!(std::fs::read_to_string(&key).expect("a file"), "rubbish");
}

#[tokio::test]
async fn a_join_file_without_a_pin_is_refused() {
    let (pki, directory) = (Arc::new(Pki::new()), tempfile::tempdir().expect("a directory"));
    let hub = TestHub::api(pki.server("localhost"), giving(&pki, CLUSTER)).await;
    for broken in [
        JoinFile { pins: vec![], ..file(&hub, &pki) },
        JoinFile { hub: format!("http://{}", hub.address), ..file(&hub, &pki) },
        JoinFile { token: "x".into(), ..file(&hub, &pki) },
    ] {
        let refused = join_once(&broken, &Files::directory(directory.path()), &facts(), &Clock::system()).await;
        assert!(matches!(refused, Err(Error::JoinFile(_))), "{}", error(refused));
    }
    assert_eq!(hub.calls(), 0);
}
