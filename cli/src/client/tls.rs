//! Knowing a hub: by its CA's certificate, or by a pin of it that was passed on another way.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use base64::Engine;
use parking_lot::Mutex;
use reqwest::Certificate;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use windlass_domain::identity::Pin;

/// Certificates from PEM; none is an error.
pub(super) fn certificates(pem: &str) -> anyhow::Result<Vec<Certificate>> {
    let certificates =
        Certificate::from_pem_bundle(pem.as_bytes()).context("CA: is not PEM; give the hub's CA certificate")?;
    if certificates.is_empty() {
        bail!("CA: holds no certificate; give the hub's CA certificate as PEM");
    }
    Ok(certificates)
}

/// The CA certificate that a hub shows and the pin names, as PEM. Whoever shows another one is refused; no token is sent.
pub(crate) async fn pinned_ca(server: &str, pin: &str) -> anyhow::Result<String> {
    let url = super::parse_server(server)?;
    let pin = Pin::try_from(pin.to_owned()).with_context(|| "--pin".to_owned())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Arc::new(PinVerifier {
        pin,
        algorithms: provider.signature_verification_algorithms,
        provider: Arc::clone(&provider),
        shown: Mutex::new(None),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<PinVerifier>::clone(&verifier))
        .with_no_client_auth();
    let http = super::builder()
        .tls_backend_preconfigured(config)
        .timeout(super::TIME_LIMIT)
        .build()
        .context("TLS: cannot be set up")?;
    let asked = http.get(url.join("/api/v1/version")?).send().await;
    asked.map_err(|error| anyhow::anyhow!("hub {server}: {}", super::problem::cause(&error)))?;
    let shown = verifier.shown.lock().clone();
    shown.map(|der| pem(&der)).with_context(|| format!("hub {server}: showed no certificate"))
}

/// The digest of the key that a hub shows under this authority: what a certificate of another key cannot have.
pub(super) async fn leaf_pin(base: &url::Url, ca_pem: &str) -> anyhow::Result<String> {
    use base64::engine::general_purpose::STANDARD;
    use sha2::Digest as _;
    let http = super::builder().tls_info(true).tls_certs_only(certificates(ca_pem)?).timeout(super::TIME_LIMIT).build();
    let asked = http.context("TLS: cannot be set up")?.get(base.join("/livez")?).send().await;
    let answer = asked.map_err(|error| anyhow::anyhow!("hub {base}: {}", super::problem::cause(&error)))?;
    let shown = answer.extensions().get::<reqwest::tls::TlsInfo>().and_then(reqwest::tls::TlsInfo::peer_certificate);
    let shown = CertificateDer::from(shown.with_context(|| format!("hub {base}: showed no certificate"))?);
    let leaf = rustls::server::ParsedCertificate::try_from(&shown)?;
    Ok(STANDARD.encode(sha2::Sha256::digest(leaf.subject_public_key_info())))
}

fn pem(der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// Accepts a server whose certificate was issued by the pinned CA, which it has to show.
#[derive(Debug)]
struct PinVerifier {
    pin: Pin,
    algorithms: WebPkiSupportedAlgorithms,
    provider: Arc<CryptoProvider>,
    shown: Mutex<Option<Vec<u8>>>,
}

// === impl PinVerifier ===

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let unknown = || rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let ca = intermediates.iter().find(|certificate| self.pin.names(certificate)).ok_or_else(unknown)?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider)).build();
        let verifier = verifier.map_err(|error| rustls::Error::General(error.to_string()))?;
        let verified = verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        *self.shown.lock() = Some(ca.to_vec());
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
