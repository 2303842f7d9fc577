//! Contents on their way: cut by the hub, put together by the agent. They are sent as they are stored, compressed.

use bytes::Bytes;
use windlass_domain::digest::Digest;

use crate::v1;

/// The most bytes of content in one [`v1::FetchPart`].
pub const MAX_PART_BYTES: usize = 64 * 1024;
/// The most digests in one [`v1::FetchRequest`].
pub const MAX_DIGESTS: usize = 1000;

/// The pieces of one content, in order.
pub fn parts(digest: Digest, compressed: Bytes) -> impl Iterator<Item = v1::FetchPart> + Send {
    let total = compressed.len();
    let pieces = total.div_ceil(MAX_PART_BYTES).max(1);
    (0..pieces).map(move |piece| {
        let from = piece * MAX_PART_BYTES;
        let to = (from + MAX_PART_BYTES).min(total);
        v1::FetchPart {
            digest: digest.to_bytes().to_vec(),
            offset: from as u64,
            total: total as u64,
            last: to == total,
            data: compressed.slice(from..to),
            not_found: false,
        }
    })
}

/// The answer for a digest that nothing of the caller's targets leads to.
pub fn not_found(digest: Digest) -> v1::FetchPart {
    v1::FetchPart { digest: digest.to_bytes().to_vec(), last: true, not_found: true, ..Default::default() }
}
