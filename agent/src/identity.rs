//! Who this agent is: a key that was made here and never leaves, the certificate that the hub gave for it, and what came along at the join.
//!
//! It lives in one directory that only the agent's user may read, or in one Secret. `identity.json` is written last: without it there is no identity, whatever else is there.

mod credentials;
mod directory;
mod files;
mod join;
mod leaf;
mod pin;
mod rejoin;
pub(crate) mod relocate;
mod renew;
mod replaced;
#[cfg(test)]
pub(crate) mod test_pki;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use secrecy::SecretString;
use tonic::transport::Channel;
use uuid::Uuid;
use windlass_domain::digest::DigestKey;
use windlass_domain::time::Timestamp;
use windlass_runtime::clock::Clock;
use windlass_runtime::tls::{self, H2, PemIdentity};

use crate::dial::{self, Address, Proxy, Windows};

pub use credentials::Credentials;
pub use files::Files;
pub use join::{join, join_once};
pub use rejoin::{is_new, rejoin, rejoin_running, token_of};
pub use relocate::keep_reachable;
pub use renew::keep_renewed;
pub use replaced::confirmed;

/// An agent that has joined. It has no `Debug` and no `Serialize`: it holds a private key.
#[derive(Clone)]
pub struct Identity {
    /// The cluster's uid.
    pub cluster: Uuid,
    /// Random per installation of the agent: a reconnect has the same one.
    pub instance: Uuid,
    /// The hub's installation id, written to every managed object.
    pub installation: Uuid,
    /// The trust domain of SPIFFE ids.
    pub trust_domain: String,
    /// `host:port` of the hub's agents listener.
    pub agents_address: String,
    /// What stands between this agent and the hub, if anything does.
    pub proxy: Option<Proxy>,
    /// The same, as it was told.
    pub(crate) proxy_text: Option<SecretString>,
    /// Uid of the namespace `kube-system` at the join: another uid is another cluster.
    pub kube_system_uid: String,
    /// Key under which Secrets are digested.
    pub digest_key: DigestKey,
    /// The certificate's serial number, lower-case hex, as the hub shows it.
    pub serial: String,
    /// When the certificate begins.
    pub not_before: Timestamp,
    /// When the certificate ends.
    pub not_after: Timestamp,
    /// What the agents listener's certificate must lead to.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Certificate chain and key.
    pub certificate: PemIdentity,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what was written there.
    #[error("{path} is damaged: {problem}. Restore it, or join again with a new token (windlass cluster token)")]
    Damaged {
        /// The file.
        path: String,
        /// Why.
        problem: String,
    },
    /// The join file cannot be used.
    #[error("the join file: {0}")]
    JoinFile(String),
    /// The hub cannot be reached.
    #[error("cannot reach the hub at {hub}: {problem}")]
    Unreachable {
        /// Its address.
        hub: String,
        /// Why.
        problem: String,
    },
    /// Somebody else answers at the hub's address, or the hub's CA is another one than the join file says.
    #[error("the hub at {hub} presented a certificate authority that isn't the pinned one; the token was not sent")]
    WrongAuthority {
        /// Its address.
        hub: String,
    },
    /// The handshake failed for another reason.
    #[error("the TLS handshake with the hub at {hub} failed: {problem}; the token was not sent")]
    Handshake {
        /// Its address.
        hub: String,
        /// Why.
        problem: String,
    },
    /// The hub refused the join.
    #[error("the hub at {hub} refused the join: {reason}")]
    Refused {
        /// Its address.
        hub: String,
        /// Its words.
        reason: String,
    },
    /// The hub refused to renew the certificate.
    #[error("the hub at {hub} refused to renew the certificate: {reason}")]
    RenewalRefused {
        /// Its address.
        hub: String,
        /// Its words, or what they mean.
        reason: String,
    },
    /// The hub's answer cannot be used.
    #[error("the hub's answer cannot be used: {0}")]
    Reply(String),
    /// No key can be made.
    #[error("cannot make a key: {0}")]
    Key(String),
}

// === impl Error ===

impl Error {
    /// Whether the same join may work later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

// === impl Identity ===

impl Identity {
    /// The identity in `files`; `None` where the agent has not joined.
    ///
    /// # Errors
    /// When it is there and cannot be used. It is never replaced silently: another key would be another agent.
    pub fn load(files: &Files) -> Result<Option<Self>, Error> {
        directory::load(files)
    }

    /// A connection to the hub's agents listener, as this cluster.
    pub async fn dial(&self, clock: &Clock, windows: Windows) -> Result<Channel, dial::Error> {
        let address: Address = self.agents_address.parse()?;
        let config = tls::client_config(clock, &self.authorities, Some(self.certificate.clone()), H2)?;
        let stream = dial::tls(&address, self.proxy.as_ref(), Arc::new(config)).await?;
        dial::channel(stream, &address, windows).await
    }

    /// When the certificate should be renewed: at two thirds of its life, and up to a twentieth of it later, chosen by `entropy`, so that clusters that
    /// joined together do not come back together.
    pub fn renewal_due(&self, entropy: u64) -> Timestamp {
        let life = self.not_after.duration_since(self.not_before).unsigned_abs();
        let wait = life * 2 / 3 + windlass_runtime::backoff::spread(life / 20, entropy);
        self.not_before.saturating_add(wait).unwrap_or(self.not_after)
    }

    /// What a TLS alert of the hub means for this certificate, in words; nothing when it is about something else.
    pub(crate) fn explain_alert(&self, problem: &str, now: Timestamp) -> Option<String> {
        let alert = ["CertificateExpired", "CertificateRevoked", "BadCertificate", "UnknownCA", "CertificateUnknown"]
            .into_iter()
            .find(|alert| problem.contains(alert))?;
        let Self { serial, not_after, .. } = self;
        let ended = if *not_after <= now { "it ended" } else { "it ends" };
        let why = match alert {
            "CertificateExpired" => "too long ago for a renewal, or the hub's clock is wrong",
            "CertificateRevoked" => "and was revoked",
            _ => "and the hub no longer trusts what signed it",
        };
        Some(format!(
            "the hub does not take this agent's certificate ({serial}): {ended} at {not_after}, {why}; if that is right, join again with a new token (windlass cluster token)"
        ))
    }
}
