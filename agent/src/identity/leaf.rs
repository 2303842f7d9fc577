//! What a certificate says of its bearer.

use rustls_pki_types::CertificateDer;
use windlass_domain::identity::SpiffeId;
use windlass_domain::time::Timestamp;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The one SPIFFE id in a certificate and the certificate's end.
pub(super) fn read(der: &CertificateDer<'_>) -> Result<(SpiffeId, Timestamp), String> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| format!("not a certificate: {error}"))?;
    let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let [GeneralName::URI(uri)] = names else {
        return Err("the certificate must have exactly one name, a URI".into());
    };
    let id = SpiffeId::parse(uri).map_err(|error| error.to_string())?;
    let end =
        Timestamp::from_second(certificate.validity().not_after.timestamp()).map_err(|error| error.to_string())?;
    Ok((id, end))
}
