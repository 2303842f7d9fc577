//! Join tokens and certificates.

use std::sync::Arc;

use uuid::Uuid;
use windlass_store::{Error, IssuedCertificate, NewJoinToken, Spend, SpendRefusal, Store};

use crate::contract;
use crate::fixture::{HOUR, at, cluster};

const SECRET: [u8; 32] = [1; 32];

async fn token(store: &dyn Store, cluster: Uuid) -> Uuid {
    let token = NewJoinToken { id: Uuid::new_v4(), cluster, secret_hash: SECRET, expires_at: at(HOUR) };
    store.put_join_token(&token).await.expect("stored");
    token.id
}

fn refused(spend: Spend) -> SpendRefusal {
    match spend {
        Spend::Refused(why) => why,
        Spend::Granted { .. } => panic!("granted"),
    }
}

contract! {
    async fn of_many_keys_that_race_for_a_token_one_wins(bed: Bed) {
        let cluster = cluster(&*bed, "eu-1").await;
        let id = token(&*bed, cluster.uid).await;
        let calls = (0..50).map(|key| {
            let store = Arc::clone(&bed.store);
            tokio::spawn(async move { (key, store.spend_join_token(id, SECRET, [key; 32], at(5)).await.expect("an answer")) })
        });
        let mut winners = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            let (key, spend) = call.await.expect("ran");
            match spend {
                Spend::Granted { cluster: of } => winners.push((key, of)),
                Spend::Refused(why) => assert_eq!(why, SpendRefusal::Spent),
            }
        }
        assert_eq!(winners.len(), 1);
        let (winner, of) = winners[0];
        assert_eq!(of, cluster.uid);
        let again = bed.spend_join_token(id, SECRET, [winner; 32], at(6)).await.expect("an answer");
        assert_eq!(again, Spend::Granted { cluster: cluster.uid }, "the same key's retry is harmless, whatever others tried");
    }

    async fn a_token_is_refused_after_its_time(bed: Bed) {
        let cluster = cluster(&*bed, "eu-1").await;
        let id = token(&*bed, cluster.uid).await;
        assert_eq!(refused(bed.spend_join_token(id, SECRET, [1; 32], at(HOUR)).await.expect("an answer")), SpendRefusal::Expired);
        assert!(matches!(bed.spend_join_token(id, SECRET, [1; 32], at(HOUR - 1)).await, Ok(Spend::Granted { .. })));
        assert_eq!(refused(bed.spend_join_token(id, SECRET, [1; 32], at(HOUR)).await.expect("an answer")), SpendRefusal::Expired);
    }

    async fn five_failures_void_a_token(bed: Bed) {
        let cluster = cluster(&*bed, "eu-1").await;
        let id = token(&*bed, cluster.uid).await;
        for _ in 0..5 {
            assert_eq!(refused(bed.spend_join_token(id, [9; 32], [1; 32], at(5)).await.expect("an answer")), SpendRefusal::Unknown);
        }
        assert_eq!(refused(bed.spend_join_token(id, SECRET, [1; 32], at(5)).await.expect("an answer")), SpendRefusal::Void);
        let nobodys = bed.spend_join_token(Uuid::new_v4(), SECRET, [1; 32], at(5)).await.expect("an answer");
        assert_eq!(refused(nobodys), SpendRefusal::Unknown);
    }

    async fn a_newer_token_takes_the_place_of_an_unspent_one(bed: Bed) {
        let cluster = cluster(&*bed, "eu-1").await;
        let (older, newer) = (token(&*bed, cluster.uid).await, token(&*bed, cluster.uid).await);
        assert_eq!(refused(bed.spend_join_token(older, SECRET, [1; 32], at(5)).await.expect("an answer")), SpendRefusal::Void);
        assert!(matches!(bed.spend_join_token(newer, SECRET, [1; 32], at(5)).await, Ok(Spend::Granted { .. })));
        let view = bed.cluster_view("eu-1").await.expect("read").expect("there");
        assert_eq!(view.join_token_expires_at, None, "a spent token is not waited for");
    }

    async fn the_newest_certificate_of_a_key_is_found_again(bed: Bed) {
        let cluster = cluster(&*bed, "eu-1").await;
        let certificate = |serial: &str, hours: i64| IssuedCertificate {
            serial: serial.into(),
            cluster: cluster.uid,
            key_digest: [3; 32],
            der: vec![0, 159, 146, 150],
            issued_at: at(hours * HOUR),
            not_after: at((hours + 168) * HOUR),
            revoked: false,
            authority: 0,
        };
        let (first, second) = (certificate("0a", 0), certificate("0b", 1));
        bed.put_certificate(&first, None).await.expect("stored");
        bed.put_certificate(&second, None).await.expect("stored");
        assert!(matches!(bed.put_certificate(&first, None).await, Err(Error::Conflict { .. })));
        assert_eq!(bed.certificate("0a").await.expect("read"), Some(first));
        assert_eq!(bed.certificate_for_key(cluster.uid, [3; 32]).await.expect("read"), Some(second.clone()));
        assert_eq!(bed.certificate_for_key(cluster.uid, [4; 32]).await.expect("read"), None);
        assert_eq!(bed.cluster_view("eu-1").await.expect("read").expect("there").certificate_not_after, Some(second.not_after));
    }
}
