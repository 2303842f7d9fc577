//! Contents by address: compressed, sealed where the address is keyed, served only to clusters whose rows reach them.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use windlass_domain::digest::{Digest, DigestKey, Scheme};
use windlass_domain::time::Timestamp;
use zstd::bulk::Compressor;

use super::SqlStore;
use super::arg::{Arg, args, placeholders};
use super::tx::Tx;
use super::write::Write;
use crate::error::{Error, Result};
use crate::model::DesiredCommit;
use crate::seal::{Place, SealKey};

/// Largest content, in bytes before compression: room for a bundle of about 60,000 objects; a manifest is held to the apiserver's limit before it comes here.
pub(super) const MOST_BYTES: usize = 16 * 1024 * 1024;

/// So many addresses in one query.
const CHUNK: usize = 500;

/// zstd's own default: a better ratio costs more time than the wire does.
const LEVEL: i32 = 3;

/// Contents as the table holds them.
pub(super) type Prepared = BTreeMap<Digest, Vec<u8>>;

/// Compresses. To make one costs more than a small content does: many contents share it.
pub(super) struct Packer(Compressor<'static>);

/// Verifies what a commit brings and packs what the store lacks, before any lock is taken.
pub(super) async fn prepare(store: &SqlStore, packer: &mut Packer, contents: &[(Digest, Vec<u8>)]) -> Result<Prepared> {
    let digests: Vec<Digest> = contents.iter().map(|(digest, _)| *digest).collect();
    let stored = existing(&mut store.db.read().await?, &digests).await?;
    let mut prepared = Prepared::new();
    for (digest, bytes) in contents {
        if stored.contains(digest) || prepared.contains_key(digest) {
            continue;
        }
        check(*digest, bytes, &store.installation.digest_key)?;
        prepared.insert(*digest, packer.pack(&store.seal, *digest, bytes)?);
    }
    Ok(prepared)
}

fn check(digest: Digest, bytes: &[u8], key: &DigestKey) -> Result<()> {
    if bytes.len() > MOST_BYTES {
        return Err(Error::Invalid(format!(
            "content {} has {} bytes; the limit is {MOST_BYTES}",
            digest.short(),
            bytes.len()
        )));
    }
    if !digest.verifies(key, bytes) {
        return Err(Error::Invalid(format!("content {} is not what its address says", digest.short())));
    }
    Ok(())
}

// === impl Packer ===

impl Packer {
    pub(super) fn new() -> Result<Self> {
        let made = Compressor::new(LEVEL);
        made.map(Self).map_err(|error| Error::Invalid(format!("nothing can be compressed: {error}")))
    }

    fn pack(&mut self, seal: &SealKey, digest: Digest, bytes: &[u8]) -> Result<Vec<u8>> {
        let compressed = self
            .0
            .compress(bytes)
            .map_err(|error| Error::Invalid(format!("content {} does not compress: {error}", digest.short())))?;
        match digest.scheme() {
            Scheme::Sha256 => Ok(compressed),
            Scheme::Keyed => seal.seal(place(&digest.to_string()), &compressed),
        }
    }
}

fn unpack(seal: &SealKey, digest: Digest, data: Vec<u8>) -> Result<Vec<u8>> {
    match digest.scheme() {
        Scheme::Sha256 => Ok(data),
        Scheme::Keyed => seal.open(place(&digest.to_string()), &data).map(|plain| plain.to_vec()),
    }
}

fn place(row: &str) -> Place<'_> {
    Place { table: "contents", row, column: "data" }
}

/// Writes what [`prepare`] packed. What was there then and is gone now makes the whole commit start again.
pub(super) async fn insert(
    write: &mut Write,
    commit: &DesiredCommit,
    prepared: &Prepared,
    now: Timestamp,
) -> Result<()> {
    let digests: Vec<Digest> = commit.contents.iter().map(|(digest, _)| *digest).collect();
    let stored = existing(write, &digests).await?;
    for digest in digests.iter().filter(|digest| !stored.contains(digest)) {
        let data = prepared
            .get(digest)
            .ok_or_else(|| Error::Contended { cause: format!("content {} was just removed", digest.short()) })?;
        let text =
            "INSERT INTO contents (digest, data, created_at) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING";
        write.execute(text, args![*digest, data.clone(), now]).await?;
    }
    for (bundle, members) in commit.bundle_members.iter().filter(|(bundle, _)| !stored.contains(bundle)) {
        for member in members {
            let text =
                "INSERT INTO bundle_members (bundle, member) VALUES ($1, $2) ON CONFLICT (bundle, member) DO NOTHING";
            write.execute(text, args![*bundle, *member]).await?;
        }
    }
    Ok(())
}

/// A bundle that an agent could never complete is not made desired.
pub(super) async fn must_be_complete(tx: &mut Tx, bundle: Digest) -> Result<()> {
    if !exists(tx, bundle).await? {
        return Err(Error::Invalid(format!("bundle {} is not stored", bundle.short())));
    }
    let text = "SELECT m.member FROM bundle_members m LEFT JOIN contents c ON c.digest = m.member WHERE m.bundle = $1 AND c.digest IS NULL LIMIT 1";
    match tx.optional(text, args![bundle]).await? {
        Some(row) => Err(Error::Invalid(format!(
            "bundle {} names content {}, which is not stored",
            bundle.short(),
            row.digest("member")?.short()
        ))),
        None => Ok(()),
    }
}

pub(super) async fn exists(tx: &mut Tx, digest: Digest) -> Result<bool> {
    Ok(tx.optional("SELECT digest FROM contents WHERE digest = $1", args![digest]).await?.is_some())
}

async fn existing(tx: &mut Tx, digests: &[Digest]) -> Result<BTreeSet<Digest>> {
    let mut found = BTreeSet::new();
    for chunk in digests.chunks(CHUNK) {
        let text = format!("SELECT digest FROM contents WHERE digest IN ({})", placeholders(1, chunk.len()));
        for row in tx.all(text, chunk.iter().map(|digest| Arg::from(*digest)).collect()).await? {
            found.insert(row.digest("digest")?);
        }
    }
    Ok(found)
}

pub(super) async fn reachable(store: &SqlStore, cluster: Uuid, digests: &[Digest]) -> Result<Vec<(Digest, Vec<u8>)>> {
    let mut tx = store.db.read().await?;
    let mut found = Vec::with_capacity(digests.len());
    for chunk in digests.chunks(CHUNK) {
        let text = format!(
            "SELECT c.digest, c.data FROM contents c WHERE c.digest IN ({}) AND (
                EXISTS (SELECT 1 FROM target_contents t WHERE t.digest = c.digest AND t.cluster = $1)
                OR EXISTS (SELECT 1 FROM bundle_members m JOIN target_contents t ON t.digest = m.bundle WHERE m.member = c.digest AND t.cluster = $1))",
            placeholders(2, chunk.len())
        );
        let mut args = args![cluster];
        args.extend(chunk.iter().map(|digest| Arg::from(*digest)));
        for row in tx.all(text, args).await? {
            let digest = row.digest("digest")?;
            found.push((digest, unpack(&store.seal, digest, row.blob("data")?)?));
        }
    }
    Ok(found)
}

/// What nothing names: no row, no agent's copy, no application's last compilation.
const UNNAMED: &str = "NOT EXISTS (SELECT 1 FROM target_contents t WHERE t.digest = contents.digest)
    AND NOT EXISTS (SELECT 1 FROM bundle_members m JOIN target_contents t ON t.digest = m.bundle WHERE m.member = contents.digest)
    AND NOT EXISTS (SELECT 1 FROM compiled p WHERE p.bundle = contents.digest)
    AND NOT EXISTS (SELECT 1 FROM bundle_members m JOIN compiled p ON p.bundle = m.bundle WHERE m.member = contents.digest)
    AND NOT EXISTS (SELECT 1 FROM history h WHERE h.bundle = contents.digest)
    AND NOT EXISTS (SELECT 1 FROM bundle_members m JOIN history h ON h.bundle = m.bundle WHERE m.member = contents.digest)
    AND NOT EXISTS (SELECT 1 FROM applications a WHERE a.held_bundle = contents.digest)
    AND NOT EXISTS (SELECT 1 FROM bundle_members m JOIN applications a ON a.held_bundle = m.bundle WHERE m.member = contents.digest)";

/// Drops contents that nothing names, when they are older than `before`: looked for in reading transactions and dropped in small writing ones, so that
/// nobody waits for more than a chunk.
pub(super) async fn collect_garbage(store: &SqlStore, before: Timestamp) -> Result<u64> {
    let (mut dropped, mut after) = (0, String::new());
    while let Some(last) = end_of_chunk(store, before, &after).await? {
        let unnamed = unnamed(store, before, &after, &last).await?;
        if !unnamed.is_empty() {
            dropped += drop_all(store, &unnamed).await?;
        }
        after = last;
    }
    Ok(dropped)
}

/// The last address of the next chunk; `None` at the end.
async fn end_of_chunk(store: &SqlStore, before: Timestamp, after: &str) -> Result<Option<String>> {
    let text = "SELECT MAX(digest) AS last FROM (
        SELECT digest FROM contents WHERE created_at < $1 AND digest > $2 ORDER BY digest LIMIT $3) AS chunk";
    store.db.read().await?.one(text, args![before, after, CHUNK as u64]).await?.opt_text("last")
}

async fn unnamed(store: &SqlStore, before: Timestamp, after: &str, last: &str) -> Result<Vec<Digest>> {
    let text = format!(
        "SELECT digest FROM contents WHERE created_at < $1 AND digest > $2 AND digest <= $3 AND {UNNAMED} ORDER BY digest"
    );
    let rows = store.db.read().await?.all(text, args![before, after, last]).await?;
    rows.iter().map(|row| row.digest("digest")).collect()
}

/// What was named meanwhile stays.
async fn drop_all(store: &SqlStore, digests: &[Digest]) -> Result<u64> {
    let mut write = store.write().await?;
    let text = format!("DELETE FROM contents WHERE digest IN ({}) AND {UNNAMED}", placeholders(1, digests.len()));
    let dropped = write.execute(text, digests.iter().map(|digest| Arg::from(*digest)).collect()).await?;
    write.commit().await?;
    Ok(dropped)
}
