//! V37: calls under names that are nearly right. Whatever is routed is checked, and what is not routed answers nothing.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use windlass_runtime::tls::{self, PemIdentity};

use crate::bed::{Bed, HOME, csr, key};

const RENEW: &str = "/windlass.agent.v1.Agent/Renew";
const SETTINGS: u8 = 4;
const HEADERS: u8 = 1;
const DATA: u8 = 0;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// HPACK, every header spelled out.
fn headers(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let usual = [(":method", method), (":scheme", "https"), (":path", path), (":authority", "hub.test")];
    let rest = [("content-type", "application/grpc"), ("te", "trailers")];
    let mut block = Vec::new();
    for (name, value) in usual.iter().chain(&rest).chain(more) {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("under 127"));
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A `RenewRequest` as gRPC sends it.
fn request() -> Vec<u8> {
    let csr = csr(&key());
    let mut message = Vec::new();
    for (field, bytes) in [(1, csr.as_slice()), (2, &[1; 16][..]), (3, HOME.as_bytes())] {
        message.push(field << 3 | 2);
        let length = bytes.len();
        message
            .extend([u8::try_from(length & 0x7f).expect("7 bits") | 0x80, u8::try_from(length >> 7).expect("small")]);
        message.extend(bytes);
    }
    [&[0], &u32::try_from(message.len()).expect("short").to_be_bytes()[..], &message].concat()
}

/// Whether a call was answered with a message: anything else is a refusal, a reset or nothing.
async fn is_answered(bed: &Bed, identity: &PemIdentity, method: &str, path: &str, more: &[(&str, &str)]) -> bool {
    let roots: Vec<_> = bed.authority.trusted_der().into_iter().map(CertificateDer::from).collect();
    let config = tls::client_config(&bed.clock, &roots, Some(identity.clone()), tls::H2).expect("TLS");
    let stream = TcpStream::connect(bed.address).await.expect("connected");
    let name = ServerName::try_from("hub.test").expect("a name");
    let mut stream =
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
    let mut said = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    said.extend(frame(SETTINGS, 0, 0, &[]));
    said.extend(frame(HEADERS, END_HEADERS, 1, &headers(method, path, more)));
    said.extend(frame(DATA, END_STREAM, 1, &request()));
    stream.write_all(&said).await.expect("written");
    let answered = async {
        loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                return false;
            }
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            if stream.read_exact(&mut payload).await.is_err() {
                return false;
            }
            match (head[3], head[5..9] == [0, 0, 0, 1]) {
                (DATA, true) if !payload.is_empty() => return true,
                // Trailers, or a reset.
                (HEADERS, true) if head[4] & END_STREAM != 0 => return false,
                (3 | 7, _) => return false,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), answered).await.expect("an end")
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_nearly_right_are_no_way_around_the_check() {
    let bed = Bed::new().await;
    let (eu, us) = (bed.cluster("eu-1").await, bed.cluster("us-1").await);
    let (revoked, good) = (bed.joined(eu).await, bed.joined(us).await);
    assert!(bed.session(&revoked, 1, HOME).await.is_ok());
    bed.revoke(eu, None).await;
    assert!(is_answered(&bed, &good, "POST", RENEW, &[]).await, "what is right is answered, or this shows nothing");
    let without_slash = &RENEW[1..];
    let odd = [
        format!("/{RENEW}"),
        format!("{RENEW}/"),
        format!("{RENEW}?x=1"),
        format!("https://hub.test{RENEW}"),
        RENEW.to_uppercase(),
        RENEW.replace("/Renew", "/../Agent/Renew"),
        RENEW.replace("/Renew", "%2FRenew"),
        "*".to_owned(),
        String::new(),
    ];
    for path in odd.iter().map(String::as_str).chain([RENEW, without_slash]) {
        for (method, more) in [
            ("POST", &[][..]),
            ("GET", &[]),
            ("POST", &[("x-http-method-override", "GET")]),
            ("POST", &[("x-original-url", RENEW), ("x-rewrite-url", RENEW)]),
        ] {
            assert!(!is_answered(&bed, &revoked, method, path, more).await, "{method} {path:?} {more:?}");
        }
    }
    assert!(!is_answered(&bed, &good, "POST", without_slash, &[]).await, "a name without its slash is no name");
    assert!(bed.answers(Some(good)).await.are_yes(), "others are not disturbed");
}
