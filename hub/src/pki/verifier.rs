//! Who is at the other end: a certificate of our authority whose one name is exactly an agent's.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use windlass_domain::digest::hex;
use windlass_domain::identity::SpiffeId;
use windlass_domain::identity::record::GRACE;
use windlass_domain::time::{Timestamp, from_millis};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Authority;

/// What an agent's certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Who.
    pub cluster: Uuid,
    /// Serial number, lower-case hex.
    pub serial: String,
    /// Its end.
    pub not_after: Timestamp,
    /// When it begins.
    pub not_before: Timestamp,
    /// SHA-256 of its public key (its SubjectPublicKeyInfo, DER).
    pub key_digest: [u8; 32],
    /// All of it.
    pub der: Vec<u8>,
}

/// Why a certificate names no agent of this installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPeer {
    /// Not a certificate.
    #[error("not a certificate")]
    Malformed,
    /// Not exactly one URI name of the agents' form.
    #[error("the certificate's names are not exactly one spiffe://<trust domain>/cluster/<uid>")]
    Name,
    /// Another installation's agent.
    #[error("the certificate belongs to another trust domain")]
    TrustDomain,
}

/// The agents listener's check: the chain by webpki, then the name, whole.
///
/// A certificate that ended less than [`GRACE`] ago is taken as of its last second: who shows it may renew it, and every call checks that by the hub's clock.
pub(super) struct AgentVerifier {
    authority: Arc<Authority>,
}

// === impl PeerCertificate ===

impl PeerCertificate {
    /// Reads an agent's certificate (DER). It does not check who signed it: the handshake did.
    pub fn read(der: &[u8], trust_domain: &str) -> Result<Self, InvalidPeer> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| InvalidPeer::Malformed)?;
        let names = certificate.subject_alternative_name().map_err(|_| InvalidPeer::Name)?.ok_or(InvalidPeer::Name)?;
        let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else { return Err(InvalidPeer::Name) };
        let id = SpiffeId::parse(uri).map_err(|_| InvalidPeer::Name)?;
        if id.trust_domain != trust_domain {
            return Err(InvalidPeer::TrustDomain);
        }
        let time = |seconds: i64| from_millis(seconds.saturating_mul(1000));
        Ok(Self {
            cluster: id.cluster,
            serial: hex(certificate.raw_serial()),
            not_after: time(certificate.validity().not_after.timestamp()),
            not_before: time(certificate.validity().not_before.timestamp()),
            key_digest: Sha256::digest(certificate.public_key().raw).into(),
            der: der.to_vec(),
        })
    }
}

// === impl AgentVerifier ===

impl AgentVerifier {
    pub(super) fn new(authority: Arc<Authority>) -> Self {
        Self { authority }
    }

    /// The check of chains as of now: authorities come and go.
    fn chain(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.authority.ring().clients)
    }
}

impl std::fmt::Debug for AgentVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentVerifier").finish_non_exhaustive()
    }
}

impl ClientCertVerifier for AgentVerifier {
    /// No hint: an agent has one certificate.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let peer = PeerCertificate::read(end_entity, self.authority.trust_domain())
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))?;
        self.chain().verify_client_cert(end_entity, intermediates, within_grace(now, peer.not_after))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain().supported_verify_schemes()
    }
}

/// The time as of which a certificate is checked.
fn within_grace(now: UnixTime, not_after: Timestamp) -> UnixTime {
    let end = Duration::from_secs(u64::try_from(not_after.as_second()).unwrap_or_default());
    let now_since = Duration::from_secs(now.as_secs());
    if now_since > end && now_since - end <= GRACE { UnixTime::since_unix_epoch(end) } else { now }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(names: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate").der().to_vec()
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().expect("a name"))
    }

    #[test]
    fn only_one_name_of_our_form_is_an_agent() {
        let cluster = Uuid::from_u128(5);
        let good = uri(&format!("spiffe://hub/cluster/{cluster}"));
        assert_eq!(
            PeerCertificate::read(&certificate(vec![good.clone()]), "hub").map(|peer| peer.cluster),
            Ok(cluster)
        );
        let dns = SanType::DnsName("hub".try_into().expect("a name"));
        for (names, want) in [
            (vec![], InvalidPeer::Name),
            (vec![good.clone(), good.clone()], InvalidPeer::Name),
            (vec![good, dns.clone()], InvalidPeer::Name),
            (vec![dns], InvalidPeer::Name),
            (vec![uri(&format!("spiffe://hub/cluster/{cluster}/x"))], InvalidPeer::Name),
            (vec![uri(&format!("spiffe://other/cluster/{cluster}"))], InvalidPeer::TrustDomain),
        ] {
            assert_eq!(PeerCertificate::read(&certificate(names), "hub"), Err(want));
        }
        assert_eq!(PeerCertificate::read(b"x", "hub"), Err(InvalidPeer::Malformed));
    }

    #[test]
    fn a_certificate_that_ended_is_checked_as_of_its_end_for_ninety_days() {
        let (end, day) = (1_000_000_000_u64, 86_400);
        let not_after = from_millis(1_000_000_000_000);
        for (now, want) in [
            (end - 1, end - 1),
            (end, end),
            (end + 1, end),
            (end + 90 * day, end),
            (end + 90 * day + 1, end + 90 * day + 1),
        ] {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
            assert_eq!(within_grace(now, not_after).as_secs(), want);
        }
    }
}
