//! The journal, cut off and damaged at every byte of it.

use super::store::{Failing, MemoryChunks};
use super::*;
use crate::desired::DirectoryChunks;

/// A copy whose last three writes are frames of the journal, and how long the journal was before each and after all.
async fn written() -> (MemoryChunks, Vec<usize>) {
    let store = MemoryChunks::appending();
    let durable = Durable::open(store.clone(), key()).await.expect("opens");
    durable.write(vec![set("first", "in a bucket")]).await.expect("writes");
    let mut lengths = vec![0];
    for change in [set("row", "1"), set("row", "2"), gone("first")] {
        durable.write(vec![change]).await.expect("writes");
        lengths.push(store.journal().len());
    }
    assert_eq!(store.pointer_writes(), 1, "a write is one frame");
    (store, lengths)
}

fn all(durable: &Durable) -> Vec<(String, String)> {
    let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
    durable.with_prefix("").into_iter().map(|(name, bytes)| (name, text(bytes))).collect()
}

/// What the records are after so many frames.
fn after(frames: usize) -> Vec<(String, String)> {
    let pair = |(name, content): (&str, &str)| (name.to_owned(), content.to_owned());
    match frames {
        0 => [("first", "in a bucket")].map(pair).to_vec(),
        1 => [("first", "in a bucket"), ("row", "1")].map(pair).to_vec(),
        2 => [("first", "in a bucket"), ("row", "2")].map(pair).to_vec(),
        _ => [("row", "2")].map(pair).to_vec(),
    }
}

#[tokio::test]
async fn a_journal_that_ends_at_any_byte_holds_the_whole_frames_before_it_and_goes_on() {
    let (whole, lengths) = written().await;
    let bytes = whole.journal();
    for end in 0..=bytes.len() {
        for rest in [&b""[..], &[0; 40], b"wljf\x03\0\0\0\0\0\0\0\x04\0\0\0noise"] {
            let store = whole.snapshot();
            store.set_journal(&[&bytes[..end], rest].concat());
            let frames = lengths.iter().filter(|length| **length <= end).count() - 1;
            let durable = Durable::open(store.clone(), key()).await.expect("opens");
            assert_eq!(all(&durable), after(frames), "cut at {end}");
            durable.write(vec![set("next", "yes")]).await.expect("writes");
            durable.close().await;
            let again = Durable::open(store, key()).await.expect("opens");
            assert_eq!(text(&again, "next").as_deref(), Some("yes"), "cut at {end}");
            assert_eq!(all(&again).len(), after(frames).len() + 1, "cut at {end}");
        }
    }
}

#[tokio::test]
async fn a_damaged_frame_with_another_after_it_is_named_and_nothing_is_removed() {
    let (whole, lengths) = written().await;
    let bytes = whole.journal();
    for at in 0..bytes.len() {
        let store = whole.snapshot();
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        store.set_journal(&damaged);
        let opened = Durable::open(store.clone(), key()).await;
        if at < lengths[lengths.len() - 2] {
            let error = opened.err();
            assert!(
                matches!(&error, Some(Error::Corrupt { what, .. }) if what.starts_with("journal ")),
                "{at}: {error:?}"
            );
            assert_eq!(store.journal(), damaged);
        } else {
            assert_eq!(all(&opened.expect("the last frame may have been cut off")), after(2));
        }
    }
}

#[tokio::test]
async fn frames_are_neither_moved_nor_repeated_nor_taken_from_elsewhere() {
    let (whole, lengths) = written().await;
    let bytes = whole.journal();
    let repeated = [&bytes[..], &bytes[lengths[1]..lengths[2]]].concat();
    let (other, other_lengths) = written().await;
    let foreign = [&bytes[..lengths[2]], &other.journal()[other_lengths[2]..]].concat();
    for (journal, frames) in [(repeated, 3), (foreign, 2)] {
        let store = whole.snapshot();
        store.set_journal(&journal);
        assert_eq!(all(&Durable::open(store, key()).await.expect("opens")), after(frames));
    }
}

#[tokio::test]
async fn what_the_journal_says_goes_into_the_buckets_and_it_begins_anew() {
    let store = MemoryChunks::appending();
    let durable = Durable::open(store.clone(), key()).await.expect("opens");
    for n in 0..40 {
        durable.write(vec![(format!("content/{}", n % 30), Some(noise(200 * 1024)))]).await.expect("writes");
    }
    let folded = store.pointer_writes();
    assert!((2..30).contains(&folded), "{folded} of 40 writes wrote a pointer");
    durable.close().await;
    let again = Durable::open(store.clone(), key()).await.expect("opens");
    assert!(again.with_prefix("").into_iter().eq(durable.with_prefix("")));
    assert_eq!(again.names("content/").len(), 30);
}

#[tokio::test]
async fn after_a_frame_whose_answer_was_lost_the_next_write_asks_nothing_of_the_journal() {
    let (store, _) = written().await;
    let durable = Durable::open(store.clone(), key()).await.expect("opens");
    store.fail_after(0, Failing::After);
    assert!(durable.write(vec![set("row", "lost")]).await.is_err());
    assert_eq!(text(&durable, "row").as_deref(), Some("2"));
    store.heal();
    durable.write(vec![set("other", "x")]).await.expect("writes");
    assert_eq!(store.pointer_writes(), 2);
    durable.close().await;
    let again = Durable::open(store, key()).await.expect("opens");
    assert_eq!((text(&again, "row").as_deref(), text(&again, "other").as_deref()), (Some("2"), Some("x")));
}

#[tokio::test]
async fn a_copy_of_an_agent_without_journals_is_read_and_gets_one() {
    let old = MemoryChunks::default();
    let durable = Durable::open(old.clone(), key()).await.expect("opens");
    durable.write(vec![set("a", "1"), set("b", "2")]).await.expect("writes");
    durable.close().await;
    let store = old.made_appending();
    let durable = Durable::open(store.clone(), key()).await.expect("opens");
    assert_eq!(text(&durable, "a").as_deref(), Some("1"));
    durable.write(vec![set("a", "3")]).await.expect("writes");
    durable.write(vec![gone("b")]).await.expect("writes");
    assert!(!store.journal().is_empty());
    durable.close().await;
    let again = Durable::open(store, key()).await.expect("opens");
    assert_eq!(all(&again), [("a".to_owned(), "3".to_owned())]);
}

#[tokio::test]
async fn a_torn_file_is_cut_and_a_shorter_one_is_refused() {
    let folder = tempfile::tempdir().expect("a directory");
    let open = async || Durable::open(DirectoryChunks::open(folder.path()).await.expect("the store"), key()).await;
    let durable = open().await.expect("opens");
    for n in 0..3 {
        durable.write(vec![set("row", &n.to_string())]).await.expect("writes");
    }
    durable.close().await;
    let files = std::fs::read_dir(folder.path()).expect("a directory").map(|entry| entry.expect("an entry").path());
    let holds = |path: &std::path::PathBuf| std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"wljf"));
    let journal = files.into_iter().find(holds).expect("a journal");
    let bytes = std::fs::read(&journal).expect("bytes");
    std::fs::write(&journal, [&bytes[..], &bytes[..bytes.len() / 2 - 5]].concat()).expect("writes");
    let durable = open().await.expect("opens");
    assert_eq!(text(&durable, "row").as_deref(), Some("2"));
    durable.write(vec![set("row", "3")]).await.expect("writes");
    std::fs::write(&journal, b"").expect("somebody empties it");
    assert!(matches!(durable.write(vec![set("row", "4")]).await, Err(Error::Io(_))));
    durable.write(vec![set("row", "5")]).await.expect("the buckets take it");
    durable.close().await;
    assert_eq!(text(&open().await.expect("opens"), "row").as_deref(), Some("5"));
}
