//! A client certificate with its key, as PEM.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, Result};

const CERTIFICATE: &str = "tlsClientCertData";
const KEY: &str = "tlsClientCertKey";

/// What a git server that demands one is shown when the TLS connection is made; it goes to the repository's own scheme, host and port alone.
#[derive(Clone)]
pub struct ClientCertificate {
    chain: String,
    key: SecretString,
}

// === impl ClientCertificate ===

impl ClientCertificate {
    /// `chain` begins with the client's own certificate; `key` is its private key, not encrypted. Refused when either cannot be read, or they do not
    /// belong together; no error repeats anything of the key.
    pub fn parse(chain: &str, key: &str) -> Result<Self> {
        let unreadable = |setting: &'static str, cause: &str| Error::Setting { setting, cause: cause.to_owned() };
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<std::result::Result<_, _>>()
            .map_err(|_| unreadable(CERTIFICATE, "it is no PEM certificate; give the certificate, then its issuers"))?;
        if certificates.is_empty() {
            return Err(unreadable(CERTIFICATE, "it holds no PEM certificate; give the certificate, then its issuers"));
        }
        let no_key = "it holds no private key in PEM (PKCS#8, PKCS#1 or SEC1, not encrypted)";
        let der = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| unreadable(KEY, no_key))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        match rustls::sign::CertifiedKey::from_der(certificates, der, &provider) {
            Ok(_) => Ok(Self { chain: chain.to_owned(), key: SecretString::from(key.to_owned()) }),
            Err(rustls::Error::InconsistentKeys(_)) => {
                Err(unreadable(KEY, "it is not the key of the certificate in tlsClientCertData; give the pair"))
            }
            Err(_) => Err(unreadable(KEY, "the key is of a kind that TLS cannot use; use RSA, ECDSA or Ed25519")),
        }
    }

    /// The certificate and its issuers, PEM.
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// The private key, PEM.
    pub fn key(&self) -> &SecretString {
        &self.key
    }

    /// As the HTTP client takes it. The copy in between is wiped.
    pub(crate) fn identity(&self) -> std::result::Result<reqwest::Identity, reqwest::Error> {
        let pem = SecretString::from(format!("{}\n{}", self.key.expose_secret(), self.chain));
        reqwest::Identity::from_pem(pem.expose_secret().as_bytes())
    }
}
