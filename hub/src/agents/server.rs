//! The agents listener: TLS connections, each with the name that its certificate proves.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use windlass_proto::frame::MAX_GRPC_MESSAGE_BYTES;
use windlass_proto::v1::agent_server::AgentServer;
use windlass_runtime::listener::{Accepted, Limits, accept_tls};

use super::Agents;
use crate::pki::PeerCertificate;

/// What one stream may have on its way to an agent that does not read; a session's frames are 16 KiB.
const STREAM_WINDOW: u32 = 256 << 10;
/// What one connection may have on its way to us.
const CONNECTION_WINDOW: u32 = 1 << 20;
/// One session, a few fetches, a renewal and as many answers as one cluster may be asked for at once.
const MAX_STREAMS: u32 = 32;
const KEEPALIVE: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) certificate: PeerCertificate,
    pub(super) address: SocketAddr,
}

/// A connection of a proven agent.
struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
}

/// Serves agents until `stop`, and then until every session has ended.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    limits: Limits,
    agents: Agents,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let trust_domain = agents.trust_domain().to_owned();
    let incoming = accept_tls(listener, tls, limits, stop.clone());
    let incoming = incoming.filter_map(move |accepted| std::future::ready(connection(accepted, &trust_domain)));
    let service = AgentServer::new(agents).max_decoding_message_size(MAX_GRPC_MESSAGE_BYTES);
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
        .await
}

/// The handshake has checked the certificate already; here it is read for those who serve.
fn connection(accepted: Accepted, trust_domain: &str) -> Option<Result<Connection, std::io::Error>> {
    let leaf = accepted.certificates.first()?;
    match PeerCertificate::read(leaf, trust_domain) {
        Ok(certificate) => {
            let peer = Peer { certificate, address: accepted.peer };
            Some(Ok(Connection { stream: accepted.stream, peer }))
        }
        Err(error) => {
            tracing::warn!(peer = %accepted.peer, %error, "a connection was refused after its handshake");
            None
        }
    }
}

// === impl Connection ===

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
