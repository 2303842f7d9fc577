//! Who may call, and who may renew.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::digest::Digest;
use windlass_domain::exchange::{Hello, PROTOCOL_VERSION};
use windlass_runtime::clock::Clock;
use windlass_store::{NewCluster, SealKey, SqlStore, StoreUrl};

use super::*;
use crate::agents::door::{Admitted, Door, REPORT_ONLY_AFTER};
use crate::pki::{PeerCertificate, Revocations};

const DAY: Duration = Duration::from_secs(86_400);

/// A cluster that has joined and had a session, with the hub's store.
struct World {
    store: Arc<dyn Store>,
    authority: Arc<Authority>,
    door: Door,
    cluster: Uuid,
    start: Timestamp,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let seal = SealKey::load_or_create(&dir.path().join("seal.key")).expect("a seal key");
        let url = StoreUrl::sqlite(dir.path().join("store.db"));
        let store: Arc<dyn Store> = Arc::new(SqlStore::open(&url, seal).await.expect("a store"));
        let authority = Authority::load(store.as_ref(), Clock::system()).await.expect("an authority");
        let start = Clock::system().now();
        let new = NewCluster {
            uid: Uuid::from_u128(1),
            name: "eu-1".into(),
            labels: Default::default(),
            server_aliases: Vec::new(),
        };
        let cluster = store.create_cluster(new, start).await.expect("a cluster").uid;
        let nothing = Digest::of(b"");
        let hello = Hello {
            instance: Uuid::nil(),
            protocol: PROTOCOL_VERSION,
            facts: ClusterFacts { kube_system_uid: "home".into(), ..ClusterFacts::default() },
            discovery: nothing,
            position: None,
            rows: nothing,
            reported: nothing,
        };
        store.open_session(cluster, &hello, start).await.expect("a session");
        let door = Door {
            store: Arc::clone(&store),
            authority: Arc::clone(&authority),
            revocations: Revocations::default(),
            report_only_after: REPORT_ONLY_AFTER,
        };
        Self { store, authority, door, cluster, start, _dir: dir }
    }

    /// A certificate that is so old at the start of the world.
    async fn certificate(&self, age: Duration) -> Peer {
        let key = KeyPair::generate().expect("a key");
        let csr = CertificateParams::default().serialize_request(&key).expect("a request");
        let csr = CertificateRequest::parse(csr.der()).expect("a request");
        let at = self.start - age;
        let issued = of_key(self.store.as_ref(), &self.authority, &csr, (self.cluster, None), at);
        let issued = issued.await.expect("a certificate");
        self.peer(PeerCertificate::read(&issued.der, self.authority.trust_domain()).expect("an agent's"))
    }

    fn peer(&self, certificate: PeerCertificate) -> Peer {
        Peer { certificate, address: ([127, 0, 0, 1], 1).into() }
    }

    /// What the hub answers to a call and to a renewal so much later; empty for yes.
    async fn answers(&self, peer: &Peer, later: Duration, kube_system_uid: &str) -> (String, String) {
        let now = self.start + later;
        let text = |answer: Admitted<_>| match answer {
            Ok(_) => String::new(),
            Err(not) => not.status(peer).message().to_owned(),
        };
        (text(self.door.called(peer, now).await), text(self.door.renewing(peer, kube_system_uid, now).await))
    }
}

#[tokio::test]
async fn a_certificate_that_has_ended_may_renew_within_the_grace_and_do_nothing_else() {
    let world = World::new().await;
    let peer = world.certificate(Duration::ZERO).await;
    assert_eq!(world.answers(&peer, 6 * DAY, "home").await, (String::new(), String::new()));
    for later in [8 * DAY, 96 * DAY] {
        let (call, renewal) = world.answers(&peer, later, "home").await;
        assert!(call.contains("it can only be renewed"), "{call}");
        assert_eq!(renewal, "");
    }
    let (_, renewal) = world.answers(&peer, 98 * DAY, "home").await;
    assert!(renewal.contains("more than 90 days ago") && renewal.contains("windlass cluster rejoin"), "{renewal}");
}

#[tokio::test]
async fn the_word_for_an_agent_says_that_renewing_helps_only_when_it_does() {
    let world = World::new().await;
    let peer = world.certificate(Duration::ZERO).await;
    let status = async |peer: &Peer, later| {
        world.door.called(peer, world.start + later).await.expect_err("a refusal").status(peer)
    };
    let ended = status(&peer, 8 * DAY).await;
    assert_eq!(ended.metadata().get("windlass-certificate").map(|word| word.as_bytes()), Some(&b"ended"[..]));
    let unknown = world.peer(PeerCertificate { serial: "01".into(), ..peer.certificate });
    assert!(status(&unknown, Duration::ZERO).await.metadata().get("windlass-certificate").is_none());
}

#[tokio::test]
async fn refused_renewals_say_why() {
    let world = World::new().await;
    let older = world.certificate(DAY).await;
    let peer = world.certificate(Duration::ZERO).await;
    let after = 8 * DAY;
    let stranger = world.peer(PeerCertificate { serial: "01".into(), ..peer.certificate.clone() });
    let foreign = world.peer(PeerCertificate { cluster: Uuid::from_u128(9), ..peer.certificate.clone() });
    for (who, uid, want) in [
        (&older, "home", "a newer one was issued"),
        (&peer, "elsewhere", "another cluster than before"),
        (&peer, "", "another cluster than before"),
        (&stranger, "home", "does not know the certificate 01"),
        (&foreign, "home", "does not know the certificate"),
    ] {
        let (call, renewal) = world.answers(who, after, uid).await;
        assert!(renewal.contains(want) && !call.is_empty(), "{renewal}");
    }
    let record = world.store.identity(world.cluster).await.expect("read");
    assert_eq!(record.forgotten.iter().map(|known| known.serial.as_str()).collect::<Vec<_>>(), ["01"]);
    world.store.delete_cluster("eu-1").await.expect("it is removed");
    let (_, renewal) = world.answers(&peer, Duration::ZERO, "home").await;
    assert!(renewal.contains("its cluster was removed"), "{renewal}");
}
