//! The form of a record in memory: compressed with a dictionary of what manifests and our own records look like, because a record is read now and then and
//! is there all the time.

use bytes::Bytes;
use parking_lot::Mutex;
use zstd::bulk::{Compressor, Decompressor};

use super::Error;

/// What records look like. It is of this process only: nothing that is stored was made with it, and it may change with every version.
const DICTIONARY: &[u8] = include_bytes!("dictionary.txt");
/// The first of zstd's levels that makes a manifest a third of what it was, with tables that are still small.
const LEVEL: i32 = 3;
/// What is shorter is kept as it is.
const SHORTEST: usize = 48;

/// A record's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    /// As it is where that is no longer than compressed.
    bytes: Box<[u8]>,
    /// Bytes of the content.
    length: usize,
}

/// Packs and unpacks.
pub(super) struct Packer {
    packing: Mutex<Compressor<'static>>,
    unpacking: Mutex<Decompressor<'static>>,
}

// === impl Packed ===

impl Packed {
    /// Bytes of the content.
    pub(super) fn length(&self) -> usize {
        self.length
    }
}

// === impl Packer ===

impl Packer {
    /// One with a dictionary of its own.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(super) fn new() -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::of_io("compressing", &error);
        Ok(Self {
            packing: Mutex::new(Compressor::with_dictionary(LEVEL, DICTIONARY).map_err(failed)?),
            unpacking: Mutex::new(Decompressor::with_dictionary(DICTIONARY).map_err(failed)?),
        })
    }

    /// Never fails: what cannot be compressed is kept as it is.
    pub(super) fn pack(&self, content: &[u8]) -> Packed {
        let compressed = (content.len() >= SHORTEST).then(|| self.packing.lock().compress(content));
        let bytes: Box<[u8]> = match compressed {
            Some(Ok(compressed)) if compressed.len() < content.len() => compressed.as_slice().into(),
            _ => content.into(),
        };
        Packed { bytes, length: content.len() }
    }

    /// The content again.
    ///
    /// # Errors
    /// Memory was damaged.
    pub(super) fn unpack(&self, packed: &Packed) -> Result<Bytes, Error> {
        if packed.bytes.len() == packed.length {
            return Ok(Bytes::copy_from_slice(&packed.bytes));
        }
        let content = self.unpacking.lock().decompress(&packed.bytes, packed.length);
        content.map(Bytes::from).map_err(|error| Error::of_io("reading a record in memory", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_and_manifests_become_small() {
        let packer = Packer::new().expect("a packer");
        let manifest = br#"{"apiVersion":"v1","kind":"Service","metadata":{"labels":{"app":"shop"},"name":"shop"},"spec":{"ports":[{"name":"http","port":80,"targetPort":8080}],"selector":{"app":"shop"}}}"#;
        let noise: Vec<u8> = (0..200_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for content in [&manifest[..], b"", b"short", &noise, &manifest.repeat(10_000)] {
            let packed = packer.pack(content);
            assert_eq!(packer.unpack(&packed).expect("unpacks"), content);
            assert_eq!(packed.length(), content.len());
            assert!(packed.bytes.len() <= content.len());
        }
        assert!(packer.pack(manifest).bytes.len() * 3 < manifest.len());
    }
}
