//! What a store of chunks must do; where it keeps them is its own affair.

use async_trait::async_trait;

use super::Error;

/// The longest chunk that is ever written, in bytes: a Kubernetes Secret holds it with room to spare.
pub const MAX_CHUNK: usize = 900 * 1024;

/// A place for immutable chunks and one pointer. Names are those of lower-case letters, digits and dashes, and are never used twice.
///
/// When the pointer's write returns, it and every chunk written before it are durable, and at no moment does a crash leave a pointer without its chunks.
/// There is one writer at a time.
#[async_trait]
pub trait ChunkStore: Send + Sync {
    /// The pointer as last written; `None` before the first write.
    async fn read_pointer(&self) -> Result<Option<Vec<u8>>, Error>;

    /// Replaces the pointer atomically: a reader sees the old or the new one. After an error it may be either.
    async fn write_pointer(&self, bytes: &[u8]) -> Result<(), Error>;

    /// A chunk's bytes; an error of kind [`Error::Corrupt`] when it is not there.
    async fn read_chunk(&self, name: &str) -> Result<Vec<u8>, Error>;

    /// Writes a new chunk of at most [`MAX_CHUNK`] bytes. A crash before the next pointer write may leave it, a part of it, or nothing.
    async fn write_chunk(&self, name: &str, bytes: &[u8]) -> Result<(), Error>;

    /// Removes a chunk; one that is not there is fine. Need not be durable: what comes back after a crash is collected at the next open.
    async fn delete_chunk(&self, name: &str) -> Result<(), Error>;

    /// The names of all chunks, those of interrupted writes too.
    async fn list_chunks(&self) -> Result<Vec<String>, Error>;

    /// Whether [`append`](Self::append) works.
    fn appends(&self) -> bool {
        false
    }

    /// Writes at `at` bytes of a chunk that a pointer names, in place of whatever is there and after it. When it returns, the bytes are durable; after an
    /// error, or a crash on the way, anything may be there from `at` on. A chunk that is appended to may grow beyond [`MAX_CHUNK`].
    async fn append(&self, name: &str, at: u64, bytes: &[u8]) -> Result<(), Error> {
        let (_, _) = (at, bytes);
        Err(Error::Io(format!("chunk {name} cannot be appended to")))
    }

    /// How many bytes of chunks a pointer may lead to; while one replaces another there may be twice as many for a moment.
    fn budget(&self) -> Option<u64> {
        None
    }
}
