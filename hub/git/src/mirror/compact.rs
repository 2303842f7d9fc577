//! Many small packs and loose objects become one pack. Every fetch adds some, and every look-up searches them all.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use git2::Oid;

use super::{Handle, Mirror};
use crate::error::{Error, Result};

/// Fetches between two looks whether there is something to do.
pub(super) const EVERY: u32 = 32;
/// More packs or loose objects than this are worth it.
const PACKS: usize = 24;
const LOOSE: usize = 1000;
/// Packs above this size stay as they are: what is left to rewrite stays small.
const SMALL: u64 = 4 << 20;

/// What is to become one pack.
struct Scraps {
    /// Without extension.
    packs: Vec<PathBuf>,
    loose: Vec<(Oid, PathBuf)>,
}

// === impl Mirror ===

impl Mirror {
    /// Counts a fetch; true once in a while.
    pub(crate) fn is_compaction_due(&self) -> bool {
        let due = self.uncompacted.fetch_add(1, Ordering::Relaxed) >= EVERY;
        if due {
            self.uncompacted.store(0, Ordering::Relaxed);
        }
        due
    }
}

// === impl Handle ===

impl Handle {
    /// Repacks small packs and loose objects, if there are many. Whoever fetches meanwhile adds new files, which stay. A reader that had an old pack open keeps it, any other
    /// finds the new one: libgit2 looks again before it reports an object missing.
    pub(crate) fn compact(&self) -> Result<()> {
        let Some(_only) = self.mirror.compacting.try_lock() else { return Ok(()) };
        let objects = self.path().join("objects");
        let scraps = Scraps::find(&objects).map_err(|error| Error::disk(&self.mirror.url, &error))?;
        if scraps.packs.len() <= PACKS && scraps.loose.len() <= LOOSE {
            return Ok(());
        }
        let ids = scraps.ids().map_err(|error| Error::disk(&self.mirror.url, &error))?;
        self.repack(&ids)?;
        let before: HashSet<PathBuf> = scraps.packs.iter().cloned().collect();
        let after = packs(&objects).map_err(|error| Error::disk(&self.mirror.url, &error))?;
        if after.iter().all(|(path, _)| before.contains(path)) {
            // The same objects gave the same pack; without a new name there is nothing that may be removed.
            return Ok(());
        }
        tracing::debug!(repository = self.mirror.url, objects = ids.len(), packs = before.len(), "compacted");
        scraps.remove().map_err(|error| Error::disk(&self.mirror.url, &error))
    }

    fn repack(&self, ids: &BTreeSet<Oid>) -> Result<()> {
        let repack = || {
            let odb = self.odb()?;
            let mut builder = self.packbuilder()?;
            builder.set_threads(1);
            for id in ids {
                builder.insert_object(*id, None)?;
            }
            let mut writer = odb.packwriter()?;
            builder.foreach(|piece| writer.write_all(piece).is_ok())?;
            writer.commit()?;
            odb.refresh()
        };
        repack().map_err(|error: git2::Error| self.mirror.error(&error))
    }
}

// === impl Scraps ===

impl Scraps {
    fn find(objects: &Path) -> std::io::Result<Self> {
        let packs = packs(objects)?.into_iter().filter(|(_, size)| *size <= SMALL).map(|(path, _)| path);
        let mut loose = Vec::new();
        for directory in std::fs::read_dir(objects)? {
            let directory = directory?;
            let prefix = directory.file_name().to_string_lossy().into_owned();
            if prefix.len() != 2 {
                continue;
            }
            for file in std::fs::read_dir(directory.path())? {
                let file = file?;
                let id = Oid::from_str(&format!("{prefix}{}", file.file_name().to_string_lossy()));
                loose.extend(id.ok().map(|id| (id, file.path())));
            }
        }
        Ok(Self { packs: packs.collect(), loose })
    }

    fn ids(&self) -> std::io::Result<BTreeSet<Oid>> {
        let mut ids: BTreeSet<Oid> = self.loose.iter().map(|(id, _)| *id).collect();
        for pack in &self.packs {
            ids.extend(index_ids(&std::fs::read(pack.with_extension("idx"))?)?);
        }
        Ok(ids)
    }

    fn remove(self) -> std::io::Result<()> {
        for pack in &self.packs {
            // The index first: without it nobody looks for the pack.
            std::fs::remove_file(pack.with_extension("idx"))?;
            std::fs::remove_file(pack.with_extension("pack"))?;
        }
        self.loose.iter().try_for_each(|(_, path)| std::fs::remove_file(path))
    }
}

/// The packs, without extension, and their sizes.
fn packs(objects: &Path) -> std::io::Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(objects.join("pack"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "idx") {
            let pack = path.with_extension("pack");
            found.push((path.with_extension(""), std::fs::metadata(pack)?.len()));
        }
    }
    Ok(found)
}

/// The ids in a version 2 pack index: header, 256 cumulative counts, ids.
fn index_ids(index: &[u8]) -> std::io::Result<Vec<Oid>> {
    let broken = || std::io::Error::other("a pack index is broken");
    let count = index.get(8 + 255 * 4..8 + 256 * 4).and_then(|bytes| bytes.first_chunk()).ok_or_else(broken)?;
    let count = u32::from_be_bytes(*count) as usize;
    let ids = index.get(8 + 1024..8 + 1024 + count * 20).filter(|_| index.starts_with(b"\xfftOc\0\0\0\x02"));
    ids.ok_or_else(broken)?.chunks_exact(20).map(|id| Oid::from_bytes(id).map_err(|_| broken())).collect()
}
