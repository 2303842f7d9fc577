//! The agent's durable copy of what it was told and of what it owns: named records, grouped, compressed, sealed and kept as immutable chunks.
//!
//! ```text
//! record --hash of its name--> bucket --records--> bytes --zstd--> --seal--> chunks of at most 900 KiB
//!                                                                    pointer: bucket -> chunks, the one write that makes them true
//! ```
//!
//! Where chunks can grow (a directory), one of them is the journal: a write is one sealed frame at its end, and now and then what it says goes into the
//! buckets. Elsewhere (Secrets) each write is of the buckets that it changes.
//!
//! This module knows nothing of what the records say. It promises that a write that returned is still there after a crash at any moment, that one that
//! failed left the records as they were, and that nothing readable reaches the store.

mod bucket;
mod chunks;
mod directory;
mod durable;
mod fold;
mod journal;
mod packed;
mod pointer;
mod records;
mod seal;
mod secrets;
mod writer;

#[cfg(test)]
mod tests;

pub use chunks::{ChunkStore, MAX_CHUNK};
pub use directory::DirectoryChunks;
pub use durable::Durable;
pub use seal::SealKey;
pub use secrets::SecretChunks;

/// One record to set, or to remove with `None`.
pub type Change = (String, Option<bytes::Bytes>);

/// Why records could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The store has no room left. Nothing was changed.
    #[error("the agent's durable copy has no room: {0}")]
    Full(String),
    /// The cluster does not permit the agent to keep it. Nothing was changed.
    #[error("the agent may not keep its durable copy: {0}")]
    Forbidden(String),
    /// What is stored is not what was written.
    #[error("the agent's durable copy is damaged: {what} {why}")]
    Corrupt {
        /// Which part.
        what: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The records were sealed under another key.
    #[error("the agent's durable copy was sealed under another key")]
    WrongKey,
    /// The records were written by a newer agent.
    #[error(
        "the agent's durable copy has format {found}, and this agent reads format {known}: it was written by a newer agent"
    )]
    TooNew {
        /// Its format.
        found: u8,
        /// The newest that is read.
        known: u8,
    },
    /// Another process or replica holds the store.
    #[error("the durable copy is in use by another agent: {0}")]
    InUse(String),
    /// The store failed. Whether the last change is in it is only known after the next write or open; the records in memory are as before.
    #[error("the agent's durable copy: {0}")]
    Io(String),
    /// The records were closed, or their writer was lost.
    #[error("the agent's durable copy is closed")]
    Closed,
}

// === impl Error ===

impl Error {
    /// Whether the same write may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Forbidden(_) | Self::Io(_))
    }

    /// An I/O error of the store, with what was being done.
    pub fn of_io(doing: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        let message = format!("{doing}: {error}");
        if matches!(error.kind(), StorageFull | QuotaExceeded) { Self::Full(message) } else { Self::Io(message) }
    }
}
