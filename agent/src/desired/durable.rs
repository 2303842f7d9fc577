//! The handle: records in memory to read, and a way to the one task that writes them.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};

use super::chunks::ChunkStore;
use super::journal::Journal;
use super::pointer::Pointer;
use super::records::{Records, bucket_of};
use super::seal::{SealKey, Sealer};
use super::writer::{Command, Stored, Writer};
use super::{Change, Error, bucket};

/// How many writes wait for the writer before their callers do. It takes all that wait at once, so that more would not make it faster.
const WAITING: usize = 256;

/// Named records that survive a crash. Clones are cheap and share everything. When the last one is dropped the store is given back.
#[derive(Clone)]
pub struct Durable {
    records: Arc<RwLock<Records>>,
    commands: mpsc::Sender<Command>,
}

// === impl Durable ===

impl Durable {
    /// Reads all records of a store, removes what interrupted writes left in it, and starts its writer. Call it inside a runtime.
    ///
    /// # Errors
    /// [`Error::WrongKey`] and [`Error::Corrupt`]: nothing is removed then.
    pub async fn open(store: impl ChunkStore + 'static, key: SealKey) -> Result<Self, Error> {
        let (store, sealer): (Arc<dyn ChunkStore>, _) = (Arc::new(store), Sealer::new(&key)?);
        let pointer = match store.read_pointer().await? {
            Some(bytes) => Pointer::from_bytes(&bytes, &sealer)?,
            None => Pointer::empty(),
        };
        let mut records = Records::new()?;
        for (place, reference) in (0..).zip(&pointer.buckets) {
            let set = |name: &str, content: &[u8]| records.set(name, Some(content));
            bucket::load(place, reference, &*store, &sealer, set).await?;
        }
        let mut stale = BTreeSet::new();
        let journal = match &pointer.journal {
            Some(name) => {
                let bytes = store.read_chunk(name).await?;
                Some(Journal::replay(name, &bytes, &sealer, |name, content| {
                    records.set(name, content);
                    stale.insert(bucket_of(name, pointer.count()));
                })?)
            }
            None => None,
        };
        collect_garbage(&*store, &pointer).await?;
        let records = Arc::new(RwLock::new(records));
        let (commands, inbox) = mpsc::channel(WAITING);
        tokio::spawn(Writer::new(store, sealer, Stored { pointer, journal, stale }, records.clone()).run(inbox));
        Ok(Self { records, commands })
    }

    /// A record, as the last successful write left it.
    pub fn read(&self, name: &str) -> Option<Bytes> {
        self.records.read().get(name)
    }

    /// Whether a record is there: cheaper than reading it.
    pub fn contains(&self, name: &str) -> bool {
        self.records.read().contains(name)
    }

    /// The names of all records whose names start with `prefix`, in order.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        self.records.read().names(prefix).map(str::to_owned).collect()
    }

    /// All records whose names start with `prefix`, by name.
    pub fn with_prefix(&self, prefix: &str) -> Vec<(String, Bytes)> {
        let records = self.records.read();
        records.names(prefix).filter_map(|name| Some((name.to_owned(), records.get(name)?))).collect()
    }

    /// Sets and removes records, all of them or none. Returns when the change is durable, and only then can it be read. Writes that wait at the same time
    /// are made together, in the order of their calls; one that changes nothing costs nothing. Dropping the future does not take the write back.
    ///
    /// # Errors
    /// The records are then as before.
    pub async fn write(&self, changes: Vec<Change>) -> Result<(), Error> {
        let (done, answer) = oneshot::channel();
        self.commands.send(Command::Write { changes, done }).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Ends the writer after the writes before it, and gives the store back. Reads go on, writes fail.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close { done }).await.is_ok() {
            // An error means that the writer is gone already.
            let _ = closed.await;
        }
    }
}

async fn collect_garbage(store: &dyn ChunkStore, pointer: &Pointer) -> Result<(), Error> {
    let used = pointer.names();
    for name in store.list_chunks().await? {
        if !used.contains(name.as_str()) {
            store.delete_chunk(&name).await?;
        }
    }
    Ok(())
}
