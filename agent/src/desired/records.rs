//! The plain form of a bucket: records in order of their names, each with its length.

use std::collections::BTreeMap;

use bytes::Bytes;

/// Named records.
pub(super) type Records = BTreeMap<String, Bytes>;

/// Length of the name (u32, little endian), name, length of the content (u32), content; for each record.
pub(super) fn encode<'a>(records: impl Iterator<Item = (&'a str, &'a Bytes)>) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in records {
        for part in [name.as_bytes(), content] {
            // Contents are bounded far below 4 GiB by what a hub may send.
            out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(part);
        }
    }
    out
}

/// Reads [`encode`]'s bytes back; `None` when they are something else.
pub(super) fn decode(bytes: Vec<u8>) -> Option<Vec<(String, Bytes)>> {
    let (mut rest, mut records) = (Bytes::from(bytes), Vec::new());
    while !rest.is_empty() {
        let name = String::from_utf8(part(&mut rest)?.to_vec()).ok()?;
        // A copy of its own: a slice would keep the whole bucket in memory for as long as one record of it lives.
        records.push((name, Bytes::copy_from_slice(&part(&mut rest)?)));
    }
    Some(records)
}

/// Which of `buckets` (a power of two) a record is in. Part of the stored form: it must never change.
pub(super) fn bucket_of(name: &str, buckets: u32) -> u32 {
    // FNV-1a, 32 bits, folded so that the low bits depend on all of them.
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 16)) & (buckets - 1)
}

fn part(rest: &mut Bytes) -> Option<Bytes> {
    let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?);
    let end = usize::try_from(length).ok()?.checked_add(4)?;
    let part = (rest.len() >= end).then(|| rest.slice(4..end))?;
    *rest = rest.slice(end..);
    Some(part)
}
