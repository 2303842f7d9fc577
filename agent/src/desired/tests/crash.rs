//! A crash, or a store that fails, between any two changes of the store.

use super::secrets::Secrets;
use super::store::{Failing, MemoryChunks};
use super::*;

/// Records in several buckets, so that a write of many has many chunks.
async fn filled_in(store: MemoryChunks) -> MemoryChunks {
    let durable = Durable::open(store.clone(), key()).await.expect("opens");
    let many = (0..200).map(|n| (format!("content/{n}"), Some(noise(8 * 1024)))).collect();
    durable.write(many).await.expect("writes");
    durable.write((0..20).map(|n| set(&format!("row/{n}"), "old")).collect()).await.expect("writes");
    durable.close().await;
    store
}

/// Both kinds of store.
async fn filled() -> [MemoryChunks; 2] {
    [filled_in(MemoryChunks::default()).await, filled_in(MemoryChunks::appending()).await]
}

fn rows(durable: &Durable) -> Vec<String> {
    durable.with_prefix("row/").into_iter().map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

#[tokio::test]
async fn a_crash_at_any_moment_leaves_all_of_a_write_or_nothing() {
    for whole in filled().await {
        crash_at_any_moment(&whole).await;
    }
}

async fn crash_at_any_moment(whole: &MemoryChunks) {
    let mut succeeded = false;
    for changes in 0..100 {
        let store = whole.snapshot();
        let durable = Durable::open(store.clone(), key()).await.expect("opens");
        store.fail_after(changes, Failing::Before);
        let result = durable.write((0..20).map(|n| set(&format!("row/{n}"), "new")).collect()).await;
        let want = if result.is_ok() { "new" } else { "old" };
        assert_eq!(rows(&durable), [want; 20], "in memory, after {changes} changes");
        // What the process would still do is lost with it.
        let left = store.snapshot();
        left.heal();
        let again = Durable::open(left.clone(), key()).await.expect("opens");
        assert_eq!(rows(&again), [want; 20], "reopened, after {changes} changes");
        assert_eq!(left.names().len(), whole.names().len(), "what was interrupted is collected at open");
        succeeded |= result.is_ok();
    }
    assert!(succeeded, "a hundred changes are enough for the write");
}

#[tokio::test]
async fn an_answer_that_was_lost_is_old_in_memory_and_either_after_reopening() {
    for whole in filled().await {
        lost_answer(&whole).await;
    }
}

async fn lost_answer(whole: &MemoryChunks) {
    for changes in 0..40 {
        let store = whole.snapshot();
        let durable = Durable::open(store.clone(), key()).await.expect("opens");
        store.fail_after(changes, Failing::After);
        let result = durable.write((0..20).map(|n| set(&format!("row/{n}"), "new")).collect()).await;
        let want = if result.is_ok() { "new" } else { "old" };
        assert_eq!(rows(&durable), [want; 20]);
        let crashed = store.snapshot();
        crashed.heal();
        let found = rows(&Durable::open(crashed, key()).await.expect("opens"));
        assert!(found == ["new"; 20] || (result.is_err() && found == ["old"; 20]), "after {changes} changes");
        // The next write settles it.
        store.heal();
        durable.write(vec![set("row/0", want), set("settled", "yes")]).await.expect("writes");
        durable.close().await;
        let again = Durable::open(store, key()).await.expect("opens");
        assert_eq!((rows(&again), text(&again, "settled").as_deref()), (vec![want.to_owned(); 20], Some("yes")));
    }
}

#[tokio::test]
async fn a_full_store_refuses_takes_nothing_and_works_again_with_room() {
    let [store, appending] = filled().await;
    full(store, 3).await;
    full(appending, 0).await;
}

async fn full(store: MemoryChunks, changes: usize) {
    let durable = Durable::open(store.clone(), key()).await.expect("opens");
    let before = store.names();
    store.fail_after(changes, Failing::Full);
    let change: Vec<Change> = (0..20).map(|n| set(&format!("row/{n}"), "new")).collect();
    let refused = durable.write(change.clone()).await;
    assert!(matches!(&refused, Err(error @ Error::Full(_)) if error.is_retryable()), "{refused:?}");
    assert_eq!(rows(&durable), ["old"; 20]);
    store.heal();
    durable.write(change).await.expect("writes");
    durable.close().await;
    assert_eq!(rows(&durable), ["new"; 20]);
    let again = Durable::open(store.clone(), key()).await.expect("opens");
    assert_eq!(rows(&again), ["new"; 20]);
    assert_eq!(store.names().len(), before.len());
}

/// The same promises over Secrets, a replica that took over included.
mod over_secrets {
    use super::*;

    async fn filled() -> Secrets {
        let secrets = Secrets::default();
        let durable = Durable::open(secrets.open().await, key()).await.expect("opens");
        let many = (0..60).map(|n| (format!("content/{n}"), Some(noise(24 * 1024)))).collect();
        durable.write(many).await.expect("writes");
        durable.write((0..20).map(|n| set(&format!("row/{n}"), "old")).collect()).await.expect("writes");
        durable.close().await;
        secrets
    }

    fn change() -> Vec<Change> {
        (0..20).map(|n| set(&format!("row/{n}"), "new")).collect()
    }

    #[tokio::test]
    async fn a_crash_at_any_moment_leaves_all_of_a_write_or_nothing() {
        let whole = filled().await;
        let mut succeeded = false;
        for changes in 0..50 {
            let secrets = whole.snapshot();
            let durable = Durable::open(secrets.open().await, key()).await.expect("opens");
            secrets.fail_after(changes, Failing::Before);
            let result = durable.write(change()).await;
            let want = if result.is_ok() { "new" } else { "old" };
            assert_eq!(rows(&durable), [want; 20], "in memory, after {changes} changes");
            let left = secrets.snapshot();
            left.heal();
            let again = Durable::open(left.open().await, key()).await.expect("opens");
            assert_eq!(rows(&again), [want; 20], "reopened, after {changes} changes");
            assert_eq!(left.chunks(), whole.chunks(), "what was interrupted is collected at open");
            succeeded |= result.is_ok();
        }
        assert!(succeeded, "fifty changes are enough for the write");
    }

    #[tokio::test]
    async fn an_answer_that_was_lost_is_old_in_memory_and_either_after_reopening() {
        let whole = filled().await;
        for changes in 0..30 {
            let secrets = whole.snapshot();
            let durable = Durable::open(secrets.open().await, key()).await.expect("opens");
            secrets.fail_after(changes, Failing::After);
            let result = durable.write(change()).await;
            let want = if result.is_ok() { "new" } else { "old" };
            assert_eq!(rows(&durable), [want; 20]);
            let crashed = secrets.snapshot();
            crashed.heal();
            let found = rows(&Durable::open(crashed.open().await, key()).await.expect("opens"));
            assert!(found == ["new"; 20] || (result.is_err() && found == ["old"; 20]), "after {changes} changes");
            secrets.heal();
            durable.write(vec![set("row/0", want), set("settled", "yes")]).await.expect("writes");
            durable.close().await;
            let again = Durable::open(secrets.open().await, key()).await.expect("opens");
            assert_eq!((rows(&again), text(&again, "settled").as_deref()), (vec![want.to_owned(); 20], Some("yes")));
        }
    }

    #[tokio::test]
    async fn who_lost_the_lease_changes_nothing_any_more() {
        let secrets = filled().await;
        let before = Durable::open(secrets.open().await, key()).await.expect("opens");
        before.write(vec![set("row/0", "before")]).await.expect("writes");
        let after = Durable::open(secrets.open().await, key()).await.expect("opens");
        let refused = before.write(vec![set("row/0", "late")]).await;
        assert!(matches!(refused, Err(Error::InUse(_))), "{refused:?}");
        after.write(vec![set("row/1", "after")]).await.expect("writes");
        let again = Durable::open(secrets.open().await, key()).await.expect("opens");
        assert_eq!(
            (text(&again, "row/0").as_deref(), text(&again, "row/1").as_deref()),
            (Some("before"), Some("after"))
        );
    }

    #[tokio::test]
    async fn an_exhausted_quota_refuses_and_takes_nothing() {
        let secrets = filled().await;
        let durable = Durable::open(secrets.open().await, key()).await.expect("opens");
        let before = secrets.chunks();
        secrets.fail_after(0, Failing::Full);
        let refused = durable.write(change()).await;
        assert!(matches!(&refused, Err(error @ Error::Full(_)) if error.is_retryable()), "{refused:?}");
        secrets.heal();
        durable.write(change()).await.expect("writes");
        durable.close().await;
        assert_eq!((rows(&durable), secrets.chunks()), (vec!["new".to_owned(); 20], before));
    }

    #[tokio::test]
    async fn more_than_the_budget_is_refused_and_less_is_let_through() {
        let secrets = Secrets::default();
        let durable = Durable::open(secrets.open().await.with_budget(1024 * 1024), key()).await.expect("opens");
        durable.write(vec![("big".into(), Some(noise(900 * 1024)))]).await.expect("writes");
        let refused = durable.write(vec![("more".into(), Some(noise(300 * 1024)))]).await;
        assert!(matches!(&refused, Err(Error::Full(why)) if why.contains("1 MiB is the most")), "{refused:?}");
        durable.write(vec![gone("big")]).await.expect("what makes it smaller");
        durable.write(vec![("more".into(), Some(noise(300 * 1024)))]).await.expect("there is room again");
        let kept = secrets.all();
        assert!(
            kept.iter()
                .all(|secret| secret["metadata"]["name"] == "windlass-agent-state" || secret["immutable"] == true)
        );
    }
}
