//! T17, V36: of a request the hub takes the key and nothing else.

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType};
use uuid::Uuid;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::bed::{Bed, csr, key};

/// Everything that a request can ask for and must not get.
fn greedy(trust_domain: &str, other: Uuid, own: Uuid) -> Vec<(&'static str, CertificateParams)> {
    let uri = |text: String| SanType::URI(text.as_str().try_into().expect("a name"));
    let with = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = CertificateParams::default();
        change(&mut params);
        params
    };
    vec![
        (
            "another cluster's name",
            with(&|p| p.subject_alt_names = vec![uri(format!("spiffe://{trust_domain}/cluster/{other}"))]),
        ),
        (
            "its own and another's",
            with(&|p| {
                p.subject_alt_names =
                    [own, other].map(|uid| uri(format!("spiffe://{trust_domain}/cluster/{uid}"))).to_vec();
            }),
        ),
        (
            "its own with more behind it",
            with(&|p| p.subject_alt_names = vec![uri(format!("spiffe://{trust_domain}/cluster/{own}1"))]),
        ),
        (
            "a prefix of its own",
            with(&|p| {
                p.subject_alt_names = vec![uri(format!("spiffe://{trust_domain}/cluster/{}", &own.to_string()[..35]))];
            }),
        ),
        (
            "the hub's name",
            with(&|p| p.subject_alt_names = vec![SanType::DnsName("hub.test".try_into().expect("a name"))]),
        ),
        ("a subject", with(&|p| p.distinguished_name.push(DnType::CommonName, format!("cluster {other}")))),
        (
            "to be an authority",
            with(&|p| {
                p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                p.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            }),
        ),
        (
            "to be a server",
            with(&|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::Any]),
        ),
    ]
}

fn check(der: &[u8], want: &str, what: &str) {
    let (_, certificate) = X509Certificate::from_der(der).expect("a certificate");
    let names = certificate.subject_alternative_name().expect("names").expect("names");
    let uris: Vec<_> = names
        .value
        .general_names
        .iter()
        .map(|name| match name {
            GeneralName::URI(uri) => (*uri).to_owned(),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(uris, [want], "{what}");
    assert!(!certificate.is_ca(), "{what}");
    let usage = certificate.extended_key_usage().expect("usages").expect("usages").value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any, "{what}");
    assert!(certificate.key_usage().expect("usage").is_none_or(|usage| !usage.value.key_cert_sign()), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_asks_for_is_not_given() {
    let bed = Bed::new().await;
    let (own, other) = (bed.cluster("eu-1").await, bed.cluster("eu-10").await);
    let want = format!("spiffe://{}/cluster/{own}", bed.authority.trust_domain());
    let mut identity = bed.joined(own).await;
    for (what, params) in greedy(bed.authority.trust_domain(), other, own) {
        let new = key();
        let Ok(request) = params.serialize_request(&new) else { panic!("{what}: no request") };
        let joined = bed.join(&bed.token(own).await, request.der().to_vec(), crate::bed::HOME).await.expect("joined");
        check(&joined, &want, what);
        identity = crate::bed::identity(&joined, &new);
        let renewal = windlass_proto::v1::RenewRequest {
            csr_der: {
                let next = key();
                params.serialize_request(&next).expect("a request").der().to_vec()
            },
            kube_system_uid: crate::bed::HOME.into(),
            ..Default::default()
        };
        let mut client = bed.client(Some(identity.clone())).await;
        let reply = client.renew(renewal).await.expect("renewed").into_inner();
        check(&reply.certificate_der[0], &want, what);
    }
    drop(identity);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_proves_nothing_costs_no_token() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let token = bed.token(cluster).await;
    let good = key();
    let mut forged = csr(&good);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("a key");
    for (what, request) in [
        ("a bad signature", forged),
        ("a key of another kind", csr(&p384)),
        ("nothing", vec![]),
        ("rubbish", vec![0x30; 4000]),
        ("too much", vec![0; 17 << 10]),
    ] {
        let refused = bed.join(&token, request, crate::bed::HOME).await.expect_err(what);
        assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{what}: {refused}");
    }
    bed.join(&token, csr(&good), crate::bed::HOME).await.expect("the token is as good as before");
}
