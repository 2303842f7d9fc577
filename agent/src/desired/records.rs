//! Records in memory, and the plain form in which they are stored.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use super::Error;
use super::packed::{Packed, Packer};

/// Marks a record that goes, where a length would be. No content is as long: what a hub may send is bounded far below.
const GONE: u32 = u32::MAX;
/// What a record takes beside its name and content.
const LENGTHS: u64 = 8;

/// Named records.
pub(super) struct Records {
    packer: Packer,
    named: BTreeMap<Box<str>, Packed>,
    /// Bytes of all of them in plain form.
    plain: u64,
}

/// Records on their way to the plain form, each with its length: u32 (little endian) and name, u32 and content.
#[derive(Default)]
pub(super) struct Encoder(Vec<u8>);

// === impl Records ===

impl Records {
    /// None yet.
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self { packer: Packer::new()?, named: BTreeMap::new(), plain: 0 })
    }

    /// A record's content.
    pub(super) fn get(&self, name: &str) -> Option<Bytes> {
        self.unpack(self.named.get(name)?)
    }

    /// Whether a record is there.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }

    /// Bytes of a record in plain form; 0 for one that is not there.
    pub(super) fn size(&self, name: &str) -> u64 {
        self.named.get(name).map_or(0, |packed| size_of(name, packed.length()))
    }

    /// Bytes of all records in plain form.
    pub(super) fn plain(&self) -> u64 {
        self.plain
    }

    /// Sets a record, or removes it.
    pub(super) fn set(&mut self, name: &str, content: Option<&[u8]>) {
        self.plain -= self.size(name);
        match content {
            Some(content) => {
                self.plain += size_of(name, content.len());
                self.named.insert(name.into(), self.packer.pack(content));
            }
            None => {
                self.named.remove(name);
            }
        }
    }

    /// Names that start with `prefix`, in order.
    pub(super) fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let from = self.named.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.map(|(name, _)| &**name).take_while(move |name| name.starts_with(prefix))
    }

    /// All records.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Packed)> {
        self.named.iter().map(|(name, packed)| (&**name, packed))
    }

    /// What [`iter`](Self::iter) gave, as it was set.
    pub(super) fn unpack(&self, packed: &Packed) -> Option<Bytes> {
        let content = self.packer.unpack(packed);
        content.inspect_err(|error| tracing::error!(%error, "a record is lost until the agent starts again")).ok()
    }
}

// === impl Encoder ===

impl Encoder {
    /// Adds a record, or the removal of one.
    pub(super) fn push(&mut self, name: &str, content: Option<&[u8]>) {
        self.part(name.as_bytes());
        match content {
            Some(content) => self.part(content),
            None => self.0.extend_from_slice(&GONE.to_le_bytes()),
        }
    }

    /// The plain form.
    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn part(&mut self, part: &[u8]) {
        self.0.extend_from_slice(&u32::try_from(part.len()).unwrap_or(GONE - 1).to_le_bytes());
        self.0.extend_from_slice(part);
    }
}

/// Reads an [`Encoder`]'s bytes back and passes on each record, `None` for one that goes; `false` when they are something else.
pub(super) fn decode(mut bytes: &[u8], mut each: impl FnMut(&str, Option<&[u8]>)) -> bool {
    while !bytes.is_empty() {
        let Some(Some(name)) = part(&mut bytes) else { return false };
        let Ok(name) = std::str::from_utf8(name) else { return false };
        let Some(content) = part(&mut bytes) else { return false };
        each(name, content);
    }
    true
}

/// Which of `buckets` (a power of two) a record is in. Part of the stored form: it must never change.
pub(super) fn bucket_of(name: &str, buckets: u32) -> u32 {
    // FNV-1a, 32 bits, folded so that the low bits depend on all of them.
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 16)) & (buckets - 1)
}

/// Bytes of a record in plain form.
pub(super) fn size_of(name: &str, content: usize) -> u64 {
    (name.len() + content) as u64 + LENGTHS
}

/// One part, and what comes after it; `Some(None)` for the mark of a removal.
fn part<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length);
    if length == GONE {
        *rest = after;
        return Some(None);
    }
    let (part, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(Some(part))
}
