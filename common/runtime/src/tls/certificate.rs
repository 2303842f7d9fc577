//! Certificates with their keys: loaded from PEM, and swapped under a running listener.

use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{Error, provider};

/// A certificate chain and its private key. It has no `Debug` and no `Serialize`.
pub struct PemIdentity {
    /// The leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
}

/// What a listener shows, replaceable while it runs: the next handshake sees the new one.
#[derive(Debug)]
pub struct SwappableCertificate {
    current: RwLock<Arc<CertifiedKey>>,
}

// === impl PemIdentity ===

impl PemIdentity {
    /// Reads a chain (leaf first) and a key (PKCS#8, SEC1 or PKCS#1).
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        let bad = |what: &str, problem: String| Error::Pem { what: what.to_owned(), problem };
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| bad("the certificate chain", error.to_string()))?;
        if chain.is_empty() {
            return Err(bad("the certificate chain", "it holds no certificate".into()));
        }
        // The parser's words could repeat the key: they are left out.
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| bad("the private key", "it holds no key".into()))?;
        Ok(Self { chain, key })
    }

    /// Reads both from files.
    pub fn load(chain: &Path, key: &Path) -> Result<Self, Error> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| Error::Read { path: path.display().to_string(), source })
        };
        Self::from_pem(&read(chain)?, &read(key)?)
    }

    /// The form that rustls serves; refuses a key that is not the leaf's.
    pub fn certified(self) -> Result<Arc<CertifiedKey>, Error> {
        Ok(Arc::new(CertifiedKey::from_der(self.chain, self.key, &provider())?))
    }
}

impl Clone for PemIdentity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

// === impl SwappableCertificate ===

impl SwappableCertificate {
    /// Begins with one.
    pub fn new(identity: PemIdentity) -> Result<Self, Error> {
        Ok(Self { current: RwLock::new(identity.certified()?) })
    }

    /// Replaces it for every handshake from now on; on an error the old one stays.
    pub fn swap(&self, identity: PemIdentity) -> Result<(), Error> {
        let next = identity.certified()?;
        *self.current.write() = next;
        Ok(())
    }
}

impl ResolvesServerCert for SwappableCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read()))
    }
}
