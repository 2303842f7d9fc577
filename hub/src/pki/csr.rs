//! What is taken from a certificate request: the public key, and nothing else.

use sha2::{Digest as _, Sha256};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The most bytes of a request; an RSA-8192 one has about 2,500.
const MAX_BYTES: usize = 16 << 10;
const MIN_RSA_BITS: usize = 2048;
const MAX_RSA_BITS: usize = 8192;

/// A public key whose owner proved to have the private one. Subject, names and usages that the request asked for are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    spki: Vec<u8>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// Not a PKCS#10 request, or with something behind it.
    #[error("not a PKCS#10 certificate request of at most {MAX_BYTES} bytes (DER)")]
    Malformed,
    /// The signature is not the key's.
    #[error("the certificate request is not signed by its own key")]
    NotProven,
    /// A key that is not accepted.
    #[error("the certificate request's key must be P-256, Ed25519 or RSA of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits")]
    Key,
}

// === impl CertificateRequest ===

impl CertificateRequest {
    /// Reads a PKCS#10 request (DER) and checks proof of possession.
    pub fn parse(der: &[u8]) -> Result<Self, InvalidRequest> {
        if der.len() > MAX_BYTES {
            return Err(InvalidRequest::Malformed);
        }
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| InvalidRequest::Malformed)?;
        if !rest.is_empty() {
            return Err(InvalidRequest::Malformed);
        }
        let spki = &request.certification_request_info.subject_pki;
        check_key(spki)?;
        request.verify_signature().map_err(|_| InvalidRequest::NotProven)?;
        Ok(Self { spki: spki.raw.to_vec() })
    }

    /// SHA-256 of the public key (its SubjectPublicKeyInfo, DER).
    pub fn key_digest(&self) -> [u8; 32] {
        Sha256::digest(&self.spki).into()
    }

    pub(super) fn spki(&self) -> &[u8] {
        &self.spki
    }
}

const RSA: &str = "1.2.840.113549.1.1.1";
const EC: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const ED25519: &str = "1.3.101.112";

fn check_key(spki: &SubjectPublicKeyInfo<'_>) -> Result<(), InvalidRequest> {
    let good = match spki.algorithm.algorithm.to_id_string().as_str() {
        RSA => match spki.parsed() {
            Ok(PublicKey::RSA(key)) => (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&key.key_size()),
            _ => false,
        },
        EC => {
            let curve = spki.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            curve.is_some_and(|curve| curve.to_id_string() == P256)
        }
        ED25519 => true,
        _ => false,
    };
    if good { Ok(()) } else { Err(InvalidRequest::Key) }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn request(algorithm: &'static rcgen::SignatureAlgorithm) -> (Vec<u8>, KeyPair) {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let params = CertificateParams::new(vec!["evil.example".to_owned()]).expect("parameters");
        (params.serialize_request(&key).expect("a request").der().to_vec(), key)
    }

    #[test]
    fn only_the_proven_key_is_taken() {
        for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519] {
            let (der, key) = request(algorithm);
            let parsed = CertificateRequest::parse(&der).expect("a good request");
            let wanted: [u8; 32] = Sha256::digest(rcgen::PublicKeyData::subject_public_key_info(&key)).into();
            assert_eq!(parsed.key_digest(), wanted);
        }
    }

    /// A request of an RSA key of 1024 bits, good but for that.
    const WEAK: &str = "MIIBTjCBuAIBADAPMQ0wCwYDVQQDDAR3ZWFrMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDLxwgQiN5Pi+4BPX8kMPddSPertsLsk/T4TmzKd1x5N7zR5/LjdzijBY\
        N78BJtKjlQtFMagC8gCFDS5yeO0t7uZImjZE+vW0VDklAd3dTopt63dzPkzenYSUp2kwEhcY6ei6Ish/me+kUEVIctfp7zjHprtX4PrJwNbeRlDBwE/QIDAQABoAAwDQYJ\
        KoZIhvcNAQELBQADgYEAoEoTK+gGR40uY1kjcYBBk3n0zXaji2IEd9s+dDtJGdaLE9Q2CZmfsy+W6/NAtKt2HYmcUzptczAtN2F9d4U1oyUIw2GF9uDtMGg3k0ekGQEsrn\
        0lK5hBF9TAlZ7UrT+ad1SX99a3ZFXiOHNwBzHZa8NAmFBtzdELPgD2Th8jEYA=";

    #[test]
    fn a_weak_key_is_refused() {
        use base64::Engine as _;
        let der = base64::engine::general_purpose::STANDARD.decode(WEAK).expect("base64");
        assert_eq!(CertificateRequest::parse(&der), Err(InvalidRequest::Key));
    }

    #[test]
    fn what_is_not_proven_or_not_accepted_is_refused() {
        let (mut der, _) = request(&rcgen::PKCS_ECDSA_P384_SHA384);
        assert_eq!(CertificateRequest::parse(&der), Err(InvalidRequest::Key));
        (der, _) = request(&rcgen::PKCS_ED25519);
        let last = der.len() - 1;
        der[last] ^= 1;
        assert_eq!(CertificateRequest::parse(&der), Err(InvalidRequest::NotProven));
        der[last] ^= 1;
        der.push(0);
        assert_eq!(CertificateRequest::parse(&der), Err(InvalidRequest::Malformed));
        assert_eq!(CertificateRequest::parse(&[0; MAX_BYTES + 1]), Err(InvalidRequest::Malformed));
        assert_eq!(CertificateRequest::parse(b""), Err(InvalidRequest::Malformed));
    }
}
