//! TLS as Windlass uses it: 1.3 only, aws-lc-rs only, no resumption, the time from [`Clock`].
//!
//! Resumption is off everywhere because it skips the check of the client's certificate (RFC 8446, 2.2).

mod certificate;

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;

use crate::clock::Clock;

pub use certificate::{PemIdentity, SwappableCertificate};

/// ALPN of HTTP/2 alone, as agents speak it.
pub const H2: &[&str] = &["h2"];
/// ALPN of a listener for people's tools too.
pub const H2_AND_HTTP1: &[&str] = &["h2", "http/1.1"];

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not PEM of the expected kind.
    #[error("{what} is not valid PEM: {problem}")]
    Pem {
        /// What was being read.
        what: String,
        /// Why.
        problem: String,
    },
    /// rustls refuses a certificate or key.
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
    /// No verifier can be made of these roots.
    #[error("TLS roots: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

impl Error {
    /// Reading may work another time; contents will not.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Read { .. })
    }
}

/// Makes aws-lc-rs the process's provider. Call it first in `main` and in tests; further calls do nothing.
pub fn install_crypto_provider() {
    // An error says that one is installed already, which is what is wanted.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The provider that all configurations of this module use.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A server that asks no certificate of its clients (the API listener).
pub fn server_config(
    clock: &Clock,
    certificate: Arc<dyn ResolvesServerCert>,
    alpn: &[&str],
) -> Result<ServerConfig, Error> {
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(clock.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13])?;
    Ok(finished_server(builder.with_no_client_auth().with_cert_resolver(certificate), alpn))
}

/// A server that demands a certificate in the handshake (the agents listener). [`client_verifier`] makes the plain verifier.
pub fn mutual_server_config(
    clock: &Clock,
    certificate: Arc<dyn ResolvesServerCert>,
    clients: Arc<dyn ClientCertVerifier>,
    alpn: &[&str],
) -> Result<ServerConfig, Error> {
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(clock.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13])?;
    Ok(finished_server(builder.with_client_cert_verifier(clients).with_cert_resolver(certificate), alpn))
}

/// Verifies that a client's certificate leads to one of `roots` (DER); a client without one is refused.
pub fn client_verifier(roots: &[CertificateDer<'_>]) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    Ok(WebPkiClientVerifier::builder_with_provider(Arc::new(root_store(roots)?), provider()).build()?)
}

/// Verifies that a server's certificate leads to one of `roots` (DER) and bears the dialled name.
pub fn server_verifier(roots: &[CertificateDer<'_>]) -> Result<Arc<WebPkiServerVerifier>, Error> {
    Ok(WebPkiServerVerifier::builder_with_provider(Arc::new(root_store(roots)?), provider()).build()?)
}

/// A client that trusts exactly `roots` and shows `identity` where it has one.
pub fn client_config(
    clock: &Clock,
    roots: &[CertificateDer<'_>],
    identity: Option<PemIdentity>,
    alpn: &[&str],
) -> Result<ClientConfig, Error> {
    client_config_with(clock, server_verifier(roots)?, identity, alpn)
}

/// A client with a verifier of its own (the pin check before a join).
pub fn client_config_with(
    clock: &Clock,
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<PemIdentity>,
    alpn: &[&str],
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_details(provider(), Arc::new(clock.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => builder.with_client_auth_cert(identity.chain, identity.key)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols(alpn);
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn finished_server(mut config: ServerConfig, alpn: &[&str]) -> ServerConfig {
    config.alpn_protocols = protocols(alpn);
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    config
}

fn protocols(alpn: &[&str]) -> Vec<Vec<u8>> {
    alpn.iter().map(|name| name.as_bytes().to_vec()).collect()
}

fn root_store(roots: &[CertificateDer<'_>]) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone().into_owned())?;
    }
    Ok(store)
}
