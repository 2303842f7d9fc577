//! T19: replacing the authority while agents are connected.

use std::time::Duration;

use windlass_domain::exchange::HubMessage;
use windlass_domain::identity::trust::{Advance, SETTLES, Wish, advance};

use crate::bed::{Bed, HOME, key};

#[tokio::test(flavor = "multi_thread")]
async fn agents_go_over_to_a_new_authority_without_losing_a_session() {
    let bed = Bed::new().await;
    let (eu, us) = (bed.cluster("eu-1").await, bed.cluster("us-1").await);
    let (online, offline) = (bed.joined(eu).await, bed.joined(us).await);
    let mut session = bed.session(&online, 1, HOME).await.expect("a session");
    assert!(bed.session(&offline, 2, HOME).await.is_ok());
    let first = bed.authority.ca_der();

    bed.authority.add(bed.store.as_ref(), 1, "ann").await.expect("another authority");
    assert_eq!((bed.authority.trusted_der().len(), bed.authority.ca_der()), (2, first.clone()));
    let early = bed.renew(&online, &key()).await.expect("renewed");
    assert_eq!(early.ca_der.len(), 2, "agents are given both");
    bed.clock.advance(SETTLES + Duration::from_secs(10));
    while !matches!(session.hear().await.expect("the session is up"), HubMessage::RenewCertificate) {}
    let next = key();
    let reply = bed.renew(&online, &next).await.expect("renewed");
    let renewed = crate::bed::identity(&reply.certificate_der[0], &next);
    assert!(bed.session(&renewed, 1, HOME).await.is_ok());

    let (entries, holders) =
        (bed.store.authorities().await.expect("read"), bed.store.authority_holders().await.expect("read"));
    let now = bed.clock.now();
    let waits = advance(&entries, &holders, Wish::Retire { force: false }, now).expect("under way");
    assert!(
        matches!(&waits, Advance::Wait(missing) if missing.len() == 1 && missing[0].cluster == "us-1"),
        "{waits:?}"
    );
    let Ok(Advance::Retire { numbers, without }) = advance(&entries, &holders, Wish::Retire { force: true }, now)
    else {
        panic!("not retired")
    };
    assert_eq!((numbers.as_slice(), without.len()), (&[0][..], 1), "who is left behind is named");
    bed.store.retire_authorities(&numbers, now).await.expect("retired");
    assert!(bed.authority.reload(bed.store.as_ref()).await.expect("read"));

    assert_ne!(bed.authority.ca_der(), first);
    assert!(bed.answers(Some(renewed)).await.are_yes(), "over a listener that shows the new authority's certificate");
    assert!(bed.answers(Some(offline)).await.are_all("NO CONNECTION"));
    let again = bed.joined(us).await;
    assert!(bed.answers(Some(again)).await.are_yes(), "a new token is all that it needs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_never_outlives_its_authority() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let end = bed.authority.not_after();
    let left = end.duration_since(bed.clock.now()).unsigned_abs() - Duration::from_secs(3 * 86_400);
    bed.clock.advance(left);
    let identity = bed.joined(cluster).await;
    let peer =
        windlass_hub::pki::PeerCertificate::read(&identity.chain[0], bed.authority.trust_domain()).expect("an agent's");
    assert!(peer.not_after <= end, "{} and {end}", peer.not_after);
    bed.clock.advance(Duration::from_secs(4 * 86_400));
    bed.join(&bed.token(cluster).await, crate::bed::csr(&key()), HOME)
        .await
        .expect_err("an authority that ended signs nothing");
}
