//! The authority: its key, and what it signs.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use uuid::Uuid;
use windlass_domain::digest::hex;
use windlass_domain::identity::{Pin, SpiffeId};
use windlass_domain::time::{Timestamp, from_millis};
use windlass_runtime::clock::Clock;
use windlass_runtime::tls::{self, PemIdentity};
use windlass_store::{IssuedCertificate, Secret, Store};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::server::ServerCertificates;
use super::verifier::AgentVerifier;
use super::{CertificateRequest, Error};

const DAY: Duration = Duration::from_secs(86_400);
const CA_LIFETIME: Duration = DAY.saturating_mul(3652);
/// How long an agent's certificate lasts.
const AGENT_LIFETIME: Duration = DAY.saturating_mul(7);
/// How long a server certificate lasts.
pub(super) const SERVER_LIFETIME: Duration = DAY.saturating_mul(90);
/// Certificates begin a little in the past, for peers whose clock is behind.
const SKEW: Duration = Duration::from_secs(300);

/// The hub's certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
    not_after: Timestamp,
    trust_domain: String,
    clock: Clock,
}

// === impl Authority ===

impl Authority {
    /// The store's authority, made at the first call of an installation. Of hubs that start at the same time, one makes it.
    pub async fn load(store: &dyn Store, clock: Clock) -> Result<Arc<Self>, Error> {
        let trust_domain = store.installation().await?.trust_domain;
        let key = match store.secret("ca-key").await? {
            Some(key) => key,
            None => {
                let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
                store.put_secret_once("ca-key", Secret::new(key.serialize_der())).await?
            }
        };
        // The certificate is made for the key that is stored, whoever stored it, so that the two always fit.
        let key = read_key(&key)?;
        let certificate = match store.secret("ca-certificate").await? {
            Some(certificate) => certificate,
            None => {
                let der = certify_authority(&key, &trust_domain, clock.now())?;
                store.put_secret_once("ca-certificate", Secret::new(der.to_vec())).await?
            }
        };
        Self::assemble(key, certificate.expose(), trust_domain, clock).map(Arc::new)
    }

    fn assemble(key: KeyPair, der: &[u8], trust_domain: String, clock: Clock) -> Result<Self, Error> {
        let stored = |cause: &str| Error::Stored(cause.to_owned());
        let der = CertificateDer::from(der.to_vec());
        let (_, certificate) =
            X509Certificate::from_der(&der).map_err(|_| stored("ca-certificate is no certificate"))?;
        if certificate.public_key().raw != rcgen::PublicKeyData::subject_public_key_info(&key) {
            return Err(stored("ca-certificate is not that of ca-key"));
        }
        let not_after = from_millis(certificate.validity().not_after.timestamp().saturating_mul(1000));
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Self { issuer, pem: to_pem(&der), der, not_after, trust_domain, clock })
    }

    /// Its certificate, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.pem
    }

    /// Its certificate, as DER.
    pub fn ca_der(&self) -> &[u8] {
        &self.der
    }

    /// By which agents and people know it.
    pub fn pin(&self) -> Pin {
        Pin::of(&self.der)
    }

    /// The trust domain of the agents' names.
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// A certificate for an agent: seven days, client authentication only, one name. It must be recorded in the store before it is handed out.
    pub fn issue(
        &self,
        request: &CertificateRequest,
        cluster: Uuid,
        now: Timestamp,
    ) -> Result<IssuedCertificate, Error> {
        let key = SubjectPublicKeyInfo::from_der(request.spki())?;
        let id = SpiffeId { trust_domain: self.trust_domain.clone(), cluster };
        let mut params = self.leaf(now, AGENT_LIFETIME, ExtendedKeyUsagePurpose::ClientAuth)?;
        let (serial, not_after) = (serial_of(&params), end_of(&params));
        params.distinguished_name.push(DnType::CommonName, format!("cluster {cluster}"));
        params.subject_alt_names.push(SanType::URI(id.to_string().try_into()?));
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(IssuedCertificate {
            serial,
            cluster,
            key_digest: request.key_digest(),
            der: certificate.der().to_vec(),
            issued_at: now,
            not_after,
            revoked: false,
        })
    }

    /// The API listener's TLS: a server certificate for these DNS names and IP addresses, renewed by itself.
    pub fn server_config_api(self: &Arc<Self>, names: &[String]) -> Result<Arc<rustls::ServerConfig>, Error> {
        let config = tls::server_config(&self.clock, self.server_certificates(names)?, tls::H2_AND_HTTP1)?;
        Ok(Arc::new(config))
    }

    /// The agents listener's TLS: a client certificate of this authority is demanded in every handshake; no resumption, no early data.
    pub fn server_config_agents(self: &Arc<Self>, names: &[String]) -> Result<Arc<rustls::ServerConfig>, Error> {
        let verifier = AgentVerifier::new(&self.der, &self.trust_domain)?;
        let certificates = self.server_certificates(names)?;
        Ok(Arc::new(tls::mutual_server_config(&self.clock, certificates, Arc::new(verifier), tls::H2)?))
    }

    fn server_certificates(self: &Arc<Self>, names: &[String]) -> Result<Arc<ServerCertificates>, Error> {
        Ok(Arc::new(ServerCertificates::new(Arc::clone(self), names)?))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A server certificate with its key, and its end: the chain with this authority above it, so that pins of the authority work.
    pub(super) fn certify_server(&self, names: &[SanType], now: Timestamp) -> Result<(PemIdentity, Timestamp), Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = self.leaf(now, SERVER_LIFETIME, ExtendedKeyUsagePurpose::ServerAuth)?;
        params.distinguished_name.push(DnType::CommonName, "windlass-hub");
        params.subject_alt_names = names.to_vec();
        let leaf = params.signed_by(&key, &self.issuer)?.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok((PemIdentity { chain: vec![leaf, self.der.clone()], key }, end_of(&params)))
    }

    /// What every leaf has in common. It never outlives the authority.
    fn leaf(
        &self,
        now: Timestamp,
        lifetime: Duration,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<CertificateParams, Error> {
        if now >= self.not_after {
            return Err(Error::Ended(self.not_after));
        }
        let end = (now + lifetime).min(self.not_after);
        let mut params = blank(now, end);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        Ok(params)
    }
}

fn read_key(key: &Secret) -> Result<KeyPair, Error> {
    let der = PrivatePkcs8KeyDer::from(key.expose());
    KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256)
        .map_err(|_| Error::Stored("ca-key is no P-256 key".into()))
}

fn certify_authority(key: &KeyPair, trust_domain: &str, now: Timestamp) -> Result<CertificateDer<'static>, Error> {
    let mut params = blank(now, now + CA_LIFETIME);
    params.distinguished_name.push(DnType::CommonName, format!("Windlass hub {trust_domain}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params.self_signed(key)?.der().clone())
}

fn blank(now: Timestamp, end: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let since_epoch = |time: Timestamp| Duration::from_secs(u64::try_from(time.as_second()).unwrap_or_default());
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(now - SKEW);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(end);
    // A leading 1 keeps the integer positive and its length fixed, with 128 random bits behind it.
    let random: [u8; 16] = rand::rng().random();
    params.serial_number = Some(SerialNumber::from([&[1], random.as_slice()].concat()));
    params
}

fn serial_of(params: &CertificateParams) -> String {
    params.serial_number.as_ref().map(|serial| hex(serial.as_ref())).unwrap_or_default()
}

fn end_of(params: &CertificateParams) -> Timestamp {
    from_millis(params.not_after.unix_timestamp().saturating_mul(1000))
}

fn to_pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
