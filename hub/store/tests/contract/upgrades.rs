//! Upgrades of agents, as they are kept.

use uuid::Uuid;
use windlass_domain::upgrade::{Entry, Stage, Upgrade, Wanted};
use windlass_store::{Expected, Store as _};

use crate::contract;
use crate::fixture::at;

fn upgrade(id: u128) -> Upgrade {
    let cluster = Entry { cluster: Uuid::from_u128(1), name: "eu-1".into(), stage: Stage::Waiting };
    Upgrade {
        id: Uuid::from_u128(id),
        to: Wanted::Version("2".into()),
        max_unavailable: 3,
        patience_seconds: 300,
        by: "ann".into(),
        started_at: at(i64::try_from(id).expect("small")),
        clusters: vec![cluster],
        stopped: None,
    }
}

contract! {
    async fn an_upgrade_is_kept_as_it_is_and_changed_only_by_who_has_read_it(bed: Bed) {
        let store = &bed;
        let first = store.put_upgrade(&upgrade(1), Expected::Nothing).await.expect("put");
        assert!(store.put_upgrade(&upgrade(1), Expected::Nothing).await.is_err(), "it is there");
        let mut moved = upgrade(1);
        moved.clusters[0].stage = Stage::Asked { at: at(5), before: Some("old".into()), message: "on its way".into() };
        let second = store.put_upgrade(&moved, Expected::Revision(first.revision)).await.expect("put");
        assert!(second.revision > first.revision);
        assert!(store.put_upgrade(&upgrade(1), Expected::Revision(first.revision)).await.is_err(), "stale");
        store.put_upgrade(&upgrade(2), Expected::Nothing).await.expect("put");
        let read = bed.again().await.upgrades(10).await.expect("read");
        assert_eq!(read.iter().map(|stored| stored.upgrade.id.as_u128()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(read[1], second);
    }

    async fn old_upgrades_are_dropped(bed: Bed) {
        for id in 1..=25 {
            bed.put_upgrade(&upgrade(id), Expected::Nothing).await.expect("put");
        }
        let read = bed.upgrades(100).await.expect("read");
        let ids: Vec<_> = read.iter().map(|stored| stored.upgrade.id.as_u128()).collect();
        assert_eq!(ids, (6..=25).rev().collect::<Vec<_>>());
    }
}
