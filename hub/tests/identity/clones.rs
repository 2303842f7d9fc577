//! T15: one identity in two hands.

use windlass_domain::identity::record::{AlertKind, Event, OVERLAP};

use crate::bed::{Bed, HOME, key};

#[tokio::test(flavor = "multi_thread")]
async fn a_proven_clone_is_quarantined_and_nobody_else_is() {
    let bed = Bed::new().await;
    let (eu, us) = (bed.cluster("eu-1").await, bed.cluster("us-1").await);
    let (of_eu, of_us) = (bed.joined(eu).await, bed.joined(us).await);
    let mut other = bed.session(&of_us, 9, HOME).await.expect("a session");
    for _ in 0..3 {
        assert!(bed.session(&of_eu, 1, HOME).await.is_ok(), "the same installation again is no clone");
    }
    let mut second = bed.session(&of_eu, 2, HOME).await.expect("moved once: it may be so");
    let refused = bed.session(&of_eu, 1, HOME).await.err().expect("refused");
    assert!(refused.contains("quarantined") && refused.contains("windlass cluster approve"), "{refused}");
    assert!(second.refused().await.contains("quarantined"), "the other one goes too: nobody knows which is right");
    assert!(bed.answers(Some(of_eu.clone())).await.are_all("quarantined"));
    let record = bed.store.identity(eu).await.expect("a record");
    assert_eq!(record.alerts.iter().map(|alert| alert.kind).collect::<Vec<_>>(), [AlertKind::ClonedIdentity]);

    // The other cluster's session goes on, and a person lets this one in again.
    other.say(windlass_domain::exchange::AgentMessage::Ack { generation: 0 }).await;
    assert!(bed.answers(Some(of_us)).await.are_yes());
    assert_eq!(bed.says(eu, Event::Approved { serial: None }).await, "");
    assert!(bed.session(&of_eu, 2, HOME).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_from_before_a_renewal_is_refused_until_somebody_says_that_it_is_right() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let (copy, next) = (bed.joined(cluster).await, key());
    assert!(bed.session(&copy, 1, HOME).await.is_ok());
    let reply = bed.renew(&copy, &next).await.expect("renewed");
    assert!(bed.session(&copy, 1, HOME).await.is_ok(), "nobody has used the new one yet");
    let reply = match bed.renew(&copy, &next).await {
        Ok(again) if again.certificate_der == reply.certificate_der => again,
        other => panic!("the same key gets the same certificate: {other:?}"),
    };
    let renewed = crate::bed::identity(&reply.certificate_der[0], &next);
    let mut session = bed.session(&renewed, 1, HOME).await.expect("a session");
    bed.clock.advance(OVERLAP + OVERLAP);
    let answers = bed.answers(Some(copy.clone())).await;
    assert!(answers.are_all("a newer one was issued"), "{answers:?}");
    session.say(windlass_domain::exchange::AgentMessage::Ack { generation: 0 }).await;
    assert!(bed.session(&renewed, 1, HOME).await.is_ok());

    let old = bed.serial(&copy);
    assert_eq!(bed.says(cluster, Event::Approved { serial: Some(old) }).await, "");
    assert!(bed.session(&copy, 1, HOME).await.is_ok());
    assert!(bed.answers(Some(renewed)).await.are_all("a newer one was issued"));
    let nobodys = bed.says(cluster, Event::Approved { serial: Some("00".into()) }).await;
    assert!(nobodys.contains("does not know"), "{nobodys}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_was_made_anew_waits_for_a_person() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let first = bed.joined(cluster).await;
    let mut session = bed.session(&first, 1, HOME).await.expect("a session");
    let stopped = bed.session(&first, 1, "uid-of-another").await.err().expect("refused");
    assert!(stopped.contains("cluster replaced") && stopped.contains("windlass cluster approve"), "{stopped}");
    // Who is refused disturbs nobody: the cluster that is known goes on.
    session.say(windlass_domain::exchange::AgentMessage::Ack { generation: 0 }).await;
    assert_eq!(bed.registry.connected(), 1);
    assert_eq!(bed.says(cluster, Event::Approved { serial: None }).await, "");
    assert!(bed.session(&first, 1, "uid-of-another").await.is_ok());
    assert!(bed.session(&first, 1, HOME).await.is_err(), "and the old one is another cluster now");
}
