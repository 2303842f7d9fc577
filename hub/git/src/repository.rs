//! A repository as a caller hands it over: where it is and what opens it.

use crate::credentials::{Credentials, Fingerprint};
use crate::url::RepositoryUrl;

/// Where a repository is and what opens it. Callers hold the truth: nothing of this is written to disk.
#[derive(Clone)]
#[non_exhaustive]
pub struct Repository {
    /// The address.
    pub url: RepositoryUrl,
    /// What opens it; only ever sent to the URL's own scheme, host and port.
    pub credentials: Option<Credentials>,
    /// The certificate authorities to trust for it, in PEM, *instead of* the system's.
    pub ca_pem: Option<String>,
}

// === impl Repository ===

impl Repository {
    /// A public repository.
    pub fn new(url: RepositoryUrl) -> Self {
        Self { url, credentials: None, ca_pem: None }
    }

    /// With credentials.
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// With its own certificate authorities.
    pub fn with_ca(mut self, ca_pem: impl Into<String>) -> Self {
        self.ca_pem = Some(ca_pem.into());
        self
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.credentials.as_ref(), self.ca_pem.as_deref())
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("url", &self.url).finish_non_exhaustive()
    }
}
