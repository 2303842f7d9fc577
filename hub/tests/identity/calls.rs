//! T16: every call with no, foreign, expired, revoked, other clusters' and servers' certificates.

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use uuid::Uuid;
use windlass_runtime::tls::PemIdentity;

use crate::bed::{Bed, DAY, key};

/// Signs what nobody should sign.
struct Forger {
    issuer: Issuer<'static, KeyPair>,
}

impl Forger {
    /// Somebody's own authority, of the same name as the hub's.
    fn stranger(bed: &Bed) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("Windlass hub {}", bed.authority.trust_domain()));
        Self { issuer: Issuer::new(params, key()) }
    }

    /// The hub's own key, stolen.
    async fn thief(bed: &Bed) -> Self {
        let stolen = bed.store.secret("ca-key").await.expect("read").expect("there");
        let stolen = KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from(stolen.expose()),
            &rcgen::PKCS_ECDSA_P256_SHA256,
        );
        let ca = CertificateDer::from(bed.authority.ca_der());
        Self { issuer: Issuer::from_ca_cert_der(&ca, stolen.expect("a key")).expect("an issuer") }
    }

    fn sign(&self, names: Vec<SanType>, change: impl FnOnce(&mut CertificateParams)) -> PemIdentity {
        let key = key();
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let der = params.signed_by(&key, &self.issuer).expect("signed").der().to_vec();
        crate::bed::identity(&der, &key)
    }
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().expect("a name"))
}

fn spiffe(bed: &Bed, cluster: Uuid) -> SanType {
    uri(&format!("spiffe://{}/cluster/{cluster}", bed.authority.trust_domain()))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_agent_of_this_hub_gets_no_connection() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let good = bed.joined(cluster).await;
    assert!(bed.answers(Some(good.clone())).await.are_yes());
    let (stranger, thief) = (Forger::stranger(&bed), Forger::thief(&bed).await);
    let name = || spiffe(&bed, cluster);
    let prefix = uri(&format!("spiffe://{}/cluster/{cluster}x", bed.authority.trust_domain()));
    let server =
        |params: &mut CertificateParams| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let ends_long_ago = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 2, 1);
    };
    let not_yet = |params: &mut CertificateParams| params.not_before = rcgen::date_time_ymd(2090, 1, 1);
    for (what, identity) in [
        ("no certificate", None),
        ("a stranger's authority", Some(stranger.sign(vec![name()], |_| {}))),
        (
            "its own authority",
            Some(stranger.sign(vec![name()], |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))),
        ),
        (
            "a server's certificate",
            Some(thief.sign(vec![SanType::DnsName("hub.test".try_into().expect("a name"))], server)),
        ),
        ("an agent's name for servers", Some(thief.sign(vec![name()], server))),
        ("two names", Some(thief.sign(vec![name(), spiffe(&bed, Uuid::from_u128(9))], |_| {}))),
        ("a name with more behind it", Some(thief.sign(vec![prefix], |_| {}))),
        ("no name", Some(thief.sign(vec![], |_| {}))),
        ("another trust domain", Some(thief.sign(vec![uri(&format!("spiffe://other/cluster/{cluster}"))], |_| {}))),
        ("one that ended years ago", Some(thief.sign(vec![name()], ends_long_ago))),
        ("one that begins years from now", Some(thief.sign(vec![name()], not_yet))),
    ] {
        let answers = bed.answers(identity).await;
        assert!(answers.are_all("NO CONNECTION"), "{what}: {answers:?}");
    }
    // With the hub's stolen key everything is right but the number, which this hub never gave out.
    let answers = bed.answers(Some(thief.sign(vec![name()], |_| {}))).await;
    assert!(answers.are_all("does not know the certificate"), "{answers:?}");
    assert!(bed.answers(Some(good)).await.are_yes(), "others are not disturbed");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_cluster_is_never_another() {
    let bed = Bed::new().await;
    let (eu, us) = (bed.cluster("eu-1").await, bed.cluster("us-1").await);
    let (of_eu, of_us) = (bed.joined(eu).await, bed.joined(us).await);
    // What us-1 renews is us-1's, whoever asks with it; its own uid is in the certificate and nobody else's.
    let key = key();
    let reply = bed.renew(&of_us, &key).await.expect("renewed");
    let renewed = crate::bed::identity(&reply.certificate_der[0], &key);
    let peer =
        windlass_hub::pki::PeerCertificate::read(&renewed.chain[0], bed.authority.trust_domain()).expect("an agent's");
    assert_eq!(peer.cluster, us);
    // A key is one cluster's.
    let token = bed.token(eu).await;
    let refused = bed.join(&token, crate::bed::csr(&key), "uid").await.expect_err("refused");
    assert!(refused.message().contains("another cluster"), "{refused}");
    assert!(bed.answers(Some(of_eu)).await.are_yes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ended_may_only_be_renewed() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let identity = bed.joined(cluster).await;
    assert!(bed.session(&identity, 1, crate::bed::HOME).await.is_ok());
    bed.clock.advance(8 * DAY);
    let answers = bed.answers(Some(identity.clone())).await;
    assert_eq!(answers.renew, "");
    for said in [&answers.connect, &answers.fetch, &answers.serve] {
        assert!(said.contains("it can only be renewed"), "{answers:?}");
    }
    bed.clock.advance(90 * DAY);
    assert!(bed.answers(Some(identity)).await.are_all("NO CONNECTION"), "not even shown after the grace");
}
