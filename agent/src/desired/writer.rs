//! The one task that writes: it takes all writes that wait, and makes them true by one frame of the journal, or by one pointer write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};

use super::chunks::ChunkStore;
use super::journal::Journal;
use super::pointer::Pointer;
use super::records::{Records, bucket_of, size_of};
use super::seal::Sealer;
use super::{Change, Error};

/// How many writes are made together.
const MAX_BATCH: usize = 1024;
/// A journal is as long as the buckets are, or this long where they are shorter, before they are written: each byte is then written twice or thrice.
const MIN_JOURNAL: u64 = 1024 * 1024;
/// What is more, in bytes before compression, goes to the buckets at once.
const MAX_APPENDED: u64 = 8 * 1024 * 1024;

/// What a [`Durable`](super::Durable) asks of its writer.
pub(super) enum Command {
    Write { changes: Vec<Change>, done: oneshot::Sender<Result<(), Error>> },
    Close { done: oneshot::Sender<()> },
}

/// The owner of the store.
pub(super) struct Writer {
    pub(super) store: Arc<dyn ChunkStore>,
    pub(super) sealer: Sealer,
    pub(super) stored: Stored,
    /// Written here only, and only what is durable.
    pub(super) records: Arc<RwLock<Records>>,
    /// Chunks that no pointer will name again, once the next pointer write has succeeded.
    pub(super) garbage: Vec<String>,
    /// A write failed, and may yet be there: the next one goes to the buckets, and what it makes of the journal is not asked.
    pub(super) doubtful: bool,
}

/// What the store holds, as far as is known.
pub(super) struct Stored {
    pub(super) pointer: Pointer,
    /// `None` where the store cannot append, and before the first write.
    pub(super) journal: Option<Journal>,
    /// Buckets that the journal has changes of.
    pub(super) stale: BTreeSet<u32>,
}

/// What a batch of writes comes to: for each changed record its new content, `None` when it goes.
pub(super) type Changes = BTreeMap<String, Option<Bytes>>;

// === impl Writer ===

impl Writer {
    pub(super) fn new(
        store: Arc<dyn ChunkStore>,
        sealer: Sealer,
        stored: Stored,
        records: Arc<RwLock<Records>>,
    ) -> Self {
        Self { store, sealer, stored, records, garbage: Vec::new(), doubtful: false }
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
        {
            let records = self.records.read();
            changes.retain(|name, content| records.get(name) != *content);
        }
        if changes.is_empty() {
            return Ok(());
        }
        match self.journal_for(&changes) {
            Some(journal) => self.append(journal, &changes).await?,
            None => self.fold(&changes).await?,
        }
        let mut records = self.records.write();
        for (name, content) in changes {
            records.set(&name, content.as_deref());
        }
        Ok(())
    }

    /// The journal, where the changes may go there.
    fn journal_for(&self, changes: &Changes) -> Option<Journal> {
        let journal = self.stored.journal.as_ref().filter(|_| !self.doubtful)?;
        let added: u64 =
            changes.iter().map(|(name, content)| size_of(name, content.as_ref().map_or(0, Bytes::len))).sum();
        let most = self.stored.pointer.stored().max(MIN_JOURNAL);
        (journal.length < most && added <= MAX_APPENDED).then(|| journal.clone())
    }

    /// One frame, and nothing else.
    async fn append(&mut self, mut journal: Journal, changes: &Changes) -> Result<(), Error> {
        fail::fail_point!("agent::persist::before_pointer", |_| Err(Error::Io("failpoint".into())));
        let named = changes.iter().map(|(name, content)| (name.as_str(), content.as_deref()));
        let frame = journal.frame(named, &self.sealer)?;
        if let Err(error) = self.store.append(&journal.name, journal.length, &frame).await {
            self.doubtful = true;
            return Err(error);
        }
        fail::fail_point!("agent::persist::after_pointer");
        journal.appended(&frame);
        self.stored.journal = Some(journal);
        let count = self.stored.pointer.count();
        self.stored.stale.extend(changes.keys().map(|name| bucket_of(name, count)));
        Ok(())
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
