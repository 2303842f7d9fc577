//! What is there when a commit fails half-way. A process of its own: failpoints are global.
#![allow(clippy::expect_used, reason = "a test says what it expected by panicking")]

use windlass_domain::time::from_millis;
use windlass_store::{Error, NewCluster, SealKey, SqlStore, Store, StoreUrl};

fn new(name: &str) -> NewCluster {
    NewCluster { uid: uuid::Uuid::new_v4(), name: name.into(), labels: [].into(), server_aliases: vec![] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_commit_is_whole_or_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let seal = SealKey::from_bytes([7; 32]).expect("a key");
    let store = SqlStore::open(&StoreUrl::sqlite(folder.path().join("hub.db")), seal).await.expect("opened");
    let now = from_millis(0);

    fail::cfg("store::before_commit", "1*return").expect("set");
    let failed = store.create_cluster(new("before"), now).await.expect_err("failed");
    assert!(matches!(failed, Error::Unavailable { .. }) && failed.is_retryable());
    assert_eq!(store.clusters().await.expect("read"), vec![]);
    assert_eq!(*store.newest().borrow(), 0, "a revision that was taken and not committed is given again");
    fail::remove("store::before_commit");

    fail::cfg("store::after_commit", "1*return").expect("set");
    store.create_cluster(new("after"), now).await.expect_err("the answer is lost");
    fail::remove("store::after_commit");
    let names: Vec<_> = store.clusters().await.expect("read").into_iter().map(|cluster| cluster.name).collect();
    assert_eq!(names, ["after"], "what was committed is there, whatever its caller heard");
    assert!(matches!(store.create_cluster(new("after"), now).await, Err(Error::Conflict { .. })));
}
