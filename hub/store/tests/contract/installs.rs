//! Install manifests that are given out once.

use std::sync::Arc;

use uuid::Uuid;
use windlass_store::{FetchRefusal, NewJoinToken, Spend, Store};

use crate::contract;
use crate::fixture::{HOUR, at, cluster};

const SECRET: [u8; 32] = [1; 32];

async fn installable(store: &dyn Store, cluster: Uuid) -> Uuid {
    let token = NewJoinToken { id: Uuid::new_v4(), cluster, secret_hash: SECRET, expires_at: at(HOUR) };
    store.put_join_token(&token).await.expect("stored");
    store.put_install(token.id, "{\"replicas\":2}").await.expect("stored");
    token.id
}

contract! {
    async fn of_many_who_fetch_one_gets_it_and_the_others_are_told_when(bed: Bed) {
        let cluster = cluster(&*bed, "eu-1").await;
        let id = installable(&*bed, cluster.uid).await;
        let calls = (0..20).map(|_| {
            let store = Arc::clone(&bed.store);
            tokio::spawn(async move { store.fetch_install(id, SECRET, at(5)).await.expect("an answer") })
        });
        let mut given = 0;
        for call in calls.collect::<Vec<_>>() {
            match call.await.expect("ran") {
                Ok(fetched) => {
                    given += 1;
                    assert_eq!((fetched.cluster, fetched.name.as_str(), fetched.options.as_str()), (cluster.uid, "eu-1", "{\"replicas\":2}"));
                }
                Err(refusal) => assert_eq!(refusal, FetchRefusal::Fetched(at(5))),
            }
        }
        assert_eq!(given, 1);
        let view = bed.cluster_view("eu-1").await.expect("read").expect("there");
        assert_eq!(view.install_fetched_at, Some(at(5)));
        // The token that goes with it is still good for its one agent.
        let spent = bed.spend_join_token(id, SECRET, [2; 32], at(6)).await.expect("an answer");
        assert_eq!(spent, Spend::Granted { cluster: cluster.uid });
    }

    async fn a_manifest_goes_with_its_token(bed: Bed) {
        let cluster = cluster(&*bed, "eu-1").await;
        let refused = async |id: Uuid, secret: [u8; 32], hours: i64| bed.fetch_install(id, secret, at(hours)).await.expect("an answer").expect_err("refused");
        assert_eq!(refused(Uuid::new_v4(), SECRET, 1).await, FetchRefusal::Unknown);
        let first = installable(&*bed, cluster.uid).await;
        assert_eq!(refused(first, [9; 32], 1).await, FetchRefusal::Unknown);
        assert_eq!(refused(first, SECRET, HOUR).await, FetchRefusal::Expired);
        let second = installable(&*bed, cluster.uid).await;
        assert_eq!(refused(first, SECRET, 1).await, FetchRefusal::Void, "a newer one took its place");
        bed.spend_join_token(second, SECRET, [2; 32], at(6)).await.expect("an answer");
        assert_eq!(refused(second, SECRET, 7).await, FetchRefusal::Joined);
        let third = installable(&*bed, cluster.uid).await;
        for _ in 0..5 {
            refused(third, [9; 32], 8).await;
        }
        assert_eq!(refused(third, SECRET, 8).await, FetchRefusal::Void, "guessed at too often");
    }

    async fn an_address_of_its_own_is_kept_with_the_cluster(bed: Bed) {
        let cluster = cluster(&*bed, "eu-1").await;
        assert_eq!(bed.agents_address(cluster.uid).await.expect("read"), None);
        bed.set_agents_address(cluster.uid, Some("hub.test:8444")).await.expect("stored");
        assert_eq!(bed.agents_address(cluster.uid).await.expect("read").as_deref(), Some("hub.test:8444"));
        let view = bed.cluster_view("eu-1").await.expect("read").expect("there");
        assert_eq!(view.agents_address.as_deref(), Some("hub.test:8444"));
    }
}
