//! The authority: what it signs, and how another one takes its place.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rand::RngExt as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::sync::watch;
use uuid::Uuid;
use windlass_domain::digest::hex;
use windlass_domain::identity::trust::AuthorityEntry;
use windlass_domain::identity::{Pin, SpiffeId};
use windlass_domain::time::{Timestamp, from_millis};
use windlass_runtime::clock::Clock;
use windlass_runtime::tls::{self, PemIdentity};
use windlass_store::{IssuedCertificate, Secret, Store};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::ring::{Ring, secrets_of};
use super::server::ServerCertificates;
use super::verifier::AgentVerifier;
use super::{CertificateRequest, Error};

const DAY: Duration = Duration::from_secs(86_400);
const CA_LIFETIME: Duration = DAY.saturating_mul(3652);
/// How long an agent's certificate lasts.
const AGENT_LIFETIME: Duration = DAY.saturating_mul(7);
/// How long a server certificate lasts.
pub(super) const SERVER_LIFETIME: Duration = DAY.saturating_mul(90);
/// Certificates begin some hours in the past, for peers whose clock is behind by a time zone or two.
pub const SKEW: Duration = Duration::from_secs(3 * 3600);

/// The hub's certificate authority: a ring of one, or of two while one replaces the other.
pub struct Authority {
    ring: RwLock<Arc<Ring>>,
    trust_domain: String,
    clock: Clock,
    /// Tells that other authorities are trusted than before.
    changed: watch::Sender<()>,
}

// === impl Authority ===

impl Authority {
    /// The store's authority, made at the first call of an installation. Of hubs that start at the same time, one makes it.
    pub async fn load(store: &dyn Store, clock: Clock) -> Result<Arc<Self>, Error> {
        let trust_domain = store.installation().await?.trust_domain;
        make(store, &trust_domain, 0, "windlass", clock.now()).await?;
        let ring = RwLock::new(Arc::new(Ring::load(store).await?));
        Ok(Arc::new(Self { ring, trust_domain, clock, changed: watch::Sender::new(()) }))
    }

    /// Takes what another hub, or a person here, changed. Whether anything did.
    pub async fn reload(&self, store: &dyn Store) -> Result<bool, Error> {
        if store.authorities().await? == self.ring().entries {
            return Ok(false);
        }
        let ring = Arc::new(Ring::load(store).await?);
        tracing::info!(trusted = ring.members.len(), "the hub's certificate authorities changed");
        *self.ring.write() = ring;
        self.changed.send_replace(());
        Ok(true)
    }

    /// Makes another authority and takes it into use: it is trusted from now on, and signs agents' certificates in a moment ([`windlass_domain::identity::trust`]).
    pub async fn add(&self, store: &dyn Store, number: u64, by: &str) -> Result<(), Error> {
        make(store, &self.trust_domain, number, by, self.clock.now()).await?;
        self.reload(store).await.map(drop)
    }

    pub(super) fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read())
    }

    /// Tells whenever other authorities are trusted than before.
    pub fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Which of the trusted authorities signed a certificate (DER) that the handshake found to be signed by one of them.
    pub fn signer_of(&self, der: &[u8]) -> Option<u64> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let ring = self.ring();
        let named = |member: &&super::ring::Member| member.subject == certificate.issuer().as_raw();
        ring.members.iter().find(named).map(|member| member.number)
    }

    /// Every authority there was, by number.
    pub fn entries(&self) -> Vec<AuthorityEntry> {
        self.ring().entries.clone()
    }

    /// When the authority that signs ends.
    pub fn not_after(&self) -> Timestamp {
        self.ring().signing(self.clock.now()).not_after
    }

    /// The certificates that are trusted, as PEM.
    pub fn ca_pem(&self) -> String {
        self.ring().members.iter().map(|member| to_pem(&member.der)).collect()
    }

    /// The certificate of the authority above the hub's own listeners, as DER.
    pub fn ca_der(&self) -> Vec<u8> {
        self.ring().serving().der.to_vec()
    }

    /// The certificates that agents should trust, as DER.
    pub fn trusted_der(&self) -> Vec<Vec<u8>> {
        self.ring().members.iter().map(|member| member.der.to_vec()).collect()
    }

    /// By which agents and people know it.
    pub fn pin(&self) -> Pin {
        Pin::of(&self.ring().serving().der)
    }

    /// By which a joining agent knows it now and after a rotation that is under way.
    pub fn pins(&self) -> Vec<Pin> {
        self.ring().members.iter().map(|member| Pin::of(&member.der)).collect()
    }

    /// The trust domain of the agents' names.
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// The number of the authority that signs agents' certificates now.
    pub fn signing(&self) -> u64 {
        self.ring().signing(self.clock.now()).number
    }

    /// The number of the authority above the hub's own listeners.
    pub(super) fn serving(&self) -> u64 {
        self.ring().serving().number
    }

    /// Whether certificates of this authority are taken.
    pub fn trusts(&self, number: u64) -> bool {
        self.ring().members.iter().any(|member| member.number == number)
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
        let ring = self.ring();
        let signer = ring.signing(now);
        let mut params = leaf(signer.not_after, now, AGENT_LIFETIME, ExtendedKeyUsagePurpose::ClientAuth)?;
        let (serial, not_after) = (serial_of(&params), end_of(&params));
        params.distinguished_name.push(DnType::CommonName, format!("cluster {cluster}"));
        params.subject_alt_names.push(SanType::URI(id.to_string().try_into()?));
        let certificate = params.signed_by(&key, &signer.issuer)?;
        Ok(IssuedCertificate {
            serial,
            cluster,
            key_digest: request.key_digest(),
            der: certificate.der().to_vec(),
            issued_at: now,
            not_after,
            revoked: false,
            authority: signer.number,
        })
    }

    /// The API listener's TLS: a server certificate for these DNS names and IP addresses, renewed by itself.
    pub fn server_config_api(self: &Arc<Self>, names: &[String]) -> Result<Arc<rustls::ServerConfig>, Error> {
        let config = tls::server_config(&self.clock, self.server_certificates(names)?, tls::H2_AND_HTTP1)?;
        Ok(Arc::new(config))
    }

    /// The agents listener's TLS: a client certificate of this authority is demanded in every handshake; no resumption, no early data.
    pub fn server_config_agents(self: &Arc<Self>, names: &[String]) -> Result<Arc<rustls::ServerConfig>, Error> {
        let verifier = AgentVerifier::new(Arc::clone(self));
        let certificates = self.server_certificates(names)?;
        Ok(Arc::new(tls::mutual_server_config(&self.clock, certificates, Arc::new(verifier), tls::H2)?))
    }

    fn server_certificates(self: &Arc<Self>, names: &[String]) -> Result<Arc<ServerCertificates>, Error> {
        Ok(Arc::new(ServerCertificates::new(Arc::clone(self), names)?))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A server certificate with its key, its end, and the number of its authority: the chain with the authority above it, so that pins of it work.
    pub(super) fn certify_server(
        &self,
        names: &[SanType],
        now: Timestamp,
    ) -> Result<(PemIdentity, Timestamp, u64), Error> {
        let ring = self.ring();
        let signer = ring.serving();
        let key = &signer.server_key;
        let mut params = leaf(signer.not_after, now, SERVER_LIFETIME, ExtendedKeyUsagePurpose::ServerAuth)?;
        params.distinguished_name.push(DnType::CommonName, "windlass-hub");
        params.subject_alt_names = names.to_vec();
        let leaf = params.signed_by(key, &signer.issuer)?.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok((PemIdentity { chain: vec![leaf, signer.der.clone()], key }, end_of(&params), signer.number))
    }
}

/// What every leaf has in common. It never outlives its authority.
fn leaf(
    authority_ends: Timestamp,
    now: Timestamp,
    lifetime: Duration,
    usage: ExtendedKeyUsagePurpose,
) -> Result<CertificateParams, Error> {
    if now >= authority_ends {
        return Err(Error::Ended(authority_ends));
    }
    let end = (now + lifetime).min(authority_ends);
    let mut params = blank(now, end);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Makes the authority of a number, where there is none. The key comes first, and the certificate is made for the key that is stored, whoever stored it, so
/// that the two always fit; the entry comes last.
async fn make(store: &dyn Store, trust_domain: &str, number: u64, by: &str, now: Timestamp) -> Result<(), Error> {
    let (key_name, certificate_name) = secrets_of(number);
    let key = match store.secret(&key_name).await? {
        Some(key) => key,
        None => {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
            store.put_secret_once(&key_name, Secret::new(key.serialize_der())).await?
        }
    };
    if store.secret(&certificate_name).await?.is_none() {
        let der = certify_authority(&read_key(&key)?, trust_domain, number, now)?;
        store.put_secret_once(&certificate_name, Secret::new(der.to_vec())).await?;
    }
    let entry = AuthorityEntry { number, created_at: now, by: by.to_owned(), retired_at: None };
    Ok(store.put_authority_once(&entry).await?)
}

pub(super) fn read_key(key: &Secret) -> Result<KeyPair, Error> {
    let der = PrivatePkcs8KeyDer::from(key.expose());
    KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256)
        .map_err(|_| Error::Stored("ca-key is no P-256 key".into()))
}

fn certify_authority(
    key: &KeyPair,
    trust_domain: &str,
    number: u64,
    now: Timestamp,
) -> Result<CertificateDer<'static>, Error> {
    let mut params = blank(now, now + CA_LIFETIME);
    let name = if number == 0 { String::new() } else { format!(" {number}") };
    params.distinguished_name.push(DnType::CommonName, format!("Windlass hub {trust_domain}{name}"));
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
