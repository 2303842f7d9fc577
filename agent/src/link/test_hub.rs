//! A hub for tests: real TLS, real gRPC, and a test that says what it answers.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status, Streaming};
use windlass_domain::digest::Digest;
use windlass_domain::exchange::{AgentMessage, HubMessage};
use windlass_proto::v1::agent_server::{Agent, AgentServer};
use windlass_proto::v1::join_server::{Join, JoinServer};
use windlass_proto::{Decoder, Encoder, contents, v1};
use windlass_runtime::clock::Clock;
use windlass_runtime::listener::{Limits, accept_tls};
use windlass_runtime::tls::{self, H2, PemIdentity, SwappableCertificate};

use crate::identity::test_pki::Pki;

/// What the hub's Join answers, given the request.
pub(crate) type JoinAnswer = Box<dyn Fn(&v1::JoinRequest) -> Result<v1::JoinReply, Status> + Send + Sync>;

/// What the hub's Renew answers, given the request.
pub(crate) type RenewAnswer = Box<dyn Fn(&v1::RenewRequest) -> Result<v1::RenewReply, Status> + Send + Sync>;

/// A running hub; it stops when dropped.
pub(crate) struct TestHub {
    /// `localhost:port`.
    pub(crate) address: String,
    state: Arc<Shared>,
    sessions: mpsc::Receiver<Peer>,
    _running: DropGuard,
}

/// The hub's end of a session.
pub(crate) struct Peer {
    incoming: Streaming<v1::Frame>,
    outgoing: mpsc::Sender<Result<v1::Frame, Status>>,
    decoder: Decoder<AgentMessage>,
    encoder: Encoder,
}

struct Shared {
    calls: AtomicU32,
    sessions: mpsc::Sender<Peer>,
    contents: Mutex<BTreeMap<Digest, Vec<u8>>>,
    join: Option<JoinAnswer>,
    renew: Option<RenewAnswer>,
}

#[derive(Clone)]
struct Service(Arc<Shared>);

// === impl TestHub ===

impl TestHub {
    /// An agents listener: it takes only clients of `pki`.
    pub(crate) async fn agents(pki: &Pki) -> Self {
        let clients = tls::client_verifier(std::slice::from_ref(&pki.ca)).expect("roots");
        let certificate = Arc::new(SwappableCertificate::new(pki.server("localhost")).expect("a certificate"));
        let config = tls::mutual_server_config(&Clock::system(), certificate, clients, H2).expect("a configuration");
        Self::serve(config, None, None).await
    }

    /// An agents listener that renews.
    pub(crate) async fn renewing(pki: &Pki, renew: RenewAnswer) -> Self {
        let clients = tls::client_verifier(std::slice::from_ref(&pki.ca)).expect("roots");
        let certificate = Arc::new(SwappableCertificate::new(pki.server("localhost")).expect("a certificate"));
        let config = tls::mutual_server_config(&Clock::system(), certificate, clients, H2).expect("a configuration");
        Self::serve(config, None, Some(renew)).await
    }

    /// An API listener with this certificate.
    pub(crate) async fn api(certificate: PemIdentity, join: JoinAnswer) -> Self {
        let certificate = Arc::new(SwappableCertificate::new(certificate).expect("a certificate"));
        let config = tls::server_config(&Clock::system(), certificate, H2).expect("a configuration");
        Self::serve(config, Some(join), None).await
    }

    async fn serve(config: rustls::ServerConfig, join: Option<JoinAnswer>, renew: Option<RenewAnswer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("localhost:{}", listener.local_addr().expect("an address").port());
        let (sender, sessions) = mpsc::channel(4);
        let state =
            Arc::new(Shared { calls: AtomicU32::new(0), sessions: sender, contents: Mutex::default(), join, renew });
        let stop = CancellationToken::new();
        let incoming = accept_tls(listener, Arc::new(config), Limits::default(), stop.clone());
        let incoming = incoming.map(|accepted| Ok::<_, std::io::Error>(Wire(accepted.stream)));
        let service = Service(Arc::clone(&state));
        let server =
            Server::builder().add_service(AgentServer::new(service.clone())).add_service(JoinServer::new(service));
        tokio::spawn(server.serve_with_incoming(incoming));
        Self { address, state, sessions, _running: stop.drop_guard() }
    }

    /// The next session that an agent opens.
    pub(crate) async fn session(&mut self) -> Peer {
        self.sessions.recv().await.expect("the hub runs")
    }

    /// How many calls arrived, of any kind.
    pub(crate) fn calls(&self) -> u32 {
        self.state.calls.load(Ordering::SeqCst)
    }

    /// Makes a content fetchable; `compressed` need not be what `digest` names.
    pub(crate) fn put(&self, digest: Digest, compressed: Vec<u8>) {
        self.state.contents.lock().insert(digest, compressed);
    }
}

// === impl Peer ===

impl Peer {
    pub(crate) async fn hear(&mut self) -> AgentMessage {
        loop {
            let frame = self.incoming.message().await.expect("a frame").expect("the agent is there");
            if let Some(message) = self.decoder.push(frame).expect("a message") {
                return message;
            }
        }
    }

    pub(crate) async fn say(&mut self, message: HubMessage) {
        for frame in self.encoder.encode(message) {
            self.outgoing.send(Ok(frame)).await.expect("the agent is there");
        }
    }

    /// Whether the agent has hung up.
    pub(crate) async fn hung_up(mut self) -> bool {
        while let Ok(Some(_)) = self.incoming.message().await {}
        true
    }
}

// === impl Service ===

#[tonic::async_trait]
impl Agent for Service {
    type ConnectStream = ReceiverStream<Result<v1::Frame, Status>>;
    type FetchStream = Pin<Box<dyn Stream<Item = Result<v1::FetchPart, Status>> + Send>>;

    async fn connect(&self, request: Request<Streaming<v1::Frame>>) -> Result<Response<Self::ConnectStream>, Status> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        let (outgoing, frames) = mpsc::channel(4);
        let incoming = request.into_inner();
        let peer = Peer { incoming, outgoing, decoder: Decoder::new(), encoder: Encoder::new() };
        self.0.sessions.send(peer).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(frames)))
    }

    async fn fetch(&self, request: Request<v1::FetchRequest>) -> Result<Response<Self::FetchStream>, Status> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        let mut parts = VecDeque::new();
        for digest in request.into_inner().digests {
            let digest = Digest::from_bytes(&digest).map_err(|error| Status::invalid_argument(error.to_string()))?;
            match self.0.contents.lock().get(&digest) {
                Some(compressed) => parts.extend(contents::parts(digest, compressed.clone().into())),
                None => parts.push_back(contents::not_found(digest)),
            }
        }
        Ok(Response::new(Box::pin(tokio_stream::iter(parts.into_iter().map(Ok)))))
    }

    type ServeStream = ReceiverStream<Result<v1::ServeFrame, Status>>;

    async fn serve(&self, _: Request<Streaming<v1::ServeFrame>>) -> Result<Response<Self::ServeStream>, Status> {
        Err(Status::unimplemented("not in this hub"))
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Result<Response<v1::RenewReply>, Status> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        let renew = self.0.renew.as_ref().ok_or_else(|| Status::unimplemented("not in this hub"))?;
        renew(&request.into_inner()).map(Response::new)
    }
}

#[tonic::async_trait]
impl Join for Service {
    async fn join(&self, request: Request<v1::JoinRequest>) -> Result<Response<v1::JoinReply>, Status> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        let join = self.0.join.as_ref().ok_or_else(|| Status::unimplemented("not on this listener"))?;
        join(&request.into_inner()).map(Response::new)
    }
}

/// A TLS stream as tonic's server wants it.
struct Wire(TlsStream<TcpStream>);

impl Connected for Wire {
    type ConnectInfo = ();
    fn connect_info(&self) {}
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
