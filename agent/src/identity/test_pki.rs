//! Authorities and certificates for tests.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, SanType,
};
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use uuid::Uuid;
use windlass_domain::digest::DigestKey;
use windlass_domain::time::Timestamp;
use windlass_runtime::tls::PemIdentity;

use super::Identity;

/// A certificate authority.
pub(crate) struct Pki {
    pub(crate) ca: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

pub(crate) const TRUST_DOMAIN: &str = "hub.test";

impl Pki {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).expect("params");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // All test authorities have the same name: only their keys tell them apart.
        params.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
        let key = KeyPair::generate().expect("a key");
        let ca = params.self_signed(&key).expect("a certificate").der().clone();
        Self { ca, issuer: Issuer::new(params, key) }
    }

    /// A server's certificate, the authority's own behind it.
    pub(crate) fn server(&self, name: &str) -> PemIdentity {
        let mut identity =
            self.issue(SanType::DnsName(name.try_into().expect("a name")), ExtendedKeyUsagePurpose::ServerAuth);
        identity.chain.push(self.ca.clone());
        identity
    }

    /// A cluster's certificate.
    pub(crate) fn client(&self, cluster: Uuid) -> PemIdentity {
        self.issue(SanType::URI(uri(cluster).try_into().expect("a URI")), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, name: SanType, usage: ExtendedKeyUsagePurpose) -> PemIdentity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(name, usage).signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        PemIdentity { chain: vec![certificate.der().clone()], key }
    }

    /// What a hub does with a CSR: only its public key is taken.
    pub(crate) fn sign(&self, csr: &[u8], cluster: Uuid) -> Vec<u8> {
        let csr = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(csr)).expect("a CSR");
        let name = SanType::URI(uri(cluster).try_into().expect("a URI"));
        let params = params(name, ExtendedKeyUsagePurpose::ClientAuth);
        params.signed_by(&csr.public_key, &self.issuer).expect("a certificate").der().to_vec()
    }

    /// An agent that has joined the hub at `agents_address`.
    pub(crate) fn identity(&self, agents_address: &str) -> Identity {
        let cluster = Uuid::from_u128(7);
        Identity {
            cluster,
            instance: Uuid::from_u128(8),
            installation: Uuid::from_u128(9),
            trust_domain: TRUST_DOMAIN.into(),
            agents_address: agents_address.into(),
            proxy: None,
            proxy_text: None,
            kube_system_uid: "uid".into(),
            digest_key: DigestKey::new([3; 32]),
            serial: "01".into(),
            not_before: Timestamp::UNIX_EPOCH,
            not_after: Timestamp::MAX,
            authorities: vec![self.ca.clone()],
            certificate: self.client(cluster),
        }
    }
}

fn uri(cluster: Uuid) -> String {
    format!("spiffe://{TRUST_DOMAIN}/cluster/{cluster}")
}

fn params(name: SanType, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = vec![name];
    params.extended_key_usages = vec![usage];
    params
}
