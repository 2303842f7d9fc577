//! The authorities that are trusted, with their keys.

use std::sync::Arc;

use rcgen::{Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::CertificateDer;
use windlass_domain::identity::trust::{self, AuthorityEntry};
use windlass_domain::time::{Timestamp, from_millis};
use windlass_store::{Secret, Store};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Error;
use super::authority::read_key;

/// What is trusted at a time. It is never empty.
pub(super) struct Ring {
    /// Every authority there was.
    pub(super) entries: Vec<AuthorityEntry>,
    /// Those that are trusted, oldest first.
    pub(super) members: Vec<Member>,
    /// The check of a chain that leads to one of them.
    pub(super) clients: Arc<dyn ClientCertVerifier>,
}

/// One authority.
pub(super) struct Member {
    pub(super) number: u64,
    pub(super) issuer: Issuer<'static, KeyPair>,
    pub(super) der: CertificateDer<'static>,
    pub(super) not_after: Timestamp,
    /// The key of the hub's own listeners, for as long as this authority is above them: install links name it.
    pub(super) server_key: KeyPair,
    /// What it calls itself, as certificates that it signed say.
    pub(super) subject: Vec<u8>,
}

// === impl Ring ===

impl Ring {
    pub(super) async fn load(store: &dyn Store) -> Result<Self, Error> {
        let entries = store.authorities().await?;
        let mut members = Vec::new();
        for entry in trust::trusted(&entries) {
            members.push(Member::load(store, entry.number).await?);
        }
        if members.is_empty() {
            return Err(Error::Stored("every authority is retired".into()));
        }
        let roots: Vec<_> = members.iter().map(|member| member.der.clone()).collect();
        let clients = windlass_runtime::tls::client_verifier(&roots)?;
        Ok(Self { entries, members, clients })
    }

    /// The one above the hub's own listeners.
    pub(super) fn serving(&self) -> &Member {
        self.member(trust::serving(&self.entries))
    }

    /// The one that signs agents' certificates.
    pub(super) fn signing(&self, now: Timestamp) -> &Member {
        self.member(trust::signing(&self.entries, now))
    }

    fn member(&self, entry: Option<&AuthorityEntry>) -> &Member {
        let wanted = entry.map_or(0, |entry| entry.number);
        // Members are made of the same entries.
        self.members.iter().find(|member| member.number == wanted).unwrap_or(&self.members[0])
    }
}

// === impl Member ===

impl Member {
    async fn load(store: &dyn Store, number: u64) -> Result<Self, Error> {
        let (key_name, certificate_name) = secrets_of(number);
        let missing = |name: &str| Error::Stored(format!("{name} is missing"));
        let key = read_key(&store.secret(&key_name).await?.ok_or_else(|| missing(&key_name))?)?;
        let der = store.secret(&certificate_name).await?.ok_or_else(|| missing(&certificate_name))?;
        let der = CertificateDer::from(der.expose().to_vec());
        let (_, certificate) = X509Certificate::from_der(&der)
            .map_err(|_| Error::Stored(format!("{certificate_name} is no certificate")))?;
        if certificate.public_key().raw != rcgen::PublicKeyData::subject_public_key_info(&key) {
            return Err(Error::Stored(format!("{certificate_name} is not that of {key_name}")));
        }
        let not_after = from_millis(certificate.validity().not_after.timestamp().saturating_mul(1000));
        let subject = certificate.subject().as_raw().to_vec();
        let server_key = server_key(store, number).await?;
        Ok(Self { number, issuer: Issuer::from_ca_cert_der(&der, key)?, der, not_after, server_key, subject })
    }
}

/// Made once for each authority; of hubs that start at the same time, one makes it.
async fn server_key(store: &dyn Store, number: u64) -> Result<KeyPair, Error> {
    let name = format!("server-key{}", tail(number));
    let key = match store.secret(&name).await? {
        Some(key) => key,
        None => {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
            store.put_secret_once(&name, Secret::new(key.serialize_der())).await?
        }
    };
    read_key(&key)
}

/// The names of an authority's sealed values: key, certificate. The first one's are those of the time when there was only one.
pub(super) fn secrets_of(number: u64) -> (String, String) {
    let tail = tail(number);
    (format!("ca-key{tail}"), format!("ca-certificate{tail}"))
}

fn tail(number: u64) -> String {
    if number == 0 { String::new() } else { format!("-{number}") }
}
