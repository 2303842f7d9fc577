//! T18: what is revoked is refused: in a live session, during a renewal, after a restart, and by a store from before.

use std::time::Duration;

use windlass_domain::identity::record::Event;

use crate::bed::{Bed, DAY, HOME, key};

#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_ends_and_every_certificate_is_refused_for_ever() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let (old, next) = (bed.joined(cluster).await, key());
    let mut session = bed.session(&old, 1, HOME).await.expect("a session");
    // In the middle of a renewal: the next certificate was issued and not used.
    let reply = bed.renew(&old, &next).await.expect("renewed");
    let renewed = crate::bed::identity(&reply.certificate_der[0], &next);
    bed.revoke(cluster, None).await;
    let ended = tokio::time::timeout(Duration::from_secs(10), session.refused()).await.expect("in time");
    assert!(ended.contains("was revoked"), "{ended}");
    for identity in [&old, &renewed] {
        assert!(bed.answers(Some(identity.clone())).await.are_all("was revoked"));
    }
    let bed = bed.restarted().await;
    for identity in [&old, &renewed] {
        assert!(bed.answers(Some(identity.clone())).await.are_all("was revoked"));
    }
    bed.clock.advance(8 * DAY);
    assert!(bed.answers(Some(old.clone())).await.are_all("was revoked"), "an expired one too");

    let fresh = bed.joined(cluster).await;
    assert!(bed.answers(Some(fresh.clone())).await.are_yes() && bed.session(&fresh, 2, HOME).await.is_ok());
    assert!(bed.answers(Some(old)).await.are_all("was revoked"), "a new identity does not bring the old one back");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_certificate_is_revoked_alone() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let (old, next) = (bed.joined(cluster).await, key());
    assert!(bed.session(&old, 1, HOME).await.is_ok());
    let reply = bed.renew(&old, &next).await.expect("renewed");
    let renewed = crate::bed::identity(&reply.certificate_der[0], &next);
    bed.revoke(cluster, Some(bed.serial(&old))).await;
    assert!(bed.answers(Some(old)).await.are_all("was revoked"));
    assert!(bed.session(&renewed, 1, HOME).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_before_does_not_undo_a_revocation() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let (spent, own) = (bed.token(cluster).await, key());
    bed.join(&spent, crate::bed::csr(&own), HOME).await.expect("joined");
    let unused = bed.token(cluster).await;
    bed.revoke(cluster, None).await;
    bed.join(&unused, crate::bed::csr(&key()), HOME).await.expect_err("void");
    bed.join(&spent, crate::bed::csr(&own), HOME).await.expect_err("nor does who has spent one get in again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_from_before_the_revocation_still_refuses() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let (stolen, spare) = (bed.joined(cluster).await, bed.cluster("us-1").await);
    let kept = bed.joined(spare).await;
    assert!(bed.session(&stolen, 1, HOME).await.is_ok());
    bed.store.ping().await.expect("there");
    let folder = tempfile::tempdir().expect("a folder");
    copy_store(&bed, folder.path()).await;
    bed.revoke(cluster, None).await;
    std::fs::copy(bed.folder.path().join("revoked.jsonl"), folder.path().join("revoked.jsonl")).expect("kept apart");
    let clock = bed.clock.clone();
    drop(bed);

    let restored = Bed::on(folder, clock).await;
    assert!(restored.answers(Some(stolen)).await.are_all("was revoked"));
    assert!(restored.answers(Some(kept)).await.are_yes());
    let word = restored.says(cluster, Event::Approved { serial: None }).await;
    assert!(!word.is_empty(), "there is nothing to approve: {word}");
}

/// As a backup does it.
async fn copy_store(bed: &Bed, to: &std::path::Path) {
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        let from = bed.folder.path().join(file);
        if from.exists() {
            std::fs::copy(from, to.join(file)).expect("copied");
        }
    }
}
