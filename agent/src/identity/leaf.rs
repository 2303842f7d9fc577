//! What a certificate says of its bearer.

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use windlass_domain::digest::hex;
use windlass_domain::identity::SpiffeId;
use windlass_domain::time::Timestamp;
use windlass_runtime::tls::PemIdentity;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::Error;

/// Name, number and times.
pub(super) struct Leaf {
    pub(super) id: SpiffeId,
    /// Lower-case hex, as the hub shows it.
    pub(super) serial: String,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

/// A certificate that the hub gave, for this name and this key, and what it leads to.
pub(super) struct Given {
    pub(super) leaf: Leaf,
    pub(super) certificate: PemIdentity,
    pub(super) authorities: Vec<CertificateDer<'static>>,
}

/// Checks what a hub answers to a join or a renewal: the certificate is for this cluster and this key, and an authority comes along.
pub(super) fn given(
    certificate: Vec<Vec<u8>>,
    authorities: Vec<Vec<u8>>,
    key: PrivateKeyDer<'static>,
    expected: &SpiffeId,
) -> Result<Given, Error> {
    let chain: Vec<_> = certificate.into_iter().map(CertificateDer::from).collect();
    let leaf = chain.first().ok_or_else(|| Error::Reply("no certificate".into()))?;
    let leaf = read(leaf).map_err(Error::Reply)?;
    if leaf.id != *expected {
        return Err(Error::Reply(format!("the certificate is for {}, not for {expected}", leaf.id)));
    }
    if authorities.is_empty() {
        return Err(Error::Reply("no certificate authority".into()));
    }
    let certificate = PemIdentity { chain, key };
    certificate.clone().certified().map_err(|error| Error::Reply(error.to_string()))?;
    Ok(Given { leaf, certificate, authorities: authorities.into_iter().map(CertificateDer::from).collect() })
}

/// Reads a certificate with exactly one name, a SPIFFE id.
pub(super) fn read(der: &CertificateDer<'_>) -> Result<Leaf, String> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| format!("not a certificate: {error}"))?;
    let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let [GeneralName::URI(uri)] = names else {
        return Err("the certificate must have exactly one name, a URI".into());
    };
    let id = SpiffeId::parse(uri).map_err(|error| error.to_string())?;
    let time = |seconds: i64| Timestamp::from_second(seconds).map_err(|error| error.to_string());
    let validity = certificate.validity();
    Ok(Leaf {
        id,
        serial: hex(certificate.raw_serial()),
        not_before: time(validity.not_before.timestamp())?,
        not_after: time(validity.not_after.timestamp())?,
    })
}
