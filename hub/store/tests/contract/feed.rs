//! The watch feed.

use std::collections::BTreeMap;

use windlass_domain::application::Cascade;
use windlass_store::{Change, Error, Store};

use crate::bed::{Bed, LIMITS};
use crate::contract;
use crate::fixture::{application, at, cluster, deployed, healthy, name, session};

/// Reads the feed to its end in small pages.
async fn read(store: &dyn Store, mut after: u64, limit: u32) -> Vec<Change> {
    let mut all = Vec::new();
    loop {
        let page = store.changes(after, limit).await.expect("changes");
        let Some(last) = page.last() else { return all };
        assert!(last.revision > after, "the feed stands still");
        after = last.revision;
        all.extend(page);
    }
}

contract! {
    async fn the_feed_only_goes_forward_and_resumes_anywhere(bed: Bed) {
        let mut newest = bed.newest();
        let eu = cluster(&*bed, "eu-1").await;
        for app in ["a", "b", "c"] {
            let before = *newest.borrow_and_update();
            deployed(&*bed, app, &eu).await;
            assert!(newest.has_changed().expect("open") && *newest.borrow() > before);
        }
        let whole = read(&*bed, 0, 1000).await;
        assert!(whole.windows(2).all(|pair| pair[0].revision < pair[1].revision));
        assert_eq!(whole.last().map(|change| change.revision), Some(*newest.borrow()));
        for limit in [1, 2, 3] {
            assert_eq!(read(&*bed, 0, limit).await, whole);
        }
        for (index, change) in whole.iter().enumerate() {
            assert_eq!(read(&*bed, change.revision, 1000).await, whole[index + 1..].to_vec());
        }
    }

    async fn a_thing_is_in_the_feed_once_with_its_newest_state(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        bed.apply_status(session, &[healthy(&web).delta_from(None)], at(3)).await.expect("applied");
        let mut seen = BTreeMap::new();
        for change in bed.changes(0, 1000).await.expect("changes") {
            *seen.entry((change.kind as u8, change.id)).or_insert(0) += 1;
        }
        assert_eq!(seen.values().copied().collect::<Vec<_>>(), vec![1; seen.len()]);
    }

    async fn what_people_write_is_told_from_what_is_reported(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        application(&*bed, "api").await;
        let session = session(&*bed, &eu).await;
        let all = bed.written(0).await.expect("read");
        assert_eq!((all.applications.len(), all.clusters, all.revision), (2, true, *bed.newest().borrow()));
        bed.apply_status(session, &[healthy(&web).delta_from(None)], at(3)).await.expect("applied");
        bed.verified(session, at(3)).await.expect("stored");
        let nothing = bed.written(all.revision).await.expect("read");
        assert_eq!((&nothing.applications, nothing.clusters, nothing.revision > all.revision), (&vec![], false, true));
        bed.delete_application(&name("api"), Cascade::Orphan, "ann", at(4)).await.expect("deleted");
        let gone = bed.written(nothing.revision).await.expect("read");
        assert_eq!((gone.applications, gone.clusters), (vec![(name("api"), 0)], false));
        bed.delete_cluster("eu-1").await.expect("deleted");
        assert!(bed.written(gone.revision).await.expect("read").clusters);
    }

    async fn a_report_that_says_nothing_new_is_no_change(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        bed.apply_status(session, &[healthy(&web).delta_from(None)], at(3)).await.expect("applied");
        let before = *bed.newest().borrow();
        bed.apply_status(session, &[healthy(&web).delta_from(None)], at(4)).await.expect("applied");
        assert_eq!(*bed.newest().borrow(), before);
    }

    async fn a_cursor_below_the_kept_tombstones_is_told_to_list_again(bed: Bed) {
        let start = *bed.newest().borrow();
        for index in 0..LIMITS.tombstones + 5 {
            let app = format!("app-{index}");
            application(&*bed, &app).await;
            bed.delete_application(&name(&app), Cascade::Orphan, "ann", at(1)).await.expect("deleted");
        }
        let Err(Error::CursorTooOld { floor }) = bed.changes(start, 10).await else { panic!("an old cursor was taken") };
        let kept = bed.changes(floor, 1000).await.expect("changes");
        assert_eq!(kept.len() as u64, LIMITS.tombstones);
        assert!(kept.iter().all(|change| change.deleted));
        let newest = *bed.newest().borrow();
        assert_eq!(bed.changes(newest, 10).await.expect("changes"), vec![]);
        assert!(matches!(bed.changes(newest + 1, 10).await, Err(Error::CursorTooOld { .. })), "a cursor of another history");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replicas_changes_are_noticed() {
    let Some(bed) = Bed::postgres("replica").await else { return };
    let replica = bed.again().await;
    let mut newest = bed.newest();
    newest.borrow_and_update();
    application(&replica, "web").await;
    let wanted = *replica.newest().borrow();
    newest.wait_for(|revision| *revision >= wanted).await.expect("open");
    assert_eq!(bed.changes(0, 10).await.expect("changes").len(), 1);
}
