//! T3, T18: floods of handshakes, resets and oversized frames: others go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use windlass_domain::exchange::AgentMessage;
use windlass_proto::v1::{Frame, Part, frame::Body};

use crate::bed::{Bed, HOME};

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_strangers_end_nobodys_session() {
    let bed = Arc::new(Bed::new().await);
    let cluster = bed.cluster("eu-1").await;
    let good = bed.joined(cluster).await;
    let mut session = bed.session(&good, 1, HOME).await.expect("a session");
    let mut strangers = tokio::task::JoinSet::new();
    for number in 0..200 {
        let bed = Arc::clone(&bed);
        strangers.spawn(async move {
            match number % 4 {
                // Reset as soon as it is accepted.
                0 => drop(TcpStream::connect(bed.address).await.and_then(|stream| {
                    stream.set_zero_linger()?;
                    Ok(stream)
                })),
                // No TLS at all.
                1 => {
                    if let Ok(mut stream) = TcpStream::connect(bed.address).await {
                        let _ = stream.write_all(&[0xff; 64 * 1024]).await;
                    }
                }
                // A handshake without a certificate.
                2 => assert!(bed.answers(None).await.are_all("NO CONNECTION")),
                // HTTP/2 of before TLS.
                _ => {
                    if let Ok(mut stream) = TcpStream::connect(bed.address).await {
                        let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
                    }
                }
            }
        });
    }
    while let Some(done) = strangers.join_next().await {
        done.expect("it ran");
    }
    session.say(AgentMessage::Ack { generation: 0 }).await;
    assert_eq!(bed.registry.connected(), 1);
    assert!(bed.answers(Some(good)).await.are_yes());
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_too_long_or_never_end_are_refused_and_others_go_on() {
    let bed = Bed::new().await;
    let (eu, us) = (bed.cluster("eu-1").await, bed.cluster("us-1").await);
    let (bad, good) = (bed.joined(eu).await, bed.joined(us).await);
    let mut other = bed.session(&good, 1, HOME).await.expect("a session");
    // One message of gRPC that is far over the limit: refused while it is read.
    let mut client = bed.client(Some(bad.clone())).await;
    let huge = Frame {
        min_version: 1,
        critical: true,
        body: Some(Body::Part(Part { data: vec![7; 8 << 20].into(), ..Part::default() })),
    };
    if let Ok(answer) = client.connect(tokio_stream::once(huge)).await {
        let mut answer = answer.into_inner();
        while let Ok(Some(_)) = answer.message().await {}
    }
    // Parts of messages that never end.
    let part = |stream: u32, number: u32| Part { stream, part: number, last: false, data: vec![1; 8 << 10].into() };
    let endless =
        (0..2000).map(move |number| Frame { min_version: 1, critical: true, body: Some(Body::Part(part(number, 0))) });
    let mut client = bed.client(Some(bad.clone())).await;
    if let Ok(answer) = client.connect(tokio_stream::iter(endless)).await {
        let mut answer = answer.into_inner();
        let drained = async { while let Ok(Some(_)) = answer.message().await {} };
        tokio::time::timeout(Duration::from_secs(60), drained).await.expect("the session is ended");
    }
    other.say(AgentMessage::Ack { generation: 0 }).await;
    assert!(bed.answers(Some(good)).await.are_yes());
    assert!(bed.session(&bad, 1, HOME).await.is_ok(), "who was wrong once may be right again");
}
