//! Renewing at a real listener, and what a kill leaves behind.

use windlass_domain::time::Timestamp;

use super::*;
use crate::identity::directory;
use crate::identity::renew::renew_once;
use crate::link::test_hub::RenewAnswer;

/// An agent that has joined, its files in a directory.
struct Joined {
    pki: Arc<Pki>,
    home: tempfile::TempDir,
}

impl Joined {
    async fn new() -> Self {
        let (pki, home) = (Arc::new(Pki::new()), tempfile::tempdir().expect("a directory"));
        let hub = TestHub::api(pki.server("localhost"), giving(&pki, CLUSTER)).await;
        assert_eq!(error(attempt(&hub, &pki, home.path()).await), "");
        Self { pki, home }
    }

    /// As it is on disk, with this hub's address.
    fn identity(&self, hub: &TestHub) -> Identity {
        let identity = Identity::load(&Files::directory(self.home.path())).expect("an identity").expect("an identity");
        Identity { agents_address: hub.address.clone(), ..identity }
    }

    async fn renew(&self, hub: &TestHub) -> Result<Identity, Error> {
        renew_once(&self.identity(hub), &Files::directory(self.home.path()), "uid", &Clock::system()).await
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.home.path()).expect("a directory");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// A hub that renews for everybody, and what it was asked: public keys.
fn signing(pki: &Arc<Pki>, cluster: Uuid) -> (RenewAnswer, Arc<Mutex<Vec<Vec<u8>>>>) {
    let (pki, seen) = (Arc::clone(pki), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&seen);
    let answer = move |request: &v1::RenewRequest| {
        assert_eq!(request.kube_system_uid, "uid");
        let csr = rcgen::CertificateSigningRequestParams::from_der(&request.csr_der.as_slice().into()).expect("a CSR");
        noted.lock().push(rcgen::PublicKeyData::der_bytes(&csr.public_key).to_vec());
        Ok(v1::RenewReply {
            certificate_der: vec![pki.sign(&request.csr_der, cluster)],
            ca_der: vec![pki.ca.to_vec()],
            not_after_ms: 0,
        })
    };
    (Box::new(answer), seen)
}

#[tokio::test]
async fn a_renewal_is_durable_and_leaves_nothing_of_the_old_key() {
    let agent = Joined::new().await;
    let (answer, seen) = signing(&agent.pki, CLUSTER);
    let hub = TestHub::renewing(&agent.pki, answer).await;
    let before = agent.identity(&hub);
    let renewed = agent.renew(&hub).await.map_err(|error| error.to_string()).expect("a renewal");
    assert_ne!(renewed.serial, before.serial);
    assert_eq!((renewed.cluster, renewed.instance), (before.cluster, before.instance));
    let loaded = agent.identity(&hub);
    assert_eq!((&loaded.serial, &loaded.certificate.chain), (&renewed.serial, &renewed.certificate.chain));
    assert_ne!(loaded.certificate.key.secret_der(), before.certificate.key.secret_der());
    let key = format!("key-{}.pem", renewed.serial);
    assert_eq!(agent.files(), ["digest.key", "identity.json", "instance", "joined", &key]);
    let calls = seen.lock().clone();
    assert!(calls.len() == 2 && calls[0] == calls[1], "asked once as the old identity and once as the new one");

    let again = agent.renew(&hub).await.map_err(|error| error.to_string()).expect("another renewal");
    assert_eq!(
        agent.files(),
        ["digest.key", "identity.json", "instance", "joined", &format!("key-{}.pem", again.serial)]
    );
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let agent = Joined::new().await;
    let (answer, seen) = signing(&agent.pki, CLUSTER);
    let lost = AtomicBool::new(false);
    let hub = TestHub::renewing(
        &agent.pki,
        Box::new(move |request| {
            let reply = answer(request);
            if lost.swap(true, Ordering::SeqCst) { reply } else { Err(Status::unavailable("gone")) }
        }),
    )
    .await;
    let before = agent.identity(&hub);
    let failed = agent.renew(&hub).await;
    assert!(failed.as_ref().is_err_and(Error::is_retryable), "{}", error(failed));
    assert_eq!(agent.identity(&hub).serial, before.serial, "the old identity is the one in force");
    assert_eq!(error(agent.renew(&hub).await), "");
    let seen = seen.lock();
    assert_eq!((seen.len(), &seen[0]), (3, &seen[1]));
}

#[tokio::test]
async fn a_kill_between_any_two_writes_leaves_one_good_identity() {
    let agent = Joined::new().await;
    let (answer, _) = signing(&agent.pki, CLUSTER);
    let hub = TestHub::renewing(&agent.pki, answer).await;
    // Killed when the new key has its own file and identity.json does not name it yet.
    directory::prepare_renewal(&Files::directory(agent.home.path())).map_err(|error| error.to_string()).expect("a key");
    std::fs::copy(agent.home.path().join("next.pem"), agent.home.path().join("key-ff.pem")).expect("a copy");
    let before = agent.identity(&hub);
    let renewed = agent.renew(&hub).await.map_err(|error| error.to_string()).expect("a renewal");
    assert_ne!(renewed.serial, before.serial);
    // Killed when identity.json names the new key and next.pem is still there: it is not used a second time.
    let key = agent.home.path().join(format!("key-{}.pem", renewed.serial));
    std::fs::copy(&key, agent.home.path().join("next.pem")).expect("a copy");
    let again = agent.renew(&hub).await.map_err(|error| error.to_string()).expect("a renewal");
    assert_ne!(again.certificate.key.secret_der(), renewed.certificate.key.secret_der());
    assert_eq!(agent.identity(&hub).serial, again.serial);
}

#[tokio::test]
async fn refused_renewals_and_wrong_certificates_change_nothing() {
    let agent = Joined::new().await;
    let refusing: RenewAnswer = Box::new(|_| Err(Status::unauthenticated("the certificate 01 was revoked")));
    let (foreign, _) = signing(&agent.pki, Uuid::from_u128(99));
    for (answer, want) in
        [(refusing, "refused to renew the certificate: the certificate 01 was revoked"), (foreign, "not for")]
    {
        let hub = TestHub::renewing(&agent.pki, answer).await;
        let before = agent.identity(&hub).serial;
        let said = error(agent.renew(&hub).await);
        assert!(said.contains(want), "{said}");
        assert_eq!(agent.identity(&hub).serial, before);
    }
}

#[test]
fn a_certificate_is_renewed_at_two_thirds_of_its_life() {
    let at = |second: i64| Timestamp::from_second(second).expect("a time");
    let identity = Identity { not_before: at(0), not_after: at(7 * 86_400), ..Pki::new().identity("hub.test:1") };
    let day = 86_400.0;
    let due = |entropy| identity.renewal_due(entropy).as_second() as f64 / day;
    assert!((due(0) - 4.67).abs() < 0.01 && (due(u64::MAX) - 5.02).abs() < 0.01, "{} {}", due(0), due(u64::MAX));
}
