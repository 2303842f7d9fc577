//! T16: races for a token, retries, guesses.

use std::collections::BTreeSet;
use std::sync::Arc;

use windlass_domain::identity::JoinToken;
use windlass_domain::identity::record::AlertKind;

use crate::bed::{Bed, HOME, csr, key};

#[tokio::test(flavor = "multi_thread")]
async fn fifty_who_race_for_a_token_certify_one_key() {
    let bed = Arc::new(Bed::new().await);
    let cluster = bed.cluster("eu-1").await;
    let token = bed.token(cluster).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (bed, token) = (Arc::clone(&bed), token.clone());
        calls.spawn(async move {
            let key = key();
            let joined = bed.join(&token, csr(&key), HOME).await;
            joined.ok().map(|der| (key, der))
        });
    }
    let won: Vec<_> = calls.join_all().await.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    let (key, der) = &won[0];
    // The reply may be lost after the commit: the same key gets the same certificate, as often as it asks.
    let again: BTreeSet<Vec<u8>> = [
        bed.join(&token, csr(key), HOME).await.expect("again"),
        bed.join(&token, csr(key), HOME).await.expect("again"),
        der.clone(),
    ]
    .into();
    assert_eq!(again.len(), 1);
    let record = bed.store.identity(cluster).await.expect("a record");
    assert!(record.alerts.iter().any(|alert| alert.kind == AlertKind::JoinToken), "{:?}", record.alerts);
    assert!(bed.answers(Some(crate::bed::identity(der, key))).await.are_yes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guessed_secret_voids_the_token_after_five_and_tells_nothing() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1").await;
    let token = bed.token(cluster).await;
    let mut words = BTreeSet::new();
    for guess in 10..15 {
        let refused = bed.join(&JoinToken::new(token.id, [guess; 32]), csr(&key()), HOME).await.expect_err("refused");
        words.insert(refused.message().to_owned());
    }
    words.insert(bed.join(&token, csr(&key()), HOME).await.expect_err("void").message().to_owned());
    let nobodys = JoinToken::new(uuid::Uuid::new_v4(), [3; 32]);
    words.insert(bed.join(&nobodys, csr(&key()), HOME).await.expect_err("unknown").message().to_owned());
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(bed.join(&bed.token(cluster).await, csr(&key()), HOME).await.is_ok());
}
