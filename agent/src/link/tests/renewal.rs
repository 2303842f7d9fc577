//! A renewed certificate while a session is up.

use futures::FutureExt as _;

use super::*;
use crate::identity::Identity;

fn renewed(pki: &Pki, address: &str) -> Identity {
    Identity { serial: "02".into(), certificate: pki.client(Uuid::from_u128(7)), ..pki.identity(address) }
}

#[tokio::test]
async fn the_session_goes_over_and_the_old_one_stays_until_the_new_one_is_welcome() {
    let pki = Pki::new();
    let mut hub = TestHub::agents(&pki).await;
    let mut link = start(&pki, &hub.address);
    let mut first = hub.session().await;
    welcome(&mut first).await;
    first.say(HubMessage::Delta(Box::new(delta(0, 4, "abc")))).await;
    assert_eq!(first.hear().await, AgentMessage::Ack { generation: 4 });
    let up = link.connection.borrow_and_update().clone();
    assert!(matches!(up, Connection::Up { .. }));

    link.credentials.replace(renewed(&pki, &hub.address));
    let mut second = hub.session().await;
    let first_ends = first.hung_up();
    tokio::pin!(first_ends);
    assert!(first_ends.as_mut().now_or_never().is_none(), "the old session is open while the new one is greeted");
    let (position, _) = welcome(&mut second).await;
    assert_eq!(position.map(|position| position.generation), Some(4));
    assert!(first_ends.await);
    assert!(!link.connection.has_changed().expect("the link runs"), "nobody was told that the session was lost");
    assert_eq!(*link.connection.borrow(), up);
}

#[tokio::test]
async fn contents_are_fetched_as_the_renewed_identity() {
    let pki = Pki::new();
    let hub = TestHub::agents(&pki).await;
    let link = start(&pki, &hub.address);
    let digest = Digest::of(b"plain");
    hub.put(digest, zstd::encode_all(&b"plain"[..], 3).expect("bytes"));
    for serial in ["01", "02", "02"] {
        let identity = Identity { serial: serial.into(), ..renewed(&pki, &hub.address) };
        let shown = identity.certificate.chain[0].clone();
        if *link.credentials.current().serial != *serial {
            link.credentials.replace(identity);
            assert_eq!(link.credentials.current().certificate.chain[0], shown);
        }
        assert_eq!(link.fetcher.fetch(&[digest]).await.expect("contents").found.len(), 1);
    }
}
