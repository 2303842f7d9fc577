//! What opens a repository. These types implement neither `Debug` nor `Serialize`, and wipe themselves when dropped.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// What opens a repository. Client certificates, SSH keys and GitHub App keys are to come.
#[derive(Clone)]
#[non_exhaustive]
pub enum Credentials {
    /// HTTP basic authentication; most hosts take a token as the password.
    Basic {
        /// The user; some hosts want any non-empty name beside a token.
        username: String,
        /// The password or token.
        password: SecretString,
    },
    /// An `Authorization: Bearer` token.
    Bearer {
        /// The token.
        token: SecretString,
    },
}

/// Tells credentials apart without holding them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 32]);

// === impl Credentials ===

impl Credentials {
    /// HTTP basic authentication.
    pub fn basic(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Basic { username: username.into(), password: SecretString::from(password.into()) }
    }

    /// A bearer token.
    pub fn bearer(token: impl Into<String>) -> Self {
        Self::Bearer { token: SecretString::from(token.into()) }
    }

    /// Adds the `Authorization` header, marked sensitive so that no log shows it.
    pub(crate) fn authorize(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match self {
            Self::Basic { username, password } => request.basic_auth(username, Some(password.expose_secret())),
            Self::Bearer { token } => request.bearer_auth(token.expose_secret()),
        }
    }

    fn parts(&self) -> [&str; 3] {
        match self {
            Self::Basic { username, password } => ["basic", username, password.expose_secret()],
            Self::Bearer { token } => ["bearer", "", token.expose_secret()],
        }
    }
}

// === impl Fingerprint ===

impl Fingerprint {
    pub(crate) fn of(credentials: Option<&Credentials>, ca_pem: Option<&str>) -> Self {
        let mut hash = Sha256::new();
        let [kind, name, secret] = credentials.map(Credentials::parts).unwrap_or_default();
        for part in [kind, name, secret, ca_pem.unwrap_or_default()] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}
