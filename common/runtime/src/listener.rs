//! An accept loop over TLS: a bad connection, a slow handshake or an exhausted descriptor table never ends it or stands before anybody else.

pub mod per_address;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;

use per_address::PerAddress;

/// How long to wait after an accept failed: descriptors may be free again then.
const AFTER_ERROR: Duration = Duration::from_millis(100);
/// How long a connection waits for its turn to shake hands.
const TURN: Duration = Duration::from_secs(10);
/// Connections that wait for their turn, of all addresses and of each; further ones stay in the kernel's queue, and of one address are closed.
const WAITING: usize = 4096;
const WAITING_PER_ADDRESS: usize = 1024;

/// Bounds of an accept loop.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a handshake may take.
    pub handshake: Duration,
    /// How many may be under way; further connections wait their turn.
    pub handshakes: usize,
    /// How many of one address: the others wait behind it, and hold up nobody else. Many agents may share one.
    pub per_address: usize,
}

/// A connection whose handshake is done.
#[derive(Debug)]
pub struct Accepted {
    /// The connection.
    pub stream: TlsStream<TcpStream>,
    /// Who dialled.
    pub peer: SocketAddr,
    /// The client's certificate chain, leaf first; empty where none was asked for.
    pub certificates: Vec<CertificateDer<'static>>,
}

/// The connections of a listener, as a stream that ends at shutdown.
#[derive(Debug)]
pub struct Incoming {
    ready: mpsc::Receiver<Accepted>,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { handshake: Duration::from_secs(4), handshakes: 256, per_address: 64 }
    }
}

// === impl Incoming ===

impl Incoming {
    /// The next connection; `None` after shutdown.
    pub async fn next(&mut self) -> Option<Accepted> {
        self.ready.recv().await
    }
}

impl Stream for Incoming {
    type Item = Accepted;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Accepted>> {
        self.ready.poll_recv(context)
    }
}

/// Accepts until `shutdown`, each handshake in a task of its own. What failed is logged at debug: anybody can cause it.
pub fn accept_tls(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    limits: Limits,
    shutdown: CancellationToken,
) -> Incoming {
    // One slot: a connection that nobody takes holds its handshake's permit, and the backlog stays in the kernel.
    let (done, ready) = mpsc::channel(1);
    let acceptor = TlsAcceptor::from(config);
    tokio::spawn(async move {
        tokio::select! {
            () = accept(&listener, &acceptor, limits, &done, &shutdown) => {}
            () = shutdown.cancelled() => {}
        }
    });
    Incoming { ready }
}

async fn accept(
    listener: &TcpListener,
    acceptor: &TlsAcceptor,
    limits: Limits,
    done: &mpsc::Sender<Accepted>,
    shutdown: &CancellationToken,
) {
    let turns = Arc::new(Semaphore::new(limits.handshakes.max(1)));
    let waiting = Arc::new(Semaphore::new(WAITING));
    let addresses = PerAddress::new(WAITING_PER_ADDRESS);
    // The semaphores are never closed.
    while let Ok(waits) = Arc::clone(&waiting).acquire_owned().await {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            }
        };
        let Some(place) = addresses.enter(peer.ip(), limits.per_address) else {
            tracing::debug!(%peer, limit = WAITING_PER_ADDRESS, "too many connections of one address wait for their handshake");
            continue;
        };
        let (acceptor, done, shutdown, turns) = (acceptor.clone(), done.clone(), shutdown.clone(), Arc::clone(&turns));
        tokio::spawn(async move {
            let work = async {
                let turn = tokio::time::timeout(TURN, place.turn(&turns)).await;
                let Ok(Some(_turn)) = turn else {
                    tracing::debug!(%peer, "a connection waited too long for its handshake");
                    return;
                };
                drop(waits);
                match tokio::time::timeout(limits.handshake, handshake(&acceptor, stream, peer)).await {
                    // An error says that the process no longer wants connections.
                    Ok(Ok(accepted)) => drop(done.send(accepted).await),
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!(%peer, limit = ?limits.handshake, "a TLS handshake took too long"),
                }
            };
            tokio::select! {
                () = work => {}
                () = shutdown.cancelled() => {}
            }
        });
    }
}

async fn handshake(acceptor: &TlsAcceptor, stream: TcpStream, peer: SocketAddr) -> std::io::Result<Accepted> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let certificates = certificates.iter().map(|certificate| certificate.clone().into_owned()).collect();
    Ok(Accepted { stream, peer, certificates })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::tls::{self, H2, PemIdentity, SwappableCertificate};
    use rustls_pki_types::{PrivateKeyDer, ServerName};
    use tokio_rustls::TlsConnector;

    struct Pki {
        ca: CertificateDer<'static>,
        issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    }

    impl Pki {
        fn new() -> Self {
            let mut params = rcgen::CertificateParams::new(vec![]).expect("params");
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            let key = rcgen::KeyPair::generate().expect("a key");
            let ca = params.self_signed(&key).expect("a certificate").der().clone();
            Self { ca, issuer: rcgen::Issuer::new(params, key) }
        }

        fn issue(&self, name: &str) -> PemIdentity {
            let key = rcgen::KeyPair::generate().expect("a key");
            let params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("params");
            let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
            let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
            PemIdentity { chain: vec![certificate.der().clone()], key }
        }
    }

    async fn start(pki: &Pki, limits: Limits) -> (Incoming, SocketAddr, CancellationToken) {
        let certificate = Arc::new(SwappableCertificate::new(pki.issue("hub.test")).expect("a certificate"));
        let clients = tls::client_verifier(std::slice::from_ref(&pki.ca)).expect("roots");
        let config = tls::mutual_server_config(&Clock::system(), certificate, clients, H2).expect("a configuration");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        (accept_tls(listener, Arc::new(config), limits, shutdown.clone()), address, shutdown)
    }

    async fn dial(
        pki: &Pki,
        address: SocketAddr,
        identity: Option<PemIdentity>,
    ) -> tokio_rustls::client::TlsStream<TcpStream> {
        let config =
            tls::client_config(&Clock::system(), std::slice::from_ref(&pki.ca), identity, H2).expect("a configuration");
        let stream = TcpStream::connect(address).await.expect("a connection");
        let name = ServerName::try_from("hub.test").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake")
    }

    #[tokio::test]
    async fn a_client_comes_with_its_certificate_whatever_others_do() {
        let pki = Pki::new();
        let (mut incoming, address, shutdown) = start(&pki, Limits { handshakes: 4, ..Limits::default() }).await;
        let _silent = TcpStream::connect(address).await.expect("a connection");
        let _without = dial(&pki, address, None).await;
        let agent = pki.issue("agent");
        let _agent = dial(&pki, address, Some(agent.clone())).await;
        let accepted = incoming.next().await.expect("a connection");
        assert_eq!(accepted.certificates, agent.chain);
        shutdown.cancel();
        assert!(incoming.next().await.is_none());
    }

    /// Sends a byte of a handshake now and then, so that it is never idle, and never done.
    async fn drip(address: SocketAddr, count: usize) -> Vec<TcpStream> {
        let mut silent = Vec::with_capacity(count);
        for _ in 0..count {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            tokio::io::AsyncWriteExt::write_all(&mut stream, &[22, 3]).await.expect("written");
            silent.push(stream);
        }
        silent
    }

    #[tokio::test]
    async fn an_address_that_floods_holds_up_nobody_else() {
        let pki = Pki::new();
        // Long enough that only the bounds can let the others through.
        let limits = Limits { handshake: Duration::from_secs(600), handshakes: 8, per_address: 4 };
        let (mut incoming, address, _shutdown) = start(&pki, limits).await;
        let _flood = drip(address, 300).await;
        for own in 2..5 {
            let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
            socket.bind(SocketAddr::from(([127, 0, 0, own], 0))).expect("an address of its own");
            let stream = socket.connect(address).await.expect("a connection");
            let config =
                tls::client_config(&Clock::system(), std::slice::from_ref(&pki.ca), Some(pki.issue("agent")), H2);
            let name = ServerName::try_from("hub.test").expect("a name");
            let connector = TlsConnector::from(Arc::new(config.expect("a configuration")));
            let _stream = connector.connect(name, stream).await.expect("a handshake");
            assert_eq!(
                incoming.next().await.expect("a connection").peer.ip(),
                std::net::IpAddr::from([127, 0, 0, own])
            );
        }
    }

    #[tokio::test]
    async fn a_handshake_that_drips_ends_and_gives_its_place_up() {
        let pki = Pki::new();
        let limits = Limits { handshake: Duration::from_millis(50), handshakes: 2, per_address: 2 };
        let (mut incoming, address, _shutdown) = start(&pki, limits).await;
        let mut flood = drip(address, 4).await;
        let read = tokio::io::AsyncReadExt::read(&mut flood[0], &mut [0; 1]).await;
        assert!(matches!(read, Ok(0) | Err(_)), "it is closed");
        let _agent = dial(&pki, address, Some(pki.issue("agent"))).await;
        assert!(incoming.next().await.is_some());
    }
}
