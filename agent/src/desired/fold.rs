//! Writing the buckets that changed, and the pointer that makes them true. What the journal holds goes into them, and a new journal begins.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use super::Error;
use super::bucket::{Prepared, new_name, prepare};
use super::journal::Journal;
use super::pointer::{BucketChunks, Pointer};
use super::records::{Encoder, bucket_of, size_of};
use super::writer::{Changes, Stored, Writer};

/// The average bucket stays below this, in bytes before compression: it is what the smallest change rewrites.
const MAX_AVERAGE: u64 = 256 * 1024;
/// More would not make writes cheaper, only the pointer longer.
const MAX_BUCKETS: u32 = 4096;
/// How many buckets are on their way to the store at once: so many are in memory whole.
const CONCURRENT: usize = 4;

/// One rewriting of buckets.
struct Fold<'a> {
    changes: &'a Changes,
    /// The bucket of each record, in the order of the records.
    places: Vec<u32>,
    count: u32,
    /// Chunks that were written, or may have been.
    new: Mutex<Vec<String>>,
    /// What went wrong first.
    failed: Mutex<Option<Error>>,
}

impl Writer {
    /// Writes what changed, now and in the journal, into buckets.
    pub(super) async fn fold(&mut self, changes: &Changes) -> Result<(), Error> {
        let count = self.count_for(changes);
        let places = self.records.read().iter().map(|(name, _)| bucket_of(name, count)).collect();
        let fold = Fold { changes, places, count, new: Mutex::default(), failed: Mutex::default() };
        let pointer = match self.write_buckets(&fold).await {
            Ok(pointer) => pointer,
            Err(error) => {
                // The pointer was not touched: they can go at once, and where there is no room they must.
                self.garbage.extend(fold.new.into_inner());
                return Err(error);
            }
        };
        self.write_pointer(&pointer, fold.new.into_inner()).await?;
        let kept: BTreeSet<&str> = pointer.names();
        let before = self.stored.pointer.names();
        self.garbage.extend(before.difference(&kept).map(|name| (*name).to_owned()));
        let journal = pointer.journal.clone().map(Journal::empty);
        self.stored = Stored { pointer, journal, stale: BTreeSet::new() };
        self.doubtful = false;
        Ok(())
    }

    /// Writes the chunks of a new pointer.
    async fn write_buckets(&self, fold: &Fold<'_>) -> Result<Pointer, Error> {
        use futures::StreamExt as _;
        let mut pointer = self.stored.pointer.clone();
        pointer.buckets.resize(fold.count as usize, BucketChunks::default());
        let changed: BTreeSet<u32> = match fold.count == self.stored.pointer.count() {
            true => fold
                .changes
                .keys()
                .map(|name| bucket_of(name, fold.count))
                .chain(self.stored.stale.iter().copied())
                .collect(),
            false => (0..fold.count).collect(),
        };
        if self.store.budget().is_some() {
            // Compressed twice rather than held in memory whole.
            let mut next = pointer.clone();
            for bucket in &changed {
                next.buckets[*bucket as usize] = self.prepare(fold, *bucket)?.reference;
            }
            self.check_budget(&next)?;
        }
        let writes: Vec<_> = changed.into_iter().map(|bucket| self.write_bucket(fold, bucket)).collect();
        // All of them are waited for, so that none is still being written when it is removed again.
        let results: Vec<_> = futures::stream::iter(writes).buffer_unordered(CONCURRENT).collect().await;
        if let Some(error) = fold.failed.lock().clone() {
            return Err(error);
        }
        for (bucket, reference) in results.into_iter().flatten() {
            pointer.buckets[bucket as usize] = reference;
        }
        pointer.journal = self.new_journal(fold).await?;
        Ok(pointer)
    }

    /// `None` when this or another part of the same write failed.
    async fn write_bucket(&self, fold: &Fold<'_>, bucket: u32) -> Option<(u32, BucketChunks)> {
        if fold.failed.lock().is_some() {
            return None;
        }
        let written = self.write_chunks(fold, bucket).await;
        written.map_err(|error| fold.failed.lock().get_or_insert(error).clone()).ok()
    }

    async fn write_chunks(&self, fold: &Fold<'_>, bucket: u32) -> Result<(u32, BucketChunks), Error> {
        let Prepared { reference, contents } = self.prepare(fold, bucket)?;
        for (name, content) in reference.names().zip(contents) {
            fold.new.lock().push(name.to_owned());
            self.store.write_chunk(name, &content).await?;
        }
        Ok((bucket, reference))
    }

    async fn new_journal(&self, fold: &Fold<'_>) -> Result<Option<String>, Error> {
        if !self.store.appends() {
            return Ok(None);
        }
        let name = new_name();
        fold.new.lock().push(name.clone());
        self.store.write_chunk(&name, &[]).await?;
        Ok(Some(name))
    }

    /// A bucket as it will be.
    fn prepare(&self, fold: &Fold<'_>, bucket: u32) -> Result<Prepared, Error> {
        let mut encoder = Encoder::default();
        {
            let records = self.records.read();
            let here = records.iter().zip(&fold.places).filter(|(_, place)| **place == bucket);
            for ((name, packed), _) in here.filter(|((name, _), _)| !fold.changes.contains_key(*name)) {
                let lost = || Error::Io("a record in memory cannot be read".into());
                encoder.push(name, Some(&records.unpack(packed).ok_or_else(lost)?));
            }
        }
        for (name, content) in fold.changes {
            if let Some(content) = content.as_ref().filter(|_| bucket_of(name, fold.count) == bucket) {
                encoder.push(name, Some(content));
            }
        }
        prepare(bucket, &encoder.finish(), &self.sealer)
    }

    /// What makes the copy smaller is let through whatever it comes to: it is how there is room again.
    fn check_budget(&self, next: &Pointer) -> Result<(), Error> {
        let Some(budget) = self.store.budget() else { return Ok(()) };
        let stored = next.stored();
        if stored <= budget || stored < self.stored.pointer.stored() {
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
    fn count_for(&self, changes: &Changes) -> u32 {
        let records = self.records.read();
        let set = changes.iter().filter_map(|(name, content)| Some(size_of(name, content.as_ref()?.len())));
        let replaced: u64 = changes.keys().map(|name| records.size(name)).sum();
        let total = (records.plain() + set.sum::<u64>()).saturating_sub(replaced);
        let mut count = self.stored.pointer.count();
        if total / u64::from(count) < MAX_AVERAGE {
            return count;
        }
        while count < MAX_BUCKETS && total / u64::from(count) >= MAX_AVERAGE / 2 {
            count *= 2;
        }
        count
    }

    async fn write_pointer(&mut self, pointer: &Pointer, new: Vec<String>) -> Result<(), Error> {
        fail::fail_point!("agent::persist::before_pointer", |_| {
            self.garbage.extend(new.clone());
            Err(Error::Io("failpoint".into()))
        });
        let bytes = pointer.to_bytes(&self.sealer)?;
        if let Err(error) = self.store.write_pointer(&bytes).await {
            self.doubtful = true;
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
}
