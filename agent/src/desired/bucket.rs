//! One bucket on its way to the store and back.

use bytes::Bytes;
use uuid::Uuid;
use windlass_domain::digest::Digest;

use super::Error;
use super::chunks::{ChunkStore, MAX_CHUNK};
use super::pointer::{BucketChunks, ChunkReference};
use super::records::decode;
use super::seal::{Purpose, Sealer};

/// zstd's cheapest level: what is stored is written often and read once.
const LEVEL: i32 = 1;

/// A bucket as it will be stored.
pub(super) struct Prepared {
    /// What the pointer will say of it.
    pub(super) reference: BucketChunks,
    /// The chunks' contents, in the same order.
    pub(super) contents: Vec<Bytes>,
}

/// Compresses, seals and cuts a bucket's records, in plain form. A bucket without records has no chunks.
pub(super) fn prepare(bucket: u32, plain: &[u8], sealer: &Sealer) -> Result<Prepared, Error> {
    if plain.is_empty() {
        return Ok(Prepared { reference: BucketChunks::default(), contents: Vec::new() });
    }
    let compressed = zstd::bulk::compress(plain, LEVEL).map_err(|error| Error::of_io("compressing", &error))?;
    let sealed = Bytes::from(sealer.seal(Purpose::Bucket(bucket), compressed)?);
    let stored = sealed.len() as u64;
    let contents: Vec<Bytes> =
        (0..sealed.len()).step_by(MAX_CHUNK).map(|at| sealed.slice(at..sealed.len().min(at + MAX_CHUNK))).collect();
    let chunks = contents.iter().map(reference).collect();
    Ok(Prepared { reference: BucketChunks { size: plain.len() as u64, stored, chunks }, contents })
}

/// Reads a bucket's records back and passes them on.
pub(super) async fn load(
    bucket: u32,
    reference: &BucketChunks,
    store: &dyn ChunkStore,
    sealer: &Sealer,
    mut each: impl FnMut(&str, &[u8]) + Send,
) -> Result<(), Error> {
    let mut sealed = Vec::new();
    for chunk in &reference.chunks {
        let bytes = store.read_chunk(&chunk.name).await?;
        if Digest::of(&bytes) != chunk.digest {
            return Err(Error::Corrupt { what: format!("chunk {}", chunk.name), why: "is not what was written" });
        }
        sealed.extend(bytes);
    }
    if sealed.is_empty() {
        return Ok(());
    }
    let damaged = |why| Error::Corrupt { what: format!("bucket {bucket}"), why };
    let compressed = sealer.open(Purpose::Bucket(bucket), &sealed)?;
    let size = usize::try_from(reference.size).map_err(|_| damaged("is larger than memory"))?;
    let plain = zstd::bulk::decompress(&compressed, size).map_err(|_| damaged("does not decompress"))?;
    let mut whole = true;
    let read = decode(&plain, |name, content| match content {
        Some(content) => each(name, content),
        None => whole = false,
    });
    if read && whole { Ok(()) } else { Err(damaged("is not a list of records")) }
}

fn reference(content: &Bytes) -> ChunkReference {
    ChunkReference { name: new_name(), digest: Digest::of(content) }
}

/// Random, so that a name is never used twice, whatever was left behind by whom.
pub(super) fn new_name() -> String {
    Uuid::new_v4().simple().to_string()
}
