//! What a certificate says of its bearer.

use rustls_pki_types::CertificateDer;
use windlass_domain::digest::hex;
use windlass_domain::identity::SpiffeId;
use windlass_domain::time::Timestamp;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Name, number and times.
pub(super) struct Leaf {
    pub(super) id: SpiffeId,
    /// Lower-case hex, as the hub shows it.
    pub(super) serial: String,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
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
