//! The check that comes before the token: the hub must present the pinned certificate authority, and its own certificate must lead to exactly that one.

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use windlass_domain::identity::Pin;
use windlass_runtime::tls;

/// Trusts what the pins name, as presented by the peer, and nothing else.
#[derive(Debug)]
pub(super) struct PinnedAuthority {
    pins: Vec<Pin>,
}

// === impl PinnedAuthority ===

impl PinnedAuthority {
    pub(super) fn new(pins: Vec<Pin>) -> Self {
        Self { pins }
    }

    /// A verifier whose only root is the pinned authority among the presented certificates.
    fn verifier(&self, presented: &[CertificateDer<'_>]) -> Result<std::sync::Arc<WebPkiServerVerifier>, Error> {
        let pinned = presented.iter().find(|certificate| self.pins.iter().any(|pin| pin.names(certificate)));
        let pinned = pinned.ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        tls::server_verifier(std::slice::from_ref(pinned)).map_err(|error| Error::General(error.to_string()))
    }
}

/// Whether a handshake failed because the peer's authority is not the pinned one.
pub(super) fn is_wrong_authority(error: &Error) -> bool {
    use CertificateError::{BadSignature, UnknownIssuer};
    matches!(error, Error::InvalidCertificate(UnknownIssuer | BadSignature))
}

impl ServerCertVerifier for PinnedAuthority {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        presented: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verifier(presented)?.verify_server_cert(leaf, presented, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = tls::provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, leaf, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        tls::provider().signature_verification_algorithms.supported_schemes()
    }
}
