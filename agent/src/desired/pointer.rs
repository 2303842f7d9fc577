//! The pointer: which chunks are the records.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use windlass_domain::digest::Digest;

use super::Error;
use super::seal::{FORMAT, Purpose, Sealer, WITH_JOURNAL};

const MAGIC: &[u8; 8] = b"windlass";
/// Magic, format, key id.
const HEADER: usize = 8 + 1 + 16;

/// What the pointer says. There are as many buckets as the list has, a power of two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pointer {
    pub(super) buckets: Vec<BucketChunks>,
    /// The chunk that what changed since is appended to, where the store can do that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) journal: Option<String>,
}

/// Where one bucket is: its chunks in order; none when it has no records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BucketChunks {
    /// Bytes of the records before compression: the limit for decompression, and what the number of buckets is chosen by.
    pub(super) size: u64,
    /// Bytes of its chunks; 0 in what an agent of before it was counted wrote.
    #[serde(default)]
    pub(super) stored: u64,
    pub(super) chunks: Vec<ChunkReference>,
}

/// A chunk and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChunkReference {
    pub(super) name: String,
    pub(super) digest: Digest,
}

// === impl Pointer ===

impl Pointer {
    /// One of no records.
    pub(super) fn empty() -> Self {
        Self { buckets: vec![BucketChunks::default()], journal: None }
    }

    pub(super) fn to_bytes(&self, sealer: &Sealer) -> Result<Vec<u8>, Error> {
        let plain = serde_json::to_vec(self).map_err(|error| Error::Io(error.to_string()))?;
        let mut bytes = Vec::with_capacity(HEADER + plain.len() + 64);
        bytes.extend_from_slice(MAGIC);
        bytes.push(if self.journal.is_some() { WITH_JOURNAL } else { FORMAT });
        bytes.extend_from_slice(sealer.key_id());
        bytes.extend(sealer.seal(Purpose::Pointer, plain)?);
        Ok(bytes)
    }

    pub(super) fn from_bytes(bytes: &[u8], sealer: &Sealer) -> Result<Self, Error> {
        let damaged = |why| Error::Corrupt { what: "pointer".into(), why };
        let (header, sealed) = bytes.split_at_checked(HEADER).ok_or_else(|| damaged("is too short"))?;
        if !header.starts_with(MAGIC) {
            return Err(damaged("is not one of an agent"));
        }
        match header[MAGIC.len()] {
            FORMAT | WITH_JOURNAL => {}
            found => return Err(Error::TooNew { found, known: WITH_JOURNAL }),
        }
        if header[MAGIC.len() + 1..] != *sealer.key_id() {
            return Err(Error::WrongKey);
        }
        let plain = sealer.open(Purpose::Pointer, sealed)?;
        let pointer: Self =
            serde_json::from_slice(&plain).map_err(|_| damaged("is not of the form that is written"))?;
        if !pointer.buckets.len().is_power_of_two() || u32::try_from(pointer.buckets.len()).is_err() {
            return Err(damaged("has a number of buckets that is never written"));
        }
        Ok(pointer)
    }

    /// How many buckets there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.buckets.len()).unwrap_or(u32::MAX)
    }

    /// Bytes of all chunks.
    pub(super) fn stored(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.stored).sum()
    }

    /// The names of all chunks in use.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.buckets.iter().flat_map(BucketChunks::names).chain(self.journal.as_deref()).collect()
    }
}

// === impl BucketChunks ===

impl BucketChunks {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.chunks.iter().map(|chunk| chunk.name.as_str())
    }
}
