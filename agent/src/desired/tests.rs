//! Promises of the durable copy, kept over a store that fails when it is told to, and over a real directory.
#![allow(clippy::expect_used)]

mod crash;
mod directory;
mod journal;
mod model;
mod secrets;
mod store;

use bytes::Bytes;

use super::{Change, Durable, Error, SealKey};
use store::MemoryChunks;

fn key() -> SealKey {
    SealKey::new([7; 32])
}

fn set(name: &str, content: &str) -> Change {
    (name.to_owned(), Some(Bytes::copy_from_slice(content.as_bytes())))
}

fn gone(name: &str) -> Change {
    (name.to_owned(), None)
}

fn text(durable: &Durable, name: &str) -> Option<String> {
    durable.read(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Bytes that do not compress.
fn noise(length: usize) -> Bytes {
    let mut bytes = vec![0; length];
    aws_lc_rs::rand::fill(&mut bytes).expect("random bytes");
    Bytes::from(bytes)
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let store = MemoryChunks::default();
    let durable = Durable::open(store.clone(), key()).await.expect("opens");
    durable.write(vec![set("row/a", "1"), set("row/b", "2"), set("other", "3")]).await.expect("writes");
    durable.write(vec![gone("row/a"), set("row/c", "")]).await.expect("writes");
    durable.close().await;
    assert_eq!(durable.write(vec![set("late", "x")]).await, Err(Error::Closed));
    let again = Durable::open(store, key()).await.expect("opens");
    for durable in [durable, again] {
        assert_eq!(durable.read("row/a"), None);
        assert_eq!(text(&durable, "other").as_deref(), Some("3"));
        let rows: Vec<String> = durable.with_prefix("row/").into_iter().map(|(name, _)| name).collect();
        assert_eq!(rows, ["row/b", "row/c"]);
    }
}

#[tokio::test]
async fn writes_that_wait_at_the_same_time_share_one_pointer_write() {
    let store = MemoryChunks::default();
    let durable = Durable::open(store.clone(), key()).await.expect("opens");
    let writes = (0..50).map(|n| durable.write(vec![set(&format!("row/{n}"), "x"), set("last", &n.to_string())]));
    let results = futures::future::join_all(writes).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(durable.with_prefix("row/").len(), 50);
    assert_eq!(text(&durable, "last").as_deref(), Some("49"));
    // The first may be on its way alone.
    assert!(store.pointer_writes() <= 2, "{} pointer writes", store.pointer_writes());
}

#[tokio::test]
async fn a_write_that_changes_nothing_costs_nothing() {
    let store = MemoryChunks::default();
    let durable = Durable::open(store.clone(), key()).await.expect("opens");
    durable.write(vec![set("a", "1")]).await.expect("writes");
    let before = store.pointer_writes();
    durable.write(vec![set("a", "1"), gone("never there")]).await.expect("writes");
    assert_eq!(store.pointer_writes(), before);
}

#[tokio::test]
async fn only_changed_buckets_are_rewritten_and_old_chunks_go() {
    let store = MemoryChunks::default();
    let durable = Durable::open(store.clone(), key()).await.expect("opens");
    let many = (0..400).map(|n| (format!("content/{n}"), Some(noise(8 * 1024)))).collect();
    durable.write(many).await.expect("writes");
    let before = store.names();
    assert!(before.len() >= 16, "3.2 MiB make {} buckets", before.len());
    durable.write(vec![set("one", "small")]).await.expect("writes");
    durable.close().await;
    let after = store.names();
    assert_eq!((before.difference(&after).count(), after.difference(&before).count()), (1, 1));
}

#[tokio::test]
async fn a_record_longer_than_a_chunk_is_split_and_comes_back() {
    let store = MemoryChunks::default();
    let durable = Durable::open(store.clone(), key()).await.expect("opens");
    let long = noise(3 * super::MAX_CHUNK + 17);
    durable.write(vec![("long".into(), Some(long.clone()))]).await.expect("writes");
    durable.close().await;
    assert!(store.names().len() >= 4);
    assert!(store.longest() <= super::MAX_CHUNK);
    let again = Durable::open(store, key()).await.expect("opens");
    assert!(again.read("long") == Some(long));
}

#[tokio::test]
async fn another_key_opens_nothing_and_removes_nothing() {
    let store = MemoryChunks::default();
    let durable = Durable::open(store.clone(), key()).await.expect("opens");
    durable.write(vec![set("a", "1")]).await.expect("writes");
    durable.close().await;
    let refused = Durable::open(store.clone(), SealKey::new([8; 32])).await;
    assert_eq!(refused.err(), Some(Error::WrongKey));
    let again = Durable::open(store, key()).await.expect("opens");
    assert_eq!(text(&again, "a").as_deref(), Some("1"));
}

#[tokio::test]
async fn damage_is_named_and_nothing_is_removed() {
    let store = MemoryChunks::default();
    let durable = Durable::open(store.clone(), key()).await.expect("opens");
    durable.write(vec![set("a", "1")]).await.expect("writes");
    durable.close().await;
    let whole = store.snapshot();
    store.damage_chunks();
    let refused = Durable::open(store.clone(), key()).await;
    assert!(matches!(&refused, Err(Error::Corrupt { what, .. }) if what.starts_with("chunk ")), "{:?}", refused.err());
    assert_eq!(store.names(), whole.names());
    store.restore(&whole);
    store.damage_pointer();
    let refused = Durable::open(store.clone(), key()).await;
    assert!(matches!(&refused, Err(Error::Corrupt { what, .. }) if what == "pointer"), "{:?}", refused.err());
    store.restore(&whole);
    assert!(Durable::open(store, key()).await.is_ok());
}
