//! One bare mirror on disk: the objects that were fetched, and under `refs/windlass/` the last seen tip of every ref that was asked for. Blocking.
//!
//! A mirror is a cache: everything in it can be fetched again, and a damaged one is thrown away.

mod compact;
mod pack;
pub(crate) mod screen;
mod tidy;
mod tips;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use git2::{ErrorCode, ObjectType, Oid};
use parking_lot::Mutex;

use crate::error::{Error, Result};

/// Open handles kept for the next caller; more are opened when needed.
const IDLE_HANDLES: usize = 8;

/// One bare mirror on disk.
pub(crate) struct Mirror {
    path: PathBuf,
    /// The repository's URL, as errors may show it.
    url: String,
    idle: Mutex<Vec<git2::Repository>>,
    /// Counts evictions: a handle of an earlier generation is not kept.
    generation: AtomicU64,
    /// A reader met damage; the next writer rebuilds.
    damaged: AtomicBool,
    /// What an earlier process left unfinished is gone.
    tidied: AtomicBool,
    /// Fetches since it was last looked whether to compact.
    uncompacted: AtomicU32,
    /// Held while compacting; a second one at once would remove what the first still reads.
    compacting: Mutex<()>,
    /// Held while a tip moves.
    landing: Mutex<()>,
}

/// The mirror, open. Returns to the pool when dropped.
pub(crate) struct Handle {
    /// `None` only while dropping.
    repository: Option<git2::Repository>,
    mirror: Arc<Mirror>,
    generation: u64,
}

/// What stands under an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// A commit, possibly behind annotated tags.
    Commit(Oid),
    /// Something that no commit is behind.
    Other(&'static str),
    Nothing,
}

// === impl Mirror ===

impl Mirror {
    pub(crate) fn new(path: PathBuf, url: String) -> Self {
        Self {
            path,
            url,
            idle: Mutex::default(),
            generation: AtomicU64::new(0),
            damaged: AtomicBool::new(false),
            uncompacted: AtomicU32::new(compact::EVERY),
            compacting: Mutex::default(),
            landing: Mutex::default(),
            tidied: AtomicBool::new(false),
        }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Opens the mirror, creating an empty one at first use.
    pub(crate) fn open(self: &Arc<Self>) -> Result<Handle> {
        let mut idle = self.idle.lock();
        let repository = match idle.pop() {
            Some(repository) => repository,
            // Under the lock, so that two callers do not create it twice.
            None => self.open_or_create()?,
        };
        Ok(Handle { repository: Some(repository), mirror: Arc::clone(self), generation: self.generation() })
    }

    fn open_or_create(&self) -> Result<git2::Repository> {
        if !self.tidied.swap(true, Ordering::AcqRel) {
            tidy::tidy(&self.path);
        }
        match git2::Repository::open_bare(&self.path) {
            Ok(repository) => return Ok(repository),
            Err(error) if self.path.exists() => return Err(self.error(&error)),
            Err(_) => {}
        }
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).no_reinit(true).mkpath(true).external_template(false);
        git2::Repository::init_opts(&self.path, &options).map_err(|error| self.error(&error))
    }

    /// Notes that a reader met damage.
    pub(crate) fn mark_damaged(&self) {
        self.damaged.store(true, Ordering::Release);
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Throws the mirror away, unless somebody else did since `generation`. Readers that hold it open keep what they have mapped.
    pub(crate) fn evict(&self, generation: u64) -> Result<()> {
        let mut idle = self.idle.lock();
        if self.generation() != generation {
            return Ok(());
        }
        self.generation.store(generation + 1, Ordering::Release);
        idle.clear();
        self.damaged.store(false, Ordering::Release);
        let trash = self.path.with_extension(format!("{}-{generation}.trash", std::process::id()));
        match std::fs::rename(&self.path, &trash) {
            Ok(()) => std::fs::remove_dir_all(&trash).map_err(|error| Error::disk(&self.url, &error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::disk(&self.url, &error)),
        }
    }

    pub(crate) fn error(&self, error: &git2::Error) -> Error {
        Error::mirror(&self.url, error)
    }
}

// === impl Handle ===

impl Handle {
    pub(crate) fn mirror(&self) -> &Arc<Mirror> {
        &self.mirror
    }

    /// What stands under an id, looking through annotated tags.
    pub(crate) fn held(&self, id: Oid) -> Result<Held> {
        let object = match self.find_object(id, None) {
            Ok(object) => object,
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(Held::Nothing),
            Err(error) => return Err(self.mirror.error(&error)),
        };
        match object.kind() {
            Some(ObjectType::Commit) => return Ok(Held::Commit(id)),
            Some(ObjectType::Tree) => return Ok(Held::Other("a tree")),
            Some(ObjectType::Blob) => return Ok(Held::Other("a blob")),
            _ => {}
        }
        match object.peel(ObjectType::Any) {
            Ok(inner) if inner.kind() == Some(ObjectType::Commit) => Ok(Held::Commit(inner.id())),
            Ok(_) => Ok(Held::Other("a tag of something that is no commit")),
            // The tag arrived, what it names did not.
            Err(error) if error.code() == ErrorCode::NotFound => Ok(Held::Nothing),
            Err(error) => Err(self.mirror.error(&error)),
        }
    }

    /// The one commit whose id begins so.
    pub(crate) fn abbreviated(&self, digits: &str) -> Result<Option<Oid>> {
        match self.find_commit_by_prefix(digits) {
            Ok(commit) => Ok(Some(commit.id())),
            Err(error) if matches!(error.code(), ErrorCode::NotFound) => Ok(None),
            Err(error) if matches!(error.code(), ErrorCode::Ambiguous) => Err(Error::InvalidRevision {
                revision: digits.to_owned(),
                cause: "several commits begin with it; write more digits".to_owned(),
            }),
            Err(error) => Err(self.mirror.error(&error)),
        }
    }

    pub(crate) fn is_ancestor(&self, old: Oid, new: Oid) -> Result<bool> {
        match self.graph_descendant_of(new, old) {
            Ok(descends) => Ok(descends || old == new),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(false),
            Err(error) => Err(self.mirror.error(&error)),
        }
    }
}

impl std::ops::Deref for Handle {
    type Target = git2::Repository;
    fn deref(&self) -> &git2::Repository {
        #[allow(clippy::expect_used, reason = "taken in drop only")]
        self.repository.as_ref().expect("present until drop")
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut idle = self.mirror.idle.lock();
        let current = self.generation == self.mirror.generation();
        if let Some(repository) = self.repository.take()
            && current
            && idle.len() < IDLE_HANDLES
        {
            idle.push(repository);
        }
    }
}
