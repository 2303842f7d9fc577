//! Contents as they come: opened under a cap, and believed only when their digest says so.

use std::io::Read;

use windlass_domain::digest::{Digest, DigestKey};

/// The most bytes that one content may have, opened. An apiserver takes objects of about 1.5 MiB; a bundle's list has some 150 bytes an object.
pub(super) const MAX_BYTES: usize = 16 * 1024 * 1024;
/// log2 of the most memory that a frame may ask of its reader.
const MAX_WINDOW_LOG: u32 = 24;

/// Why bytes are not a content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotContent {
    /// Not zstd, or not whole.
    #[error("content {digest} cannot be decompressed: {problem}")]
    Compression {
        /// Its address.
        digest: Digest,
        /// Why.
        problem: String,
    },
    /// Over the limit when opened.
    #[error("content {digest} is longer than {MAX_BYTES} bytes")]
    TooLong {
        /// Its address.
        digest: Digest,
    },
    /// Other bytes than the address names.
    #[error("the bytes sent as content {digest} are other bytes")]
    Digest {
        /// Its address.
        digest: Digest,
    },
}

/// Opens and verifies.
pub(super) fn open(digest: Digest, compressed: &[u8], key: &DigestKey) -> Result<Vec<u8>, NotContent> {
    let bad = |error: std::io::Error| NotContent::Compression { digest, problem: error.to_string() };
    let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed).map_err(bad)?;
    decoder.window_log_max(MAX_WINDOW_LOG).map_err(bad)?;
    let mut bytes = Vec::new();
    decoder.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(bad)?;
    if bytes.len() > MAX_BYTES {
        return Err(NotContent::TooLong { digest });
    }
    if digest.verifies(key, &bytes) { Ok(bytes) } else { Err(NotContent::Digest { digest }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).expect("bytes")
    }

    #[test]
    fn only_the_named_bytes_are_taken() {
        let key = DigestKey::new([1; 32]);
        for digest in [Digest::of(b"x"), Digest::keyed(&key, b"x")] {
            assert_eq!(open(digest, &compressed(b"x"), &key), Ok(b"x".to_vec()));
            assert_eq!(open(digest, &compressed(b"y"), &key), Err(NotContent::Digest { digest }));
            let cut = &compressed(b"x")[..5];
            assert!(matches!(open(digest, cut, &key), Err(NotContent::Compression { .. })));
        }
        let other = DigestKey::new([2; 32]);
        assert!(open(Digest::keyed(&key, b"x"), &compressed(b"x"), &other).is_err());
    }

    #[test]
    fn a_bomb_is_left_unopened_beyond_the_limit() {
        let digest = Digest::of(b"x");
        let bomb = compressed(&vec![0; MAX_BYTES + 1]);
        assert!(bomb.len() < 10_000);
        assert_eq!(open(digest, &bomb, &DigestKey::new([1; 32])), Err(NotContent::TooLong { digest }));
    }
}
