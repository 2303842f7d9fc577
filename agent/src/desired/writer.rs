//! The one task that writes: it takes all writes that wait, and makes them true by one pointer write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};

use super::bucket::{Prepared, prepare};
use super::chunks::ChunkStore;
use super::pointer::{BucketChunks, Pointer};
use super::records::{Records, bucket_of};
use super::seal::Sealer;
use super::{Change, Error};

/// The average bucket stays below this, in bytes before compression: it is what the smallest change rewrites.
const MAX_AVERAGE: u64 = 256 * 1024;
/// More would not make writes cheaper, only the pointer longer.
const MAX_BUCKETS: u32 = 4096;
/// How many writes are made together.
const MAX_BATCH: usize = 1024;
/// How many chunks are on their way to the store at once.
const CONCURRENT: usize = 8;

/// What a [`Durable`](super::Durable) asks of its writer.
pub(super) enum Command {
    Write { changes: Vec<Change>, done: oneshot::Sender<Result<(), Error>> },
    Close { done: oneshot::Sender<()> },
}

/// The owner of the store.
pub(super) struct Writer {
    store: Arc<dyn ChunkStore>,
    sealer: Sealer,
    /// What the store's pointer says, as far as is known.
    pointer: Pointer,
    /// Written here only, and only what is durable.
    records: Arc<RwLock<Records>>,
    /// Chunks that no pointer will name again, once the next pointer write has succeeded.
    garbage: Vec<String>,
}

/// What a batch of writes comes to: for each changed record its new content, `None` when it goes.
type Changes = BTreeMap<String, Option<Bytes>>;

// === impl Writer ===

impl Writer {
    pub(super) fn new(
        store: Arc<dyn ChunkStore>,
        sealer: Sealer,
        pointer: Pointer,
        records: Arc<RwLock<Records>>,
    ) -> Self {
        Self { store, sealer, pointer, records, garbage: Vec::new() }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        let mut batch = Vec::new();
        while inbox.recv_many(&mut batch, MAX_BATCH).await > 0 {
            let (mut changes, mut waiting, mut closing) = (Changes::new(), Vec::new(), Vec::new());
            for command in batch.drain(..) {
                match command {
                    Command::Write { changes: more, done } if closing.is_empty() => {
                        changes.extend(more);
                        waiting.push(done);
                    }
                    Command::Write { done, .. } => answer(done, Err(Error::Closed)),
                    Command::Close { done } => closing.push(done),
                }
            }
            let result = self.commit(changes).await;
            for done in waiting {
                answer(done, result.clone());
            }
            self.collect_garbage().await;
            if !closing.is_empty() {
                drop(self);
                for done in closing {
                    let _ = done.send(());
                }
                return;
            }
        }
    }

    /// Makes a batch durable, then visible.
    async fn commit(&mut self, mut changes: Changes) -> Result<(), Error> {
        changes.retain(|name, content| self.records.read().get(name) != content.as_ref());
        if changes.is_empty() {
            return Ok(());
        }
        let (pointer, prepared) = self.prepare(&changes)?;
        self.check_budget(&pointer)?;
        let new: Vec<String> = prepared.iter().flat_map(|bucket| bucket.reference.names().map(str::to_owned)).collect();
        if let Err(error) = self.write_chunks(&prepared).await {
            // The pointer was not touched: they can go at once, and where there is no room they must.
            self.garbage.extend(new);
            return Err(error);
        }
        self.write_pointer(&pointer, new).await?;
        let kept: BTreeSet<&str> = pointer.names();
        self.garbage.extend(self.pointer.names().difference(&kept).map(|name| (*name).to_owned()));
        self.pointer = pointer;
        apply(&mut self.records.write(), changes);
        Ok(())
    }

    /// The pointer as it will be, and the buckets that must be written for it.
    fn prepare(&self, changes: &Changes) -> Result<(Pointer, Vec<Prepared>), Error> {
        let records = self.records.read();
        let merged = || {
            let kept = records.iter().filter(|(name, _)| !changes.contains_key(*name));
            let set = changes.iter().filter_map(|(name, content)| Some((name, content.as_ref()?)));
            kept.chain(set).map(|(name, content)| (name.as_str(), content))
        };
        let count = self.count_for(&records, changes);
        let changed: BTreeSet<u32> = match count == self.pointer.count() {
            true => changes.keys().map(|name| bucket_of(name, count)).collect(),
            false => (0..count).collect(),
        };
        let mut contents: BTreeMap<u32, BTreeMap<&str, &Bytes>> =
            changed.iter().map(|&bucket| (bucket, BTreeMap::new())).collect();
        for (name, content) in merged() {
            if let Some(bucket) = contents.get_mut(&bucket_of(name, count)) {
                bucket.insert(name, content);
            }
        }
        let mut pointer = self.pointer.clone();
        pointer.buckets.resize(count as usize, BucketChunks::default());
        let mut prepared = Vec::with_capacity(contents.len());
        for (bucket, records) in contents {
            let one = prepare(bucket, records.into_iter(), &self.sealer)?;
            pointer.buckets[bucket as usize] = one.reference.clone();
            prepared.push(one);
        }
        Ok((pointer, prepared))
    }

    /// What makes the copy smaller is let through whatever it comes to: it is how there is room again.
    fn check_budget(&self, next: &Pointer) -> Result<(), Error> {
        let Some(budget) = self.store.budget() else { return Ok(()) };
        let stored = next.stored();
        if stored <= budget || stored < self.pointer.stored() {
            return Ok(());
        }
        let mib = |bytes: u64| bytes.div_ceil(1024 * 1024);
        Err(Error::Full(format!(
            "it would take {} MiB of the cluster's Secrets, and {} MiB is the most",
            mib(stored),
            mib(budget)
        )))
    }

    /// How many buckets there should be. It only grows, to twice what is needed, so that it rarely does.
    fn count_for(&self, records: &Records, changes: &Changes) -> u32 {
        let size =
            |name: &str, content: Option<&Bytes>| content.map_or(0, |content| (name.len() + content.len() + 8) as u64);
        let added: u64 = changes.iter().map(|(name, content)| size(name, content.as_ref())).sum();
        let replaced: u64 = changes.keys().map(|name| size(name, records.get(name))).sum();
        let stored: u64 = self.pointer.buckets.iter().map(|bucket| bucket.size).sum();
        let total = (stored + added).saturating_sub(replaced);
        let mut count = self.pointer.count();
        if total / u64::from(count) < MAX_AVERAGE {
            return count;
        }
        while count < MAX_BUCKETS && total / u64::from(count) >= MAX_AVERAGE / 2 {
            count *= 2;
        }
        count
    }

    async fn write_chunks(&self, prepared: &[Prepared]) -> Result<(), Error> {
        use futures::StreamExt as _;
        let chunks = prepared.iter().flat_map(|bucket| bucket.reference.names().zip(&bucket.contents));
        let writes: Vec<_> = chunks.map(|(name, content)| self.store.write_chunk(name, content)).collect();
        // All of them are waited for, so that none is still being written when it is removed again.
        let results: Vec<_> = futures::stream::iter(writes).buffer_unordered(CONCURRENT).collect().await;
        results.into_iter().collect()
    }

    async fn write_pointer(&mut self, pointer: &Pointer, new: Vec<String>) -> Result<(), Error> {
        fail::fail_point!("agent::persist::before_pointer", |_| {
            self.garbage.extend(new.clone());
            Err(Error::Io("failpoint".into()))
        });
        let bytes = pointer.to_bytes(&self.sealer)?;
        if let Err(error) = self.store.write_pointer(&bytes).await {
            self.settle(&bytes, new).await;
            return Err(error);
        }
        fail::fail_point!("agent::persist::after_pointer");
        Ok(())
    }

    /// After a failed pointer write either pointer may be there. New chunks may only go when the old one is seen to be.
    async fn settle(&mut self, written: &[u8], new: Vec<String>) {
        match self.store.read_pointer().await {
            Ok(found) if found.as_deref() != Some(written) => self.garbage.extend(new),
            _ => tracing::warn!(
                "a pointer write failed and may yet have been made; its chunks are kept until the next open"
            ),
        }
    }

    /// What cannot be removed now is removed at the next open.
    async fn collect_garbage(&mut self) {
        for name in std::mem::take(&mut self.garbage) {
            if let Err(error) = self.store.delete_chunk(&name).await {
                tracing::warn!(%error, "an old chunk is left until the next open");
            }
        }
    }
}

/// Whoever stopped waiting for it does not care.
fn answer(done: oneshot::Sender<Result<(), Error>>, result: Result<(), Error>) {
    let _ = done.send(result);
}

fn apply(records: &mut Records, changes: Changes) {
    for (name, content) in changes {
        match content {
            Some(content) => records.insert(name, content),
            None => records.remove(&name),
        };
    }
}
