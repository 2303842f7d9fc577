//! An agent's way through the hub: join, connect, take desired state, report; over real TLS, the real store and a real repository.
// A test that cannot be set up fails where it stands.
#![allow(clippy::expect_used, clippy::print_stderr)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use uuid::Uuid;
use windlass_domain::application::{ApplicationManifest, Cascade, Origin};
use windlass_domain::bundle::Bundle;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::desired_state::{Delta, DesiredState, Position};
use windlass_domain::digest::Digest;
use windlass_domain::exchange::{AgentMessage, Compare, Hello, HubMessage, PROTOCOL_VERSION};
use windlass_domain::health::HealthStatus;
use windlass_domain::identity::JoinToken;
use windlass_domain::name::ApplicationName;
use windlass_domain::status::{StatusDelta, SyncStatus, TargetReport, TargetSummary, reported_digest};
use windlass_domain::target::{TargetRow, TargetSettings};
use windlass_domain::time::from_millis;
use windlass_hub::agents::{self, Agents, Registry};
use windlass_hub::args::Advertised;
use windlass_hub::pki::Authority;
use windlass_proto::v1::agent_client::AgentClient;
use windlass_proto::v1::{FetchRequest, Frame, JoinRequest, RenewRequest};
use windlass_proto::{Decoder, Encoder};
use windlass_runtime::clock::Clock;
use windlass_runtime::tls::{self, PemIdentity};
use windlass_store::{
    ClusterPosition, Compiled, DesiredCommit, Labels, NewCluster, NewJoinToken, SealKey, SourceState, SqlStore, Store,
    StoreUrl,
};

#[path = "../store/tests/contract/postgres.rs"]
mod postgres;
#[allow(dead_code, reason = "the store's own tests use more of its faults")]
#[path = "../store/tests/outage/proxy.rs"]
mod proxy;

const DAY: Duration = Duration::from_secs(86_400);

struct Bed {
    store: Arc<dyn Store>,
    authority: Arc<Authority>,
    registry: Registry,
    clock: Clock,
    agents: SocketAddr,
    stop: CancellationToken,
    _folder: TempDir,
}

/// An agent that does only what a test says.
struct Agent {
    frames: mpsc::Sender<Frame>,
    replies: Streaming<Frame>,
    encoder: Encoder,
    decoder: Decoder<HubMessage>,
}

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = StoreUrl::sqlite(folder.path().join("store.db"));
        Self::on(url, folder).await
    }

    async fn on(url: StoreUrl, folder: TempDir) -> Self {
        tls::install_crypto_provider();
        let limits = windlass_store::Limits { answer: Duration::from_secs(2), ..Default::default() };
        let seal = SealKey::from_bytes([7; 32]).expect("a key");
        let store = SqlStore::open_with(&url, seal, limits).await.expect("a store");
        let store: Arc<dyn Store> = Arc::new(store);
        let clock = Clock::system();
        let authority = Authority::load(store.as_ref(), clock.clone()).await.expect("an authority");
        let registry = Registry::default();
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let tls = authority.server_config_agents(&["hub.test".to_owned()]).expect("TLS");
        let service =
            Agents::new(Arc::clone(&store), Arc::clone(&authority), registry.clone(), clock.clone(), stop.clone());
        tokio::spawn(agents::serve(
            listener,
            tls,
            windlass_runtime::listener::Limits::default(),
            service,
            stop.clone(),
        ));
        Self { store, authority, registry, clock, agents: address, stop, _folder: folder }
    }

    async fn cluster(&self, name: &str) -> Uuid {
        let new = NewCluster { uid: Uuid::new_v4(), name: name.into(), labels: Labels::new(), server_aliases: vec![] };
        self.store.create_cluster(new, self.clock.now()).await.expect("a cluster").uid
    }

    async fn token(&self, cluster: Uuid) -> JoinToken {
        let token = JoinToken::new(Uuid::new_v4(), [3; 32]);
        let expires_at = self.clock.now() + Duration::from_secs(3600);
        let new = NewJoinToken { id: token.id, cluster, secret_hash: token.secret_hash(), expires_at };
        self.store.put_join_token(&new).await.expect("a token");
        token
    }

    /// Calls `Join` as the API listener would route it, without its TLS.
    async fn join(&self, token: &JoinToken, key: &rcgen::KeyPair) -> Result<PemIdentity, Status> {
        use windlass_proto::v1::join_client::JoinClient;
        let advertised = Advertised {
            api_url: "https://hub.test:1".into(),
            agents_address: self.agents.to_string(),
            agent_image: "agent".into(),
        };
        let routes =
            agents::join_routes(Arc::clone(&self.store), Arc::clone(&self.authority), self.clock.clone(), advertised);
        let request = JoinRequest { token: token.expose(), csr_der: csr(key), ..Default::default() };
        let reply = JoinClient::new(routes).join(request).await?.into_inner();
        Ok(identity(&reply.certificate_der[0], key))
    }

    /// Joins as a new agent.
    async fn joined(&self, cluster: Uuid) -> PemIdentity {
        let key = rcgen::KeyPair::generate().expect("a key");
        self.join(&self.token(cluster).await, &key).await.expect("joined")
    }

    async fn dial(&self, identity: PemIdentity) -> AgentClient<Channel> {
        let roots = [CertificateDer::from(self.authority.ca_der().to_vec())];
        let config = Arc::new(tls::client_config(&self.clock, &roots, Some(identity), tls::H2).expect("TLS"));
        let address = self.agents;
        let connector = tower::service_fn(move |_| {
            let config = Arc::clone(&config);
            async move {
                let stream = TcpStream::connect(address).await?;
                let name = ServerName::try_from("hub.test").map_err(std::io::Error::other)?;
                tokio_rustls::TlsConnector::from(config).connect(name, stream).await.map(TokioIo::new)
            }
        });
        let endpoint = Endpoint::from_static("https://hub.test");
        AgentClient::new(endpoint.connect_with_connector_lazy(connector))
    }

    async fn handshake(&self, identity: PemIdentity) -> tokio_rustls::client::TlsStream<TcpStream> {
        let roots = [CertificateDer::from(self.authority.ca_der().to_vec())];
        let config = tls::client_config(&self.clock, &roots, Some(identity), tls::H2).expect("TLS");
        let stream = TcpStream::connect(self.agents).await.expect("connected");
        let name = ServerName::try_from("hub.test").expect("a name");
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake")
    }

    async fn connect(&self, identity: PemIdentity) -> Agent {
        let (frames, outbound) = mpsc::channel(64);
        let mut client = self.dial(identity).await;
        let replies = client.connect(ReceiverStream::new(outbound)).await.expect("connected").into_inner();
        Agent { frames, replies, encoder: Encoder::new(), decoder: Decoder::new() }
    }

    /// Commits a bundle of one ConfigMap for one cluster, as a compile would.
    async fn desire(&self, cluster: Uuid, value: &str) -> (Uuid, Digest) {
        let (application, bundle, positions) = self.desire_silently(cluster, value).await;
        self.registry.notify(&positions);
        (application, bundle)
    }

    /// Commits as another hub does: nobody here is told.
    async fn desire_silently(&self, cluster: Uuid, value: &str) -> (Uuid, Digest, Vec<ClusterPosition>) {
        let manifest = serde_json::json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"},
            "spec": {"source": {"repoURL": "https://git.example/x"}, "destination": {"name": "eu-1"}},
        });
        let manifest = ApplicationManifest::parse(&manifest).expect("an application");
        let application =
            self.store.put_application(&manifest, Origin::Api, None, self.clock.now()).await.expect("stored").value;
        let object = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": value}});
        let object = windlass_domain::canonical::canonicalize(object).expect("a manifest");
        let digest = Digest::of(&object.to_bytes());
        let entry = windlass_domain::bundle::BundleEntry { key: object.key.clone(), api_version: "v1".into(), digest };
        let bundle = Bundle::new(vec![entry], true);
        let settings = TargetSettings::of(&application);
        let spec = windlass_domain::target::TargetSpec {
            revision: "r".into(),
            default_namespace: "shop".into(),
            ..windlass_domain::target::TargetSpec::of(
                application.uid,
                application.name.clone(),
                bundle.digest(),
                settings.digest(),
            )
        };
        let commit = DesiredCommit {
            application: application.uid,
            application_revision: application.revision,
            source: SourceState { revision: Some("r".into()), bundle: Some(bundle.digest()), ..Default::default() },
            compiled: Some(Compiled {
                revision: "r".into(),
                inputs: digest,
                reads: windlass_domain::source::Reads::new(),
                bundle: bundle.digest(),
            }),
            contents: vec![
                (digest, object.to_bytes()),
                (bundle.digest(), bundle.to_bytes()),
                (settings.digest(), settings.to_bytes()),
            ],
            bundle_members: vec![(bundle.digest(), vec![digest])],
            targets: Some(vec![(cluster, spec)]),
            leaving: Cascade::Orphan,
        };
        let positions = self.store.commit_desired(commit, self.clock.now()).await.expect("committed");
        (application.uid, bundle.digest(), positions)
    }

    /// Waits until the store says so.
    async fn until<F: Future<Output = bool>>(&self, holds: impl Fn() -> F) {
        let mut newest = self.store.newest();
        while !holds().await {
            newest.changed().await.expect("the store is open");
        }
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Agent {
    async fn say(&mut self, message: AgentMessage) {
        for frame in self.encoder.encode(message) {
            self.frames.send(frame).await.expect("the session is up");
        }
    }

    /// The next message; `None` at the session's end.
    async fn hear(&mut self) -> Option<HubMessage> {
        loop {
            let frame = self.replies.message().await.ok().flatten()?;
            if let Some(message) = self.decoder.push(frame).expect("a good frame") {
                return Some(message);
            }
        }
    }

    async fn hello(&mut self, position: Option<Position>) {
        self.say(AgentMessage::Hello(hello(position))).await;
        let welcome = self.hear().await;
        assert!(matches!(welcome, Some(HubMessage::Welcome { .. })), "{welcome:?}");
    }

    async fn delta(&mut self) -> Delta {
        loop {
            match self.hear().await.expect("a message") {
                HubMessage::Delta(delta) => return *delta,
                HubMessage::Content { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn refused(&mut self) -> String {
        loop {
            match self.hear().await {
                Some(HubMessage::Refused { reason, .. }) => return reason,
                Some(_) => {}
                None => return "the stream ended without a reason".into(),
            }
        }
    }
}

fn hello(position: Option<Position>) -> Hello {
    Hello {
        instance: Uuid::nil(),
        protocol: PROTOCOL_VERSION,
        facts: ClusterFacts { agent_version: "test".into(), ..Default::default() },
        discovery: Digest::of(b""),
        position,
        rows: DesiredState::default().digest(),
        reported: reported_digest([]),
    }
}

fn csr(key: &rcgen::KeyPair) -> Vec<u8> {
    rcgen::CertificateParams::default().serialize_request(key).expect("a request").der().to_vec()
}

fn identity(certificate: &[u8], key: &rcgen::KeyPair) -> PemIdentity {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    PemIdentity { chain: vec![CertificateDer::from(certificate.to_vec())], key }
}

fn report(application: Uuid, sync: SyncStatus) -> StatusDelta {
    let summary = TargetSummary { revision: "r".into(), ..TargetSummary::of(sync, HealthStatus::Healthy) };
    TargetReport { application, summary, resources: Default::default() }.delta_from(None)
}

fn of_bundle(mut report: StatusDelta, bundle: Digest) -> StatusDelta {
    report.summary.bundle = Some(bundle);
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_takes_desired_state_and_reports() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let mut agent = bed.connect(bed.joined(cluster).await).await;
    agent.hello(None).await;
    assert!(agent.delta().await.rows.is_empty());

    let (application, bundle) = bed.desire(cluster, "1").await;
    let delta = agent.delta().await;
    assert!(matches!(delta.rows.as_slice(), [TargetRow::Present(row)] if row.bundle == bundle), "{delta:?}");
    let mut ahead = Vec::new();
    for _ in 0..3 {
        let Some(HubMessage::Content { digest, .. }) = agent.hear().await else { panic!("a content") };
        ahead.push(digest);
    }
    assert!(ahead.contains(&bundle));

    agent.say(AgentMessage::Ack { generation: delta.to.generation }).await;
    agent.say(AgentMessage::Held { application, bundle }).await;
    agent.say(AgentMessage::Status(Box::new(of_bundle(report(application, SyncStatus::Synced), bundle)))).await;
    let name = ApplicationName::new("", "web").expect("a name");
    bed.until(|| async {
        let view = bed.store.application_view(&name).await.expect("a view").expect("there");
        view.sync == SyncStatus::Synced && view.targets[0].held == Some(bundle)
    })
    .await;
    assert_eq!(bed.store.cluster_view("eu-1").await.expect("a view").expect("there").acked, delta.to.generation);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_brings_the_generation_that_nobody_told_of() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let mut agent = bed.connect(bed.joined(cluster).await).await;
    agent.hello(None).await;
    let first = agent.delta().await;
    bed.desire_silently(cluster, "1").await;
    let compare = Compare {
        sent_at: bed.clock.now(),
        generation: first.to.generation,
        rows: first.digest,
        reported: reported_digest([]),
        watches_live: true,
        frozen: vec![],
    };
    agent.say(AgentMessage::Compare(compare)).await;
    assert!(matches!(agent.hear().await, Some(HubMessage::Compared { .. })));
    assert_eq!(agent.delta().await.rows.len(), 1);
    let view = bed.store.cluster_view("eu-1").await.expect("a view").expect("there");
    assert_eq!(view.verified_at, None, "what is behind is not verified");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_learn_what_another_hub_committed() {
    let bed = Bed::new().await;
    let (store, authority) = (Arc::clone(&bed.store), Arc::clone(&bed.authority));
    let following = agents::follow(store, authority, bed.registry.clone(), bed.clock.clone(), bed.stop.clone());
    tokio::spawn(following);
    let cluster = bed.cluster("eu-1").await;
    let mut agent = bed.connect(bed.joined(cluster).await).await;
    agent.hello(None).await;
    assert!(agent.delta().await.rows.is_empty());
    bed.desire_silently(cluster, "1").await;
    let told = tokio::time::timeout(Duration::from_secs(30), agent.delta()).await;
    assert_eq!(told.expect("the session is woken").rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_new_goes_ahead() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let mut agent = bed.connect(bed.joined(cluster).await).await;
    agent.hello(None).await;
    bed.desire(cluster, "1").await;
    while agent.delta().await.rows.is_empty() {}
    bed.desire(cluster, "2").await;
    agent.delta().await;
    bed.registry.disconnect(cluster, "enough");
    let mut contents = 0;
    while let Some(message) = agent.hear().await {
        contents += u32::from(matches!(message, HubMessage::Content { .. }));
    }
    assert_eq!(contents, 2, "the new object and the new bundle; the settings are there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_session_takes_over_and_a_removed_cluster_is_cut() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let identity = bed.joined(cluster).await;
    let mut first = bed.connect(identity.clone()).await;
    first.hello(None).await;
    let mut second = bed.connect(identity.clone()).await;
    second.hello(None).await;
    assert!(first.refused().await.contains("took over"));

    bed.store.delete_cluster("eu-1").await.expect("deleted");
    bed.registry.disconnect(cluster, "the cluster was removed");
    assert!(second.refused().await.contains("removed"));
    let (_frames, outbound) = mpsc::channel(1);
    let refused = bed.dial(identity).await.connect(ReceiverStream::new(outbound)).await;
    assert_eq!(refused.expect_err("refused").code(), Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn contents_are_fetched_only_by_those_whose_targets_lead_there() {
    let bed = Bed::new().await;
    let (own, other) = (bed.cluster("eu-1").await, bed.cluster("us-1").await);
    let (_, bundle) = bed.desire(own, "1").await;
    let request = FetchRequest { digests: vec![bundle.to_bytes().to_vec()] };
    for (cluster, found) in [(own, true), (other, false)] {
        let mut client = bed.dial(bed.joined(cluster).await).await;
        let mut parts = client.fetch(request.clone()).await.expect("a stream").into_inner();
        let part = parts.message().await.expect("a part").expect("a part");
        assert_eq!(!part.not_found, found);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_token_is_one_keys_alone() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let token = bed.token(cluster).await;
    let (key, thief) = (rcgen::KeyPair::generate().expect("a key"), rcgen::KeyPair::generate().expect("a key"));
    let first = bed.join(&token, &key).await.expect("joined");
    let again = bed.join(&token, &key).await.expect("the reply may have been lost");
    assert_eq!(first.chain, again.chain);
    let refused = bed.join(&token, &thief).await.err().expect("refused");
    let unknown = bed.join(&JoinToken::new(Uuid::new_v4(), [0; 32]), &thief).await.err().expect("refused");
    assert_eq!((refused.code(), refused.message()), (unknown.code(), unknown.message()));
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_for_a_new_key_and_ends_after_seven_days() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let old = bed.joined(cluster).await;
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut client = bed.dial(old).await;
    let renewed = client
        .renew(RenewRequest { csr_der: csr(&key), ..RenewRequest::default() })
        .await
        .expect("renewed")
        .into_inner();
    let again = client
        .renew(RenewRequest { csr_der: csr(&key), ..RenewRequest::default() })
        .await
        .expect("renewed")
        .into_inner();
    assert_eq!(renewed.certificate_der, again.certificate_der);
    let left = from_millis(renewed.not_after_ms).duration_since(bed.clock.now()).as_secs();
    assert!((6 * 86_400..=7 * 86_400).contains(&left), "{left}");

    let identity = identity(&renewed.certificate_der[0], &key);
    let mut agent = bed.connect(identity).await;
    agent.hello(None).await;
    bed.clock.advance(8 * DAY);
    let reason = agent.refused().await;
    assert!(reason.contains("certificate"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused_in_the_handshake() {
    let bed = Bed::new().await;
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::default();
    let name = format!("spiffe://{}/cluster/{}", bed.authority.trust_domain(), bed.cluster("eu-1").await);
    params.subject_alt_names = vec![rcgen::SanType::URI(name.try_into().expect("a name"))];
    let stranger = params.self_signed(&key).expect("a certificate");
    let mut stream = bed.handshake(identity(stranger.der(), &key)).await;
    // In TLS 1.3 the client is done before the server has looked at its certificate: the refusal is what it reads first.
    let error = tokio::io::AsyncReadExt::read_u8(&mut stream).await.expect_err("refused");
    assert!(error.to_string().contains("alert"), "{error}");
    assert_eq!(bed.registry.connected(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authority_is_made_once() {
    let bed = Bed::new().await;
    let again = Authority::load(bed.store.as_ref(), bed.clock.clone()).await.expect("an authority");
    assert_eq!(again.ca_der(), bed.authority.ca_der());
    assert!(again.pin().names(&bed.authority.ca_der()));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_stay_while_the_database_is_away() {
    let Some(server) = tokio::task::spawn_blocking(postgres::server).await.expect("a server") else { return };
    let direct = server.url("public");
    let proxy = proxy::Proxy::start(&direct);
    let url = StoreUrl::parse(&proxy.url(&direct)).expect("a URL");
    let bed = Bed::on(url, tempfile::tempdir().expect("a folder")).await;
    let cluster = bed.cluster("eu-1").await;
    let (application, bundle) = bed.desire(cluster, "1").await;
    let mut agent = bed.connect(bed.joined(cluster).await).await;
    agent.hello(None).await;
    let first = agent.delta().await;
    for fault in [proxy::Fault::Cut, proxy::Fault::Silence] {
        proxy.set(fault);
        let failed = bed.store.application_names(None).await.expect_err("the database is away");
        assert!(failed.is_retryable(), "{failed}");
        agent.say(AgentMessage::Ack { generation: first.to.generation }).await;
        assert_eq!(bed.registry.connected(), 1);
        proxy.set(proxy::Fault::None);
    }
    // What was said meanwhile is stored, and the same stream goes on.
    agent.say(AgentMessage::Status(Box::new(of_bundle(report(application, SyncStatus::Synced), bundle)))).await;
    let name = ApplicationName::new("argocd", "web").expect("a name");
    loop {
        let view = bed.store.application_view(&name).await;
        let acked = bed.store.cluster_view("eu-1").await.ok().flatten().map(|view| view.acked);
        let health = view.ok().flatten().map(|view| view.health);
        if health == Some(HealthStatus::Healthy) && acked == Some(first.to.generation) {
            break;
        }
        tokio::task::yield_now().await;
    }
    bed.desire(cluster, "2").await;
    assert_eq!(agent.delta().await.to.generation, first.to.generation + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_limit_is_named_and_costs_no_session() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let (application, bundle) = bed.desire(cluster, "1").await;
    let mut agent = bed.connect(bed.joined(cluster).await).await;
    agent.hello(None).await;
    agent.delta().await;
    let mut monstrous = report(application, SyncStatus::Synced);
    monstrous.summary.health_message = "x".repeat(17 << 20);
    agent.say(AgentMessage::Status(Box::new(monstrous))).await;
    let problem = async || bed.store.cluster_view("eu-1").await.expect("read").expect("there").problem;
    bed.until(async || problem().await.is_some()).await;
    assert!(problem().await.is_some_and(|problem| problem.contains("limit of 16777216 bytes")));
    agent.say(AgentMessage::Status(Box::new(of_bundle(report(application, SyncStatus::Synced), bundle)))).await;
    let name = ApplicationName::new("argocd", "web").expect("a name");
    bed.until(async || {
        let view = bed.store.application_view(&name).await.expect("a view").expect("there");
        view.health == HealthStatus::Healthy
    })
    .await;
    bed.desire(cluster, "2").await;
    assert_eq!(agent.delta().await.to.generation, 2, "the same session goes on");
}
