//! The hub's own certificate authority: who the hub is to agents and people, and who an agent is to the hub.
//!
//! The key is made once and lives sealed in the store. Server certificates are made in memory and renewed there; agents' certificates say one thing,
//! `spiffe://<trust domain>/cluster/<uid>`, and only the public key in them comes from the agent.

mod authority;
mod csr;
mod revocations;
mod ring;
mod server;
mod verifier;

pub use authority::{Authority, SKEW};
pub use csr::{CertificateRequest, InvalidRequest};
pub use revocations::{ListError, Revocations};
pub use verifier::{InvalidPeer, PeerCertificate};

/// Why the authority cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] windlass_store::Error),
    /// What the store holds is not our key or certificate.
    #[error(
        "the certificate authority in the store cannot be read: {0}; restore the store, or the seal key it was written with"
    )]
    Stored(String),
    /// Making a key or a certificate failed.
    #[error("a certificate could not be made: {0}")]
    Making(#[from] rcgen::Error),
    /// The TLS engine refused what we made.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] windlass_runtime::tls::Error),
    /// A name that no certificate can hold.
    #[error("{0:?} is neither a DNS name nor an IP address: correct --name or --advertise-*")]
    Name(String),
    /// The authority's certificate has ended.
    #[error("the certificate authority ended at {0}")]
    Ended(windlass_domain::time::Timestamp),
}

// === impl Error ===

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }
}
