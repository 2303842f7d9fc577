//! Connections to the hub: TCP, a proxy where there is one, TLS 1.3, HTTP/2, each made in a step of its own so that what fails can be named.
//!
//! It knows nobody: who dials, and with which certificate, is said by whoever asks.

mod proxy;
pub(crate) mod skew;

use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;
use windlass_runtime::tls;

pub use proxy::Proxy;

/// How long TCP and TLS may take together.
const DIAL_LIMIT: Duration = Duration::from_secs(10);
/// How often a silent connection is probed, and how long the answer may take: a half-open one is found within 30 s.
const KEEPALIVE: Duration = Duration::from_secs(20);
const KEEPALIVE_LIMIT: Duration = Duration::from_secs(10);

/// `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address, an IPv6 one without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// How many bytes the hub may send before this end has read them.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    stream: u32,
    connection: u32,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not an address.
    #[error("{0:?} is not host:port")]
    Address(String),
    /// The proxy on the way cannot be used.
    #[error("the proxy: {0}")]
    Proxy(String),
    /// Nobody answers.
    #[error("cannot connect to {address}: {source}")]
    Unreachable {
        /// Whom.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The other end is not who it should be, or does not speak TLS as it should.
    #[error("the TLS handshake with {address} failed: {}", skew::of_handshake(problem).unwrap_or_else(|| problem.to_string()))]
    Handshake {
        /// With whom.
        address: String,
        /// Why.
        problem: rustls::Error,
    },
    /// This end's own certificate or roots cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// HTTP/2 did not come up.
    #[error("HTTP/2 with {address} failed: {problem}")]
    Http {
        /// With whom.
        address: String,
        /// Why.
        problem: String,
    },
}

// === impl Error ===

impl Error {
    /// Whether the same attempt may work later. A hub's certificate may be renewed, and its address may answer.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Address(_) | Self::Proxy(_) | Self::Tls(_))
    }
}

// === impl Windows ===

impl Windows {
    /// Of a session: its frames are at most 16 KiB.
    pub const SESSION: Self = Self { stream: 64 * 1024, connection: 128 * 1024 };
    /// Of the connection for contents: 1 MiB of credit in all.
    pub const FETCH: Self = Self { stream: 1024 * 1024, connection: 1024 * 1024 };
}

// === impl Address ===

impl Address {
    /// Takes an IPv6 address with or without brackets.
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.trim_start_matches('[').trim_end_matches(']').to_owned(), port }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl FromStr for Address {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Address(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let address = Self::new(host, port.parse().map_err(|_| bad())?);
        if address.host.is_empty() { Err(bad()) } else { Ok(address) }
    }
}

/// TCP, through a proxy where there is one, and TLS, within ten seconds.
pub async fn tls(
    address: &Address,
    proxy: Option<&Proxy>,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Error> {
    let unreachable = |source| Error::Unreachable { address: address.to_string(), source };
    let slow = || unreachable(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {DIAL_LIMIT:?}")));
    tokio::time::timeout(DIAL_LIMIT, handshake(address, proxy, config)).await.unwrap_or_else(|_| Err(slow()))
}

async fn handshake(
    address: &Address,
    proxy: Option<&Proxy>,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Error> {
    let unreachable = |source| Error::Unreachable { address: address.to_string(), source };
    let name = ServerName::try_from(address.host.clone()).map_err(|_| Error::Address(address.to_string()))?;
    let stream = match proxy {
        Some(proxy) => proxy.connect(address).await,
        None => TcpStream::connect((address.host.as_str(), address.port)).await,
    };
    let stream = stream.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    TlsConnector::from(config).connect(name, stream).await.map_err(|error| {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(problem) => Error::Handshake { address: address.to_string(), problem: problem.clone() },
            None => unreachable(error),
        }
    })
}

/// HTTP/2 over one TLS connection. The channel never dials again by itself: when the connection is gone, so is the channel.
pub async fn channel(stream: TlsStream<TcpStream>, address: &Address, windows: Windows) -> Result<Channel, Error> {
    let failed = |problem: String| Error::Http { address: address.to_string(), problem };
    let origin =
        format!("https://{address}").parse().map_err(|error: http::uri::InvalidUri| failed(error.to_string()))?;
    let once = Arc::new(Mutex::new(Some(TokioIo::new(stream))));
    let connector = service_fn(move |_| {
        let stream = once.lock().take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        std::future::ready(stream)
    });
    // The scheme of the endpoint itself only tells tonic that TLS is not its business.
    Endpoint::from_static("http://hub")
        .origin(origin)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_LIMIT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(windows.stream)
        .initial_connection_window_size(windows.connection)
        .connect_with_connector(connector)
        .await
        .map_err(|error| failed(chain(&error)))
}

/// A status in words, with what lies under it: tonic's own text often ends at "transport error".
pub fn describe(status: &tonic::Status) -> String {
    let below = std::error::Error::source(status).map(chain).filter(|below| !below.is_empty());
    match below {
        Some(below) if status.message().is_empty() => below,
        Some(below) if !status.message().contains(&below) => format!("{}: {below}", status.message()),
        _ if status.message().is_empty() => status.code().description().to_owned(),
        _ => status.message().to_owned(),
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let text = error.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        next = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_host_and_port() {
        for (text, host) in [("hub.example:8444", "hub.example"), ("[::1]:8444", "::1"), ("10.0.0.1:8444", "10.0.0.1")]
        {
            let address: Address = text.parse().expect("an address");
            assert_eq!((address.host.as_str(), address.port, address.to_string().as_str()), (host, 8444, text));
        }
        for bad in ["", "hub", ":1", "hub:", "hub:99999"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
