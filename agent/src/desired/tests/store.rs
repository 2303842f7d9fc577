//! A store in memory that shows what reached it, and that stops working when it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::desired::{ChunkStore, Error};

/// Clones share everything.
#[derive(Clone, Default)]
pub(super) struct MemoryChunks {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Clone, Default)]
struct Inner {
    pointer: Option<Vec<u8>>,
    chunks: BTreeMap<String, Vec<u8>>,
    pointer_writes: usize,
    appends: bool,
    /// The chunk that was appended to last.
    appended: Option<String>,
    /// Changes of the store that still succeed; `None` for all.
    left: Option<usize>,
    /// How those fail that do not.
    failing: Failing,
}

/// What a change that fails does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Failing {
    /// Nothing.
    #[default]
    Before,
    /// All of it, but says that it failed: a lost answer.
    After,
    /// Nothing: there is no room.
    Full,
}

// === impl MemoryChunks ===

impl MemoryChunks {
    /// One whose chunks can grow.
    pub(super) fn appending() -> Self {
        let store = Self::default();
        store.inner.lock().appends = true;
        store
    }

    /// The same chunks and pointer, that can grow from now on.
    pub(super) fn made_appending(&self) -> Self {
        self.inner.lock().appends = true;
        self.clone()
    }

    /// The bytes of the chunk that was appended to last.
    pub(super) fn journal(&self) -> Vec<u8> {
        let inner = self.inner.lock();
        inner.appended.as_ref().and_then(|name| inner.chunks.get(name)).cloned().unwrap_or_default()
    }

    /// Puts other bytes in its place.
    pub(super) fn set_journal(&self, bytes: &[u8]) {
        let mut inner = self.inner.lock();
        if let Some(name) = inner.appended.clone() {
            inner.chunks.insert(name, bytes.to_vec());
        }
    }

    /// From now on only so many changes succeed.
    pub(super) fn fail_after(&self, changes: usize, failing: Failing) {
        let mut inner = self.inner.lock();
        (inner.left, inner.failing) = (Some(changes), failing);
    }

    /// Everything works again.
    pub(super) fn heal(&self) {
        self.inner.lock().left = None;
    }

    pub(super) fn names(&self) -> BTreeSet<String> {
        self.inner.lock().chunks.keys().cloned().collect()
    }

    pub(super) fn longest(&self) -> usize {
        self.inner.lock().chunks.values().map(Vec::len).max().unwrap_or_default()
    }

    pub(super) fn pointer_writes(&self) -> usize {
        self.inner.lock().pointer_writes
    }

    /// A copy that shares nothing.
    pub(super) fn snapshot(&self) -> Self {
        Self { inner: Arc::new(Mutex::new(self.inner.lock().clone())) }
    }

    pub(super) fn restore(&self, whole: &Self) {
        let inner = whole.inner.lock().clone();
        *self.inner.lock() = inner;
    }

    pub(super) fn damage_chunks(&self) {
        for bytes in self.inner.lock().chunks.values_mut() {
            if let Some(byte) = bytes.get_mut(20) {
                *byte ^= 1;
            }
        }
    }

    pub(super) fn damage_pointer(&self) {
        if let Some(last) = self.inner.lock().pointer.as_mut().and_then(|bytes| bytes.last_mut()) {
            *last ^= 1;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) -> Result<(), Error> {
        let mut inner = self.inner.lock();
        match inner.left {
            None => change(&mut inner),
            Some(0) => {
                if inner.failing == Failing::After {
                    change(&mut inner);
                }
                let text = "told to fail".to_owned();
                return Err(if inner.failing == Failing::Full { Error::Full(text) } else { Error::Io(text) });
            }
            Some(left) => {
                inner.left = Some(left - 1);
                change(&mut inner);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl ChunkStore for MemoryChunks {
    async fn read_pointer(&self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.inner.lock().pointer.clone())
    }

    async fn write_pointer(&self, bytes: &[u8]) -> Result<(), Error> {
        self.change(|inner| {
            inner.pointer = Some(bytes.to_vec());
            inner.pointer_writes += 1;
        })
    }

    async fn read_chunk(&self, name: &str) -> Result<Vec<u8>, Error> {
        let missing = || Error::Corrupt { what: name.to_owned(), why: "is missing" };
        self.inner.lock().chunks.get(name).cloned().ok_or_else(missing)
    }

    async fn write_chunk(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.change(|inner| {
            let before = inner.chunks.insert(name.to_owned(), bytes.to_vec());
            assert!(before.is_none(), "a chunk is never written twice");
        })
    }

    fn appends(&self) -> bool {
        self.inner.lock().appends
    }

    async fn append(&self, name: &str, at: u64, bytes: &[u8]) -> Result<(), Error> {
        let at = usize::try_from(at).map_err(|error| Error::Io(error.to_string()))?;
        self.change(|inner| {
            inner.appended = Some(name.to_owned());
            let Some(chunk) = inner.chunks.get_mut(name) else { panic!("there is no chunk {name}") };
            assert!(chunk.len() >= at, "nothing is left out");
            chunk.truncate(at);
            chunk.extend_from_slice(bytes);
        })
    }

    async fn delete_chunk(&self, name: &str) -> Result<(), Error> {
        self.change(|inner| {
            inner.chunks.remove(name);
        })
    }

    async fn list_chunks(&self) -> Result<Vec<String>, Error> {
        Ok(self.names().into_iter().collect())
    }
}
