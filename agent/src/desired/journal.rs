//! The journal: what changed since the buckets were last written, one frame a write, at the end of a chunk that grows.
//!
//! ```text
//! magic (4) | number (8) | length (4) | sealed: length before compression (8), zstd of the changes
//! ```
//!
//! A frame is sealed for its journal and its number, so that none can be moved, repeated or taken from elsewhere. A write that was cut off leaves a part of
//! one frame at the end, and nothing after it: that is cut away, and was never answered. A frame that cannot be read and has another after it is damage.

use super::Error;
use super::records::{Encoder, decode};
use super::seal::{Purpose, Sealer};

/// zstd's cheapest level: what is stored is written often and read once.
const LEVEL: i32 = 1;
const MAGIC: &[u8; 4] = b"wljf";
/// Magic, number, length.
const HEADER: usize = 4 + 8 + 4;
/// More than a frame is ever made from, in bytes before compression: what is larger goes to the buckets.
pub(super) const MAX_FRAME: u64 = 64 << 20;

/// How far a journal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Journal {
    /// The chunk's name.
    pub(super) name: String,
    /// Bytes of it that are whole frames: where the next one goes.
    pub(super) length: u64,
    /// The next frame's number.
    pub(super) number: u64,
}

// === impl Journal ===

impl Journal {
    /// One without frames.
    pub(super) fn empty(name: String) -> Self {
        Self { name, length: 0, number: 0 }
    }

    /// The next frame's bytes.
    pub(super) fn frame<'a>(
        &self,
        changes: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
        sealer: &Sealer,
    ) -> Result<Vec<u8>, Error> {
        let mut encoder = Encoder::default();
        changes.for_each(|(name, content)| encoder.push(name, content));
        let plain = encoder.finish();
        let mut body = (plain.len() as u64).to_le_bytes().to_vec();
        body.extend(zstd::bulk::compress(&plain, LEVEL).map_err(|error| Error::of_io("compressing", &error))?);
        let sealed = sealer.seal(Purpose::Frame { journal: &self.name, number: self.number }, body)?;
        let length = u32::try_from(sealed.len()).map_err(|_| Error::Io("a frame of 4 GiB".into()))?;
        let mut frame = Vec::with_capacity(HEADER + sealed.len());
        frame.extend_from_slice(MAGIC);
        frame.extend_from_slice(&self.number.to_le_bytes());
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend(sealed);
        Ok(frame)
    }

    /// The frame is durable.
    pub(super) fn appended(&mut self, frame: &[u8]) {
        self.length += frame.len() as u64;
        self.number += 1;
    }

    /// Reads all frames of a journal and passes on what they change; how far it is then.
    ///
    /// # Errors
    /// [`Error::Corrupt`]: a frame is damaged, and it is not the last.
    pub(super) fn replay(
        name: &str,
        bytes: &[u8],
        sealer: &Sealer,
        mut each: impl FnMut(&str, Option<&[u8]>),
    ) -> Result<Self, Error> {
        let mut journal = Self::empty(name.to_owned());
        let mut rest = bytes;
        while let Some((plain, after)) = journal.open_next(rest, sealer) {
            if !decode(&plain, &mut each) {
                return Err(journal.damaged("is not a list of changes"));
            }
            journal.appended(&rest[..rest.len() - after.len()]);
            rest = after;
        }
        if journal.has_later(rest, sealer) {
            return Err(journal.damaged("has a frame that is not what was written"));
        }
        if !rest.is_empty() {
            tracing::warn!(
                bytes = rest.len(),
                "the end of the journal was cut off while it was written; it is dropped"
            );
        }
        Ok(journal)
    }

    /// The changes of the frame at the start of `bytes`, if it is the next one, and what follows it.
    fn open_next<'a>(&self, bytes: &'a [u8], sealer: &Sealer) -> Option<(Vec<u8>, &'a [u8])> {
        let (number, sealed, after) = split(bytes)?;
        if number != self.number {
            return None;
        }
        let body = sealer.open(Purpose::Frame { journal: &self.name, number }, sealed).ok()?;
        let (length, compressed) = body.split_first_chunk::<8>()?;
        let length = u64::from_le_bytes(*length);
        let plain = zstd::bulk::decompress(compressed, usize::try_from(length.min(MAX_FRAME)).ok()?).ok()?;
        Some((plain, after))
    }

    /// Whether a later frame is somewhere in what could not be read.
    fn has_later(&self, bytes: &[u8], sealer: &Sealer) -> bool {
        let starts = bytes.windows(MAGIC.len()).enumerate().skip(1).filter(|(_, window)| window == MAGIC);
        let mut frames = starts.filter_map(|(at, _)| split(&bytes[at..]));
        frames.any(|(number, sealed, _)| {
            number > self.number && sealer.open(Purpose::Frame { journal: &self.name, number }, sealed).is_ok()
        })
    }

    fn damaged(&self, why: &'static str) -> Error {
        Error::Corrupt { what: format!("journal {}", self.name), why }
    }
}

/// Number and sealed body of a whole frame, and what follows it.
fn split(bytes: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let number = header.strip_prefix(MAGIC)?;
    let (number, length) = number.split_first_chunk::<8>()?;
    let length = u32::from_le_bytes(length.try_into().ok()?);
    let (sealed, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((u64::from_le_bytes(*number), sealed, after))
}
