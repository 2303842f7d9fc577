//! A repository as a caller hands it over: where it is and what opens it.

use crate::credentials::{ClientCertificate, Credentials, Fingerprint};
use crate::proxy::Proxy;
use crate::url::{Place, RepositoryUrl};

/// Where a repository is and what opens it. Callers hold the truth: nothing of this is written to disk.
#[derive(Clone)]
#[non_exhaustive]
pub struct Repository {
    /// The address.
    pub url: RepositoryUrl,
    /// What opens it; only ever sent to the URL's own scheme, host and port.
    pub credentials: Option<Credentials>,
    /// Shown where the server asks for one; only ever to the URL's own scheme, host and port.
    pub client_certificate: Option<ClientCertificate>,
    /// The certificate authorities to trust for it, in PEM, *instead of* the system's.
    pub ca_pem: Option<String>,
    /// Whether any certificate of the server's is taken: whoever is in between can then read the credentials and put in any manifest.
    pub insecure: bool,
    /// The way to it; `None` is the cache's own way.
    pub proxy: Option<Proxy>,
}

// === impl Repository ===

impl Repository {
    /// A public repository.
    pub fn new(url: RepositoryUrl) -> Self {
        Self { url, credentials: None, client_certificate: None, ca_pem: None, insecure: false, proxy: None }
    }

    /// With credentials.
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// With a client certificate.
    pub fn with_client_certificate(mut self, certificate: ClientCertificate) -> Self {
        self.client_certificate = Some(certificate);
        self
    }

    /// With its own certificate authorities.
    pub fn with_ca(mut self, ca_pem: impl Into<String>) -> Self {
        self.ca_pem = Some(ca_pem.into());
        self
    }

    /// Without checking who the server is.
    pub fn insecure(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Through a proxy.
    pub fn through(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// The proxy, where this host is not excepted from it.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        let Place::Http(url) = self.url.place() else { return None };
        self.proxy.as_ref().filter(|proxy| proxy.is_for(url))
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_repository(self)
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("url", &self.url).finish_non_exhaustive()
    }
}
