//! How agents are named and how they join: texts that must be read exactly, or not at all. What becomes of an identity over its life is decided below:
//!
//! | module | decides |
//! |---|---|
//! | [`record`] | which certificate of a cluster is in use, who is a copy, who may renew, what a person approved |
//! | [`verdict`], [`standing`] | the answer to who shows an identity; the state in words |
//! | [`revocation`] | the list of revocations outside the database |
//! | [`trust`] | replacing the hub's certificate authority |

pub mod record;
pub mod revocation;
pub mod standing;
pub mod trust;
pub mod verdict;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::digest::{hex, unhex};

/// `spiffe://<trust domain>/cluster/<uid>`: the only name in an agent's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpiffeId {
    /// The installation's trust domain.
    pub trust_domain: String,
    /// The cluster.
    pub cluster: Uuid,
}

/// `<id>.<secret>`: proof that an operator wants this cluster. It has no `Debug` and no `Serialize`.
#[derive(Clone)]
pub struct JoinToken {
    /// Which token.
    pub id: Uuid,
    secret: [u8; 32],
}

/// `sha256:<hex>` of a CA certificate's DER, by which an agent knows the hub before it says anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pin([u8; 32]);

/// Why a text of this module cannot be read. The text itself is not repeated: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentity {
    /// Not exactly `spiffe://<trust domain>/cluster/<uid>`.
    #[error("not exactly spiffe://<trust domain>/cluster/<uid>")]
    Spiffe,
    /// Not `<id>.<secret>`.
    #[error("not a join token (<id>.<secret>)")]
    Token,
    /// Not `sha256:` and 64 hex digits.
    #[error("not a pin (sha256: and 64 hex digits)")]
    Pin,
}

/// What `windlass cluster add -o join.json` writes and `windlass-agent --join` reads.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinFile {
    /// Format of this file; 1.
    pub version: u32,
    /// `https://host:port` of the hub's API.
    pub hub: String,
    /// `host:port` of the hub's agents listener.
    pub agents: String,
    /// The cluster's uid.
    pub cluster: Uuid,
    /// The join token.
    pub token: String,
    /// Pins of the CA above the hub's API listener.
    pub pins: Vec<Pin>,
    /// A proxy on the way to the hub: `http://[user:password@]host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
}

// === impl SpiffeId ===

impl SpiffeId {
    /// Reads the whole text; anything before, after or spelt otherwise is refused (CVE-2026-4740 was a prefix match).
    pub fn parse(text: &str) -> Result<Self, InvalidIdentity> {
        let rest = text.strip_prefix("spiffe://").ok_or(InvalidIdentity::Spiffe)?;
        let (trust_domain, uid) = rest.split_once("/cluster/").ok_or(InvalidIdentity::Spiffe)?;
        let cluster = Uuid::parse_str(uid).map_err(|_| InvalidIdentity::Spiffe)?;
        let id = Self { trust_domain: trust_domain.to_owned(), cluster };
        if !trust_domain.is_empty() && id.to_string() == text { Ok(id) } else { Err(InvalidIdentity::Spiffe) }
    }
}

impl std::fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "spiffe://{}/cluster/{}", self.trust_domain, self.cluster)
    }
}

// === impl JoinToken ===

impl JoinToken {
    /// A token from 32 bytes of the operating system's randomness.
    pub fn new(id: Uuid, secret: [u8; 32]) -> Self {
        Self { id, secret }
    }

    /// Reads `<id>.<secret>`.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentity> {
        let (id, secret) = text.trim().split_once('.').ok_or(InvalidIdentity::Token)?;
        let id = Uuid::parse_str(id).map_err(|_| InvalidIdentity::Token)?;
        let secret = unhex(secret).and_then(|bytes| bytes.try_into().ok()).ok_or(InvalidIdentity::Token)?;
        Ok(Self { id, secret })
    }

    /// The text that is shown once.
    pub fn expose(&self) -> String {
        format!("{}.{}", self.id.simple(), hex(&self.secret))
    }

    /// What the hub stores of it.
    pub fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }
}

// === impl Pin ===

impl Pin {
    /// The pin of a certificate, given as DER.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    /// Whether it names this certificate, given as DER.
    pub fn names(&self, certificate: &[u8]) -> bool {
        *self == Self::of(certificate)
    }
}

impl TryFrom<String> for Pin {
    type Error = InvalidIdentity;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = text.strip_prefix("sha256:").and_then(unhex).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(InvalidIdentity::Pin)
    }
}

impl From<Pin> for String {
    fn from(pin: Pin) -> Self {
        format!("sha256:{}", hex(&pin.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spiffe_id_is_read_whole_or_not_at_all() {
        let uid = "018f2b5c-0000-7000-8000-000000000001";
        let good = format!("spiffe://hub.example/cluster/{uid}");
        assert_eq!(SpiffeId::parse(&good).map(|id| id.to_string()), Ok(good.clone()));
        for bad in [
            format!("{good}x"),
            format!("{good}/x"),
            format!(" {good}"),
            good.to_uppercase(),
            format!("spiffe:///cluster/{uid}"),
            format!("spiffe://hub.example/cluster/{}", uid.replace('-', "")),
            format!("spiffe://hub.example/cluster/{{{uid}}}"),
            format!("spiffe://hub.example/cluster/a/cluster/{uid}"),
            "spiffe://hub.example/cluster/".to_owned(),
        ] {
            assert_eq!(SpiffeId::parse(&bad), Err(InvalidIdentity::Spiffe), "{bad}");
        }
    }

    #[test]
    fn a_token_survives_its_text() {
        let token = JoinToken::new(Uuid::from_u128(5), [9; 32]);
        let read = JoinToken::parse(&format!("{}\n", token.expose())).map_err(|e| e.to_string());
        assert_eq!(read.map(|t| (t.id, t.secret_hash())), Ok((token.id, token.secret_hash())));
        for bad in ["", "x", "5.6", &token.expose()[..40]] {
            assert!(JoinToken::parse(bad).is_err());
        }
    }

    #[test]
    fn a_pin_names_one_certificate() {
        let pin = Pin::of(b"certificate");
        let read = Pin::try_from(String::from(pin.clone()));
        assert_eq!(read, Ok(pin.clone()));
        assert!(pin.names(b"certificate") && !pin.names(b"another"));
        assert!(Pin::try_from("md5:00".to_owned()).is_err());
    }
}
