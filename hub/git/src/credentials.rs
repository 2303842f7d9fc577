//! What opens a repository. These types implement neither `Debug` nor `Serialize`, and wipe themselves when dropped.

mod certificate;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

pub use self::certificate::ClientCertificate;
use crate::repository::Repository;

/// What a request to a repository shows. SSH keys and GitHub App keys are to come; a client certificate stands beside it, not in its place.
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

/// Tells settings apart without holding them.
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
    /// Of everything that decides what a server answers.
    pub(crate) fn of_repository(repository: &Repository) -> Self {
        let credentials = repository.credentials.as_ref().map(Credentials::parts).unwrap_or_default();
        Self::of(credentials.into_iter().chain(connection(repository)))
    }

    /// Of what decides how a connection is made: repositories that agree in it may share connections.
    pub(crate) fn of_connection(repository: &Repository) -> Self {
        Self::of(connection(repository).into_iter())
    }

    fn of<'a>(parts: impl Iterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

fn connection(repository: &Repository) -> [&str; 6] {
    let certificate = repository.client_certificate.as_ref();
    let proxy = repository.proxy();
    [
        repository.ca_pem.as_deref().unwrap_or_default(),
        certificate.map(ClientCertificate::chain).unwrap_or_default(),
        certificate.map(|certificate| certificate.key().expose_secret()).unwrap_or_default(),
        proxy.map(|proxy| proxy.address()).unwrap_or_default(),
        proxy.map(|proxy| proxy.secret()).unwrap_or_default(),
        if repository.insecure { "insecure" } else { "" },
    ]
}
