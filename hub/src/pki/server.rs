//! The hub's own server certificates: made in memory, renewed when a third of their time is left, or when another authority takes over.

use std::net::IpAddr;
use std::str::FromStr as _;
use std::sync::Arc;

use parking_lot::Mutex;
use rcgen::SanType;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use windlass_domain::time::Timestamp;

use super::authority::SERVER_LIFETIME;
use super::{Authority, Error};

/// What a listener shows. A handshake that finds it old renews it, which costs a fraction of a millisecond and needs no timer.
pub(super) struct ServerCertificates {
    authority: Arc<Authority>,
    names: Vec<SanType>,
    current: Mutex<Current>,
}

struct Current {
    key: Arc<CertifiedKey>,
    renew_at: Timestamp,
    /// Who signed it.
    authority: u64,
}

// === impl ServerCertificates ===

impl ServerCertificates {
    pub(super) fn new(authority: Arc<Authority>, names: &[String]) -> Result<Self, Error> {
        let names = names.iter().map(|name| subject(name)).collect::<Result<Vec<_>, _>>()?;
        let current = Mutex::new(make(&authority, &names)?);
        Ok(Self { authority, names, current })
    }
}

impl ResolvesServerCert for ServerCertificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut current = self.current.lock();
        if self.authority.now() >= current.renew_at || self.authority.serving() != current.authority {
            match make(&self.authority, &self.names) {
                Ok(renewed) => *current = renewed,
                Err(error) => {
                    tracing::error!(%error, "the server certificate could not be renewed; the old one is still shown")
                }
            }
        }
        Some(Arc::clone(&current.key))
    }
}

impl std::fmt::Debug for ServerCertificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCertificates").field("names", &self.names).finish_non_exhaustive()
    }
}

fn make(authority: &Authority, names: &[SanType]) -> Result<Current, Error> {
    let now = authority.now();
    let (identity, not_after, signer) = authority.certify_server(names, now)?;
    let renew_at = (now + SERVER_LIFETIME / 3 * 2).min(not_after);
    Ok(Current { key: identity.certified()?, renew_at, authority: signer })
}

fn subject(name: &str) -> Result<SanType, Error> {
    if let Ok(address) = IpAddr::from_str(name) {
        return Ok(SanType::IpAddress(address));
    }
    let bad = || Error::Name(name.to_owned());
    rustls_pki_types::DnsName::try_from(name).map_err(|_| bad())?;
    Ok(SanType::DnsName(name.to_owned().try_into().map_err(|_| bad())?))
}
