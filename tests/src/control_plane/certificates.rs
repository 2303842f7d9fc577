//! A certificate authority of the harness and what it signs.

use anyhow::{Context as _, Result, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// An authority with its key in memory only.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its private key, both PEM.
#[derive(Debug, Clone)]
pub struct Certified {
    /// The certificate alone, without its authority's.
    pub certificate: String,
    /// The private key, PKCS #8.
    pub key: String,
}

impl Authority {
    /// A new authority with an ECDSA P-256 key.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().context("generating the key of a certificate authority")?;
        let issuer = CertifiedIssuer::self_signed(params, key).context("signing a certificate authority")?;
        Ok(Self { issuer })
    }

    /// The authority's certificate, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The authority's private key, PEM.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A server certificate for these DNS names and IP addresses.
    pub fn server(&self, name: &str, alternative_names: &[&str]) -> Result<Certified> {
        let names: Vec<String> = alternative_names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).context("reading the alternative names of a certificate")?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params, name, &[])
    }

    /// A client certificate: Kubernetes reads its common name as the user and its organizations as the groups, of which
    /// there can be two.
    pub fn client(&self, user: &str, groups: &[&str]) -> Result<Certified> {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params, user, groups)
    }

    fn sign(&self, mut params: CertificateParams, name: &str, groups: &[&str]) -> Result<Certified> {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        // rcgen keeps one value per attribute type; its custom spelling of the same object identifier counts as another.
        let organizations = [DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 10])];
        ensure!(groups.len() <= organizations.len(), "{name}: a certificate of the harness has at most two groups");
        for (kind, group) in organizations.into_iter().zip(groups) {
            params.distinguished_name.push(kind, *group);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().with_context(|| format!("generating the key of {name}"))?;
        let certificate =
            params.signed_by(&key, &self.issuer).with_context(|| format!("signing the certificate of {name}"))?;
        Ok(Certified { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}
