//! Sessions and fetches against a real listener.

mod renewal;

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::desired_state::{Chain, Delta, DesiredState, Position};
use windlass_domain::digest::Digest;
use windlass_domain::discovery::{ApiResource, Discovery};
use windlass_domain::exchange::agent::{Reported, digest_of};
use windlass_domain::exchange::{AgentMessage, HubMessage};
use windlass_domain::health::HealthStatus;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::name::ApplicationName;
use windlass_domain::status::{ResourceStatus, SyncStatus, TargetReport, TargetSummary};
use windlass_domain::target::{TargetRow, TargetSpec};
use windlass_runtime::clock::Clock;

use super::test_hub::{Peer, TestHub};
use super::{Connection, Desired, Fetched, Fetcher, Input, Service, Standing, fetch};
use crate::identity::Credentials;
use crate::identity::test_pki::Pki;

const APPLICATION: Uuid = Uuid::from_u128(1);

/// A durable copy in memory.
#[derive(Default)]
struct Copy {
    taken: Mutex<(Option<Position>, DesiredState)>,
    kept: Mutex<Vec<(Digest, Vec<u8>)>>,
}

#[async_trait]
impl Desired for Copy {
    async fn standing(&self) -> Standing {
        let (position, state) = self.taken.lock().clone();
        let discovery = self.discovery().await.digest();
        Standing { position, rows: state.digest(), discovery, facts: ClusterFacts::default(), frozen: vec![] }
    }
    async fn take(&self, delta: Delta) -> Result<(), String> {
        let mut taken = self.taken.lock();
        let next = taken.1.advanced(taken.0.as_ref(), &delta).map_err(|refused| refused.to_string())?;
        *taken = (Some(delta.to), next);
        Ok(())
    }
    async fn keep(&self, digest: Digest, bytes: Vec<u8>) {
        self.kept.lock().push((digest, bytes));
    }
    async fn discovery(&self) -> Discovery {
        let text = |text: &str| text.to_owned();
        let (group, version, kind, plural) = (text("apps"), text("v1"), text("Deployment"), text("deployments"));
        Discovery::new(vec![ApiResource { group, version, kind, plural, namespaced: true }], vec![])
    }
    fn watches_live(&self) -> bool {
        true
    }
}

/// A running link.
struct Running {
    engine: mpsc::Sender<Input>,
    credentials: Credentials,
    copy: Arc<Copy>,
    connection: watch::Receiver<Connection>,
    fetcher: Fetcher,
    _running: DropGuard,
}

fn start(pki: &Pki, address: &str) -> Running {
    let (engine, inbox) = mpsc::channel(1);
    let copy = Arc::new(Copy::default());
    let credentials = Credentials::new(pki.identity(address));
    let service = Service::new(credentials.clone(), Clock::system(), inbox, Arc::clone(&copy));
    let (connection, fetcher) = (service.connection(), service.fetcher());
    let stop = CancellationToken::new();
    tokio::spawn(service.run(stop.clone()));
    Running { engine, credentials, copy, connection, fetcher, _running: stop.drop_guard() }
}

impl Running {
    async fn engine_says(&self, input: Input) {
        self.engine.send(input).await.expect("the link runs");
    }

    /// Why there is no session, once there was an attempt.
    async fn down(&mut self) -> String {
        let tried =
            |connection: &Connection| matches!(connection, Connection::Down { reason, .. } if !reason.is_empty());
        match self.connection.wait_for(tried).await.expect("the link runs").clone() {
            Connection::Down { reason, .. } => reason,
            Connection::Up { .. } => String::new(),
        }
    }
}

fn delta(from: u64, to: u64, revision: &str) -> Delta {
    let row = TargetRow::Present(TargetSpec {
        revision: revision.into(),
        default_namespace: "shop".into(),
        ..TargetSpec::of(
            APPLICATION,
            ApplicationName::new("", "web").expect("a name"),
            Digest::of(b"bundle"),
            Digest::of(b"settings"),
        )
    });
    let after = DesiredState::of([row.clone()]);
    let to = Position { incarnation: Uuid::nil(), generation: to, chain: Chain::START };
    Delta { from, to, digest: after.digest(), rows: vec![row], finished: vec![], full: from == 0 }
}

fn report(objects: u32) -> TargetReport {
    let summary =
        TargetSummary { revision: "abc".into(), ..TargetSummary::of(SyncStatus::Synced, HealthStatus::Healthy) };
    let status = |n: u32| ResourceStatus {
        key: ResourceKey {
            group: "apps".into(),
            kind: "Deployment".into(),
            namespace: "shop".into(),
            name: format!("web-{n:06}"),
        },
        version: "v1".into(),
        sync: SyncStatus::Synced,
        health: None,
        requires_pruning: false,
        message: String::new(),
    };
    let resources = (0..objects).map(status).map(|status| (status.key.to_string(), status)).collect();
    TargetReport { application: APPLICATION, summary, resources }
}

/// Hears Hello, says Welcome and hears the comparison that follows.
async fn welcome(peer: &mut Peer) -> (Option<Position>, Digest) {
    let AgentMessage::Hello(hello) = peer.hear().await else { panic!("the first message must be Hello") };
    peer.say(HubMessage::Welcome { epoch: 1, want_discovery: false, want_reports: false }).await;
    assert!(matches!(peer.hear().await, AgentMessage::Compare(_)));
    (hello.position, hello.reported)
}

#[tokio::test]
async fn rows_are_acked_when_they_are_durable() {
    let pki = Pki::new();
    let mut hub = TestHub::agents(&pki).await;
    let link = start(&pki, &hub.address);
    let mut peer = hub.session().await;
    let AgentMessage::Hello(hello) = peer.hear().await else { panic!("the first message must be Hello") };
    assert_eq!((hello.instance, hello.protocol, hello.position), (Uuid::from_u128(8), 1, None));
    peer.say(HubMessage::Welcome { epoch: 1, want_discovery: true, want_reports: true }).await;
    assert_eq!(peer.hear().await, AgentMessage::Discovery(link.copy.discovery().await));
    assert!(matches!(peer.hear().await, AgentMessage::Compare(compare) if compare.watches_live));
    peer.say(HubMessage::Delta(Box::new(delta(0, 4, "abc")))).await;
    assert_eq!(peer.hear().await, AgentMessage::Ack { generation: 4 });
    assert_eq!(link.copy.taken.lock().1.rows.len(), 1);
}

#[tokio::test]
async fn what_the_engine_says_reaches_the_hub_however_long() {
    let pki = Pki::new();
    let mut hub = TestHub::agents(&pki).await;
    let link = start(&pki, &hub.address);
    let mut peer = hub.session().await;
    welcome(&mut peer).await;
    let bundle = Digest::of(b"bundle");
    link.engine_says(Input::Completed { application: APPLICATION, bundle }).await;
    assert_eq!(peer.hear().await, AgentMessage::Held { application: APPLICATION, bundle });
    let long = report(20_000);
    link.engine_says(Input::Reported(Box::new(long.clone()))).await;
    let AgentMessage::Status(delta) = peer.hear().await else { panic!("a status") };
    assert_eq!((delta.changed.len(), delta.full, delta.digest), (20_000, true, long.digest()));
    link.engine_says(Input::Reported(Box::new(long))).await;
    let smaller = report(19_999);
    link.engine_says(Input::Reported(Box::new(smaller))).await;
    let AgentMessage::Status(delta) = peer.hear().await else { panic!("a status") };
    assert_eq!((delta.changed.len(), delta.removed.len(), delta.full), (0, 1, false), "only what changed");
}

#[tokio::test]
async fn a_content_sent_ahead_is_kept_only_when_it_verifies() {
    let pki = Pki::new();
    let mut hub = TestHub::agents(&pki).await;
    let link = start(&pki, &hub.address);
    let mut peer = hub.session().await;
    welcome(&mut peer).await;
    let compressed = zstd::encode_all(&b"content"[..], 3).expect("bytes");
    peer.say(HubMessage::Content { digest: Digest::of(b"other"), compressed: compressed.clone() }).await;
    peer.say(HubMessage::Content { digest: Digest::of(b"content"), compressed }).await;
    peer.say(HubMessage::Delta(Box::new(delta(0, 1, "abc")))).await;
    assert_eq!(peer.hear().await, AgentMessage::Ack { generation: 1 });
    assert_eq!(*link.copy.kept.lock(), [(Digest::of(b"content"), b"content".to_vec())]);
}

#[tokio::test]
async fn after_a_dropped_session_the_agent_comes_back_where_it_stood() {
    let pki = Pki::new();
    let mut hub = TestHub::agents(&pki).await;
    let mut link = start(&pki, &hub.address);
    let mut peer = hub.session().await;
    let (position, nothing) = welcome(&mut peer).await;
    assert_eq!((position, nothing), (None, digest_of(&Reported::new())));
    peer.say(HubMessage::Delta(Box::new(delta(0, 4, "abc")))).await;
    assert_eq!(peer.hear().await, AgentMessage::Ack { generation: 4 });
    link.engine_says(Input::Reported(Box::new(report(1)))).await;
    assert!(matches!(peer.hear().await, AgentMessage::Status(_)));
    let bundle = Digest::of(b"bundle");
    link.engine_says(Input::Completed { application: APPLICATION, bundle }).await;
    assert!(matches!(peer.hear().await, AgentMessage::Held { .. }));
    drop(peer);
    assert_ne!(link.down().await, "");

    let mut peer = hub.session().await;
    let (position, reported) = welcome(&mut peer).await;
    assert_eq!(position.map(|position| position.generation), Some(4));
    assert_eq!(reported, digest_of(&Reported::from([(APPLICATION, report(1))])), "what was told is remembered");
    let again = peer.hear().await;
    assert_eq!(again, AgentMessage::Held { application: APPLICATION, bundle }, "what was not proven is said again");
}

#[tokio::test]
async fn history_that_leads_elsewhere_ends_the_session_and_changes_nothing() {
    let pki = Pki::new();
    let mut hub = TestHub::agents(&pki).await;
    let mut link = start(&pki, &hub.address);
    let mut peer = hub.session().await;
    welcome(&mut peer).await;
    peer.say(HubMessage::Delta(Box::new(delta(0, 4, "abc")))).await;
    peer.hear().await;
    peer.say(HubMessage::Delta(Box::new(delta(0, 3, "old")))).await;
    assert!(peer.hung_up().await);
    assert!(link.down().await.contains("generation 3"));
    assert_eq!(link.copy.taken.lock().0.map(|position| position.generation), Some(4));
}

#[tokio::test]
async fn a_hub_of_another_authority_hears_nothing() {
    let (pki, other) = (Pki::new(), Pki::new());
    let hub = TestHub::agents(&other).await;
    let mut link = start(&pki, &hub.address);
    let reason = link.down().await;
    assert!(reason.contains("TLS handshake") && reason.contains("certificate"), "{reason}");
    assert_eq!(hub.calls(), 0);
}

#[tokio::test]
async fn an_agent_of_another_authority_is_not_heard() {
    let (pki, other) = (Pki::new(), Pki::new());
    let hub = TestHub::agents(&pki).await;
    let mut identity = other.identity(&hub.address);
    identity.authorities = vec![pki.ca.clone()];
    let (_engine, inbox) = mpsc::channel(1);
    let service = Service::new(Credentials::new(identity), Clock::system(), inbox, Arc::new(Copy::default()));
    let mut connection = service.connection();
    let stop = CancellationToken::new();
    tokio::spawn(service.run(stop.clone()));
    let _stop = stop.drop_guard();
    connection.changed().await.expect("the link runs");
    assert!(matches!(&*connection.borrow(), Connection::Down { reason, .. } if !reason.is_empty()));
    assert_eq!(hub.calls(), 0);
}

#[tokio::test]
async fn the_engine_never_waits_for_an_absent_hub() {
    let link = start(&Pki::new(), "localhost:1");
    for objects in 0..1000 {
        link.engine_says(Input::Reported(Box::new(report(objects % 3)))).await;
    }
}

#[tokio::test]
async fn fetched_contents_are_what_was_asked_for_or_are_refused() {
    let pki = Pki::new();
    let hub = TestHub::agents(&pki).await;
    let link = start(&pki, &hub.address);
    let compressed = |bytes: &[u8]| zstd::encode_all(bytes, 3).expect("bytes");
    let key = pki.identity(&hub.address).digest_key;
    let (plain, secret, absent) = (Digest::of(b"plain"), Digest::keyed(&key, b"secret"), Digest::of(b"absent"));
    hub.put(plain, compressed(b"plain"));
    hub.put(secret, compressed(b"secret"));
    let fetched = link.fetcher.fetch(&[plain, absent, secret]).await.expect("contents");
    let found = vec![(plain, b"plain".to_vec()), (secret, b"secret".to_vec())];
    assert_eq!(fetched, Fetched { found, missing: vec![absent], rest: vec![] });

    hub.put(plain, compressed(b"forged"));
    assert!(matches!(link.fetcher.fetch(&[plain]).await, Err(fetch::Error::Content(_))));
    hub.put(plain, b"not zstd".to_vec());
    assert!(matches!(link.fetcher.fetch(&[plain]).await, Err(fetch::Error::Content(_))));
}
