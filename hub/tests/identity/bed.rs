//! A hub's agents listener over a SQLite store, and agents that do only what a test says.

use std::net::SocketAddr;
use std::path::Path;
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
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::desired_state::DesiredState;
use windlass_domain::digest::Digest;
use windlass_domain::exchange::{AgentMessage, Hello, HubMessage, PROTOCOL_VERSION};
use windlass_domain::identity::JoinToken;
use windlass_domain::identity::record::{Event, Word};
use windlass_domain::status::reported_digest;
use windlass_hub::agents::{self, Agents, REPORT_ONLY_AFTER, Registry};
use windlass_hub::args::Advertised;
use windlass_hub::pki::{Authority, PeerCertificate, Revocations};
use windlass_proto::v1::agent_client::AgentClient;
use windlass_proto::v1::join_client::JoinClient;
use windlass_proto::v1::{FetchRequest, Frame, JoinRequest, RenewReply, RenewRequest};
use windlass_proto::{Decoder, Encoder};
use windlass_runtime::clock::Clock;
use windlass_runtime::tls::{self, PemIdentity};
use windlass_store::{IdentityEvent, Labels, NewCluster, NewJoinToken, SealKey, SqlStore, Store, StoreUrl};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const HOME: &str = "uid-of-home";

pub(crate) struct Bed {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) registry: Registry,
    pub(crate) clock: Clock,
    pub(crate) revocations: Revocations,
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    pub(crate) folder: TempDir,
}

/// A session whose agent does only what a test says.
pub(crate) struct Agent {
    frames: mpsc::Sender<Frame>,
    replies: Streaming<Frame>,
    encoder: Encoder,
    decoder: Decoder<HubMessage>,
}

/// What each call was answered: empty for yes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) connect: String,
    pub(crate) fetch: String,
    pub(crate) serve: String,
    pub(crate) renew: String,
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self::on(tempfile::tempdir().expect("a folder"), Clock::system()).await
    }

    /// A hub on what is in the folder.
    pub(crate) async fn on(folder: TempDir, clock: Clock) -> Self {
        tls::install_crypto_provider();
        let store: Arc<dyn Store> = Arc::new(open(&folder.path().join("store.db")).await);
        let revocations = Revocations::open(folder.path().join("revoked.jsonl")).expect("a list");
        agents::outside::reconcile(store.as_ref(), &revocations, &clock).await.expect("the same");
        let authority = Authority::load(store.as_ref(), clock.clone()).await.expect("an authority");
        let (registry, stop) = (Registry::default(), CancellationToken::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let config = authority.server_config_agents(&["hub.test".to_owned()]).expect("TLS");
        let service =
            Agents::new(Arc::clone(&store), Arc::clone(&authority), registry.clone(), clock.clone(), stop.clone())
                .trusting(revocations.clone(), REPORT_ONLY_AFTER);
        let limits = windlass_runtime::listener::Limits::default();
        tokio::spawn(agents::serve(listener, config, limits, service, stop.clone()));
        Self { store, authority, registry, clock, revocations, address, stop, folder }
    }

    /// The same hub after a restart.
    pub(crate) async fn restarted(mut self) -> Self {
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"));
        let clock = self.clock.clone();
        drop(self);
        Self::on(folder, clock).await
    }

    pub(crate) async fn cluster(&self, name: &str) -> Uuid {
        let new = NewCluster { uid: Uuid::new_v4(), name: name.into(), labels: Labels::new(), server_aliases: vec![] };
        self.store.create_cluster(new, self.clock.now()).await.expect("a cluster").uid
    }

    pub(crate) async fn token(&self, cluster: Uuid) -> JoinToken {
        let token = JoinToken::new(Uuid::new_v4(), [3; 32]);
        let expires_at = self.clock.now() + Duration::from_secs(3600);
        let new = NewJoinToken { id: token.id, cluster, secret_hash: token.secret_hash(), expires_at };
        self.store.put_join_token(&new).await.expect("a token");
        token
    }

    /// Calls `Join` as the API listener would route it, without its TLS; the certificate, as DER.
    pub(crate) async fn join(&self, token: &JoinToken, csr_der: Vec<u8>, uid: &str) -> Result<Vec<u8>, Status> {
        let advertised = Advertised {
            api_url: "https://hub.test:1".into(),
            agents_address: self.address.to_string(),
            agent_image: "windlass-agent:test".into(),
        };
        let routes =
            agents::join_routes(Arc::clone(&self.store), Arc::clone(&self.authority), self.clock.clone(), advertised);
        let request = JoinRequest { token: token.expose(), csr_der, kube_system_uid: uid.into(), ..Default::default() };
        let reply = JoinClient::new(routes).join(request).await?.into_inner();
        Ok(reply.certificate_der.into_iter().next().expect("a certificate"))
    }

    /// Joins as a new agent.
    pub(crate) async fn joined(&self, cluster: Uuid) -> PemIdentity {
        let key = key();
        let der = self.join(&self.token(cluster).await, csr(&key), HOME).await.expect("joined");
        identity(&der, &key)
    }

    pub(crate) async fn client(&self, identity: Option<PemIdentity>) -> AgentClient<Channel> {
        let roots: Vec<_> = self.authority.trusted_der().into_iter().map(CertificateDer::from).collect();
        let config = Arc::new(tls::client_config(&self.clock, &roots, identity, tls::H2).expect("TLS"));
        let address = self.address;
        let connector = tower::service_fn(move |_| {
            let config = Arc::clone(&config);
            async move {
                let stream = TcpStream::connect(address).await?;
                let name = ServerName::try_from("hub.test").map_err(std::io::Error::other)?;
                tokio_rustls::TlsConnector::from(config).connect(name, stream).await.map(TokioIo::new)
            }
        });
        AgentClient::new(Endpoint::from_static("https://hub.test").connect_with_connector_lazy(connector))
    }

    /// Every call there is.
    pub(crate) async fn answers(&self, identity: Option<PemIdentity>) -> Answers {
        let mut client = self.client(identity).await;
        let fetch = FetchRequest { digests: vec![Digest::of(b"x").to_bytes().to_vec()] };
        Answers {
            connect: said(client.connect(tokio_stream::empty()).await),
            fetch: said(client.fetch(fetch).await),
            serve: said(client.serve(tokio_stream::empty()).await),
            renew: said(client.renew(renewal(&key())).await),
        }
    }

    pub(crate) async fn renew(&self, identity: &PemIdentity, key: &rcgen::KeyPair) -> Result<RenewReply, Status> {
        let mut client = self.client(Some(identity.clone())).await;
        client.renew(renewal(key)).await.map(tonic::Response::into_inner)
    }

    /// A session's stream, before its first word.
    pub(crate) async fn connect(&self, identity: &PemIdentity) -> Agent {
        let (frames, outbound) = mpsc::channel(64);
        let mut client = self.client(Some(identity.clone())).await;
        let replies = client.connect(ReceiverStream::new(outbound)).await.expect("connected").into_inner();
        Agent { frames, replies, encoder: Encoder::new(), decoder: Decoder::new() }
    }

    /// A session of this installation in this cluster; why not, where it is refused.
    pub(crate) async fn session(&self, identity: &PemIdentity, instance: u128, uid: &str) -> Result<Agent, String> {
        let mut agent = self.connect(identity).await;
        agent.say(AgentMessage::Hello(hello(Uuid::from_u128(instance), uid))).await;
        match agent.hear().await {
            Some(HubMessage::Welcome { .. }) => Ok(agent),
            Some(HubMessage::Refused { reason, .. }) => Err(reason),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn serial(&self, identity: &PemIdentity) -> String {
        PeerCertificate::read(&identity.chain[0], self.authority.trust_domain()).expect("an agent's").serial
    }

    pub(crate) async fn says(&self, cluster: Uuid, event: Event) -> String {
        let change = IdentityEvent { event, from: String::new() };
        let verdict = self.store.change_identity(cluster, &change, self.clock.now()).await.expect("stored");
        self.registry.recheck(cluster);
        verdict.refusal().map(ToString::to_string).unwrap_or_default()
    }

    pub(crate) async fn revoke(&self, cluster: Uuid, serial: Option<String>) {
        let word = Word { by: "ann".into(), at: self.clock.now(), reason: "stolen".into() };
        assert_eq!(self.says(cluster, Event::Revoked { word, serial }).await, "");
        agents::outside::reconcile(self.store.as_ref(), &self.revocations, &self.clock).await.expect("written");
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Agent {
    pub(crate) async fn say(&mut self, message: AgentMessage) {
        for frame in self.encoder.encode(message) {
            self.frames.send(frame).await.expect("the session is up");
        }
    }

    /// The next message but deltas and contents; `None` at the session's end.
    pub(crate) async fn hear(&mut self) -> Option<HubMessage> {
        loop {
            let frame = self.replies.message().await.ok().flatten()?;
            match self.decoder.push(frame).expect("a good frame") {
                Some(HubMessage::Delta(_) | HubMessage::Content { .. }) | None => {}
                message => return message,
            }
        }
    }

    /// Why the session ended.
    pub(crate) async fn refused(&mut self) -> String {
        loop {
            match self.hear().await {
                Some(HubMessage::Refused { reason, .. }) => return reason,
                Some(_) => {}
                None => return "the stream ended without a reason".into(),
            }
        }
    }
}

impl Answers {
    /// Whether every call was refused, and each refusal says this.
    pub(crate) fn are_all(&self, text: &str) -> bool {
        [&self.connect, &self.fetch, &self.serve, &self.renew]
            .into_iter()
            .all(|said| !said.is_empty() && said.contains(text))
    }

    pub(crate) fn are_yes(&self) -> bool {
        [&self.connect, &self.fetch, &self.serve, &self.renew].into_iter().all(String::is_empty)
    }
}

pub(crate) async fn open(path: &Path) -> SqlStore {
    SqlStore::open(&StoreUrl::sqlite(path.to_owned()), SealKey::from_bytes([7; 32]).expect("a key"))
        .await
        .expect("a store")
}

/// `NO CONNECTION`, where nothing could be asked at all.
fn said<T>(answer: Result<T, Status>) -> String {
    match answer {
        Ok(_) => String::new(),
        Err(status) if status.code() == Code::Unauthenticated || status.code() == Code::PermissionDenied => {
            status.message().to_owned()
        }
        Err(status) => format!("NO CONNECTION: {status}"),
    }
}

pub(crate) fn key() -> rcgen::KeyPair {
    rcgen::KeyPair::generate().expect("a key")
}

pub(crate) fn csr(key: &rcgen::KeyPair) -> Vec<u8> {
    rcgen::CertificateParams::default().serialize_request(key).expect("a request").der().to_vec()
}

pub(crate) fn renewal(key: &rcgen::KeyPair) -> RenewRequest {
    RenewRequest { csr_der: csr(key), kube_system_uid: HOME.into(), ..Default::default() }
}

pub(crate) fn identity(certificate: &[u8], key: &rcgen::KeyPair) -> PemIdentity {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    PemIdentity { chain: vec![CertificateDer::from(certificate.to_vec())], key }
}

fn hello(instance: Uuid, uid: &str) -> Hello {
    Hello {
        instance,
        protocol: PROTOCOL_VERSION,
        facts: ClusterFacts { kube_system_uid: uid.into(), agent_version: "test".into(), ..Default::default() },
        discovery: Digest::of(b""),
        position: None,
        rows: DesiredState::default().digest(),
        reported: reported_digest([]),
    }
}
