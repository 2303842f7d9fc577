//! The door of this crate: repositories by URL, each with its mirror; what runs where, and how much of it at once.

mod fetch;
mod flight;
mod resolve;
mod worker;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use windlass_domain::revision::Revision;
use windlass_domain::source::Reads;

use self::fetch::{Entry, Source};
use self::worker::Workers;
use crate::commit::CommitInfo;
use crate::error::{Error, Result};
use crate::http::Clients;
use crate::mirror::Mirror;
use crate::options::Options;
use crate::repository::Repository;
use crate::target::Target;
use crate::tree::GitTree;

/// Commits by repository. Cheap to clone; clones share everything. Needs a multi-threaded tokio runtime.
///
/// Access is the caller's to decide: who may use a repository with which credentials. A commit that is already here is answered without asking the
/// server, whatever the credentials.
#[derive(Clone)]
pub struct GitCache {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    root: PathBuf,
    options: Options,
    clients: Clients,
    workers: Workers,
    network: tokio::sync::Semaphore,
    /// By normalised URL. Grows with the repositories in use; `forget` shrinks it.
    entries: Mutex<HashMap<String, Arc<Entry>>>,
}

/// What a `targetRevision` stands for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The commit.
    pub revision: Revision,
    /// The full name of the branch, tag or other ref; `None` where a commit was named directly, or a detached HEAD.
    pub ref_name: Option<String>,
    /// Whether the ref's last tip seen here is not behind the new one (a force push, a moved tag). Told once, to those who resolve while it is noticed;
    /// ask [`GitCache::is_ancestor`] to compare with a revision of your own.
    pub rewritten: bool,
}

/// The names a repository offers, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Without `refs/heads/`.
    pub branches: Vec<String>,
    /// Without `refs/tags/`.
    pub tags: Vec<String>,
}

// === impl GitCache ===

impl GitCache {
    /// Opens the cache directory, creating it if needed, and removes what an earlier process left unfinished. One process per directory.
    pub fn open(root: PathBuf, options: Options) -> Result<Self> {
        let shown = root.display().to_string();
        crate::libgit2::set_up().map_err(|error| Error::mirror(&shown, &error))?;
        prepare(&root).map_err(|error| Error::disk(&shown, &error))?;
        let shared = Shared {
            root,
            clients: Clients::new(options.clone()),
            workers: Workers::new(options.blocking_threads),
            network: tokio::sync::Semaphore::new(options.concurrent_requests.max(1)),
            entries: Mutex::default(),
            options,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The commit that `target_revision` stands for, present in the mirror when this returns.
    /// As [`resolve_tagged`](Self::resolve_tagged), every tag counting.
    pub async fn resolve(&self, repository: &Repository, target_revision: &str) -> Result<Resolved> {
        self.resolve_tagged(repository, target_revision, "").await
    }

    /// The commit that `target_revision` stands for, present in the mirror when this returns. The first of these that fits:
    ///
    /// 1. Empty and `HEAD`: the default branch.
    /// 2. 40 hex digits: that commit (no network if it is here).
    /// 3. `refs/...`: that ref.
    /// 4. A version constraint (`1.x`, `~1.2`, `>=1.2 <2`; [`Constraint`](windlass_query::Constraint)), but not a plain version (`1.2`, `v1.2.3`): the
    ///    tag with the highest version that satisfies it, the first by name where several have the same version; branches and tags that are no versions
    ///    do not count. With a `tag_prefix`, only tags that begin so count, and what follows it is the version. Prereleases count only where the constraint
    ///    names one (`>=1.2-0`). Where no tag satisfies it, the branch or tag of that very name, if there is one: a branch `1.x` is followed until a
    ///    tag `1.0.0` comes; write `refs/heads/1.x` to follow it always.
    /// 5. A branch or tag of that name, the branch where both exist; `tag_prefix` is not heeded.
    /// 6. An abbreviated commit id of at least 7 digits.
    ///
    /// Annotated tags give their commit. The answer is never older than the call: concurrent calls share a question only if it was asked after they came.
    pub async fn resolve_tagged(
        &self,
        repository: &Repository,
        target_revision: &str,
        tag_prefix: &str,
    ) -> Result<Resolved> {
        let target = Target::parse(target_revision, tag_prefix)?;
        self.source(repository)?.resolve(&target).await
    }

    /// The files of a commit, fetched first if the mirror does not have it.
    pub async fn tree(&self, repository: &Repository, revision: &Revision) -> Result<GitTree> {
        self.source(repository)?.at(revision, GitTree::open).await
    }

    /// Who wrote a commit, when and why; fetched first if the mirror does not have it.
    pub async fn commit_info(&self, repository: &Repository, revision: &Revision) -> Result<CommitInfo> {
        self.source(repository)?.at(revision, |handle, id| CommitInfo::read(&handle, id)).await
    }

    /// Whether everything recorded reads the same at this commit, so that nothing needs rendering.
    pub async fn unchanged(&self, repository: &Repository, revision: &Revision, reads: &Reads) -> Result<bool> {
        let reads = reads.clone();
        let compare = move |handle, id| GitTree::open(handle, id)?.answers_alike(&reads);
        self.source(repository)?.at(revision, compare).await
    }

    /// Whether `old` is `new` or behind it; `false` where `old` is unknown here.
    pub async fn is_ancestor(&self, repository: &Repository, old: &Revision, new: &Revision) -> Result<bool> {
        let old = fetch::object_id(old)?;
        self.source(repository)?.at(new, move |handle, new| handle.is_ancestor(old, new)).await
    }

    /// Every branch and tag. Asks the server, fetches nothing: also the way to test a repository's settings.
    pub async fn references(&self, repository: &Repository) -> Result<References> {
        self.source(repository)?.references().await
    }

    /// Drops a repository's mirror and connections.
    pub async fn forget(&self, repository: &Repository) -> Result<()> {
        let source = self.source(repository)?;
        self.shared.entries.lock().remove(&repository.url.normalised());
        source.evict().await
    }

    fn source(&self, repository: &Repository) -> Result<Source> {
        if repository.url.is_local() && !self.shared.options.allow_local {
            return Err(Error::InvalidUrl {
                url: repository.url.to_string(),
                cause: "repositories on the hub's own disk are not allowed; use https, or set the hub's `allow_local`"
                    .into(),
            });
        }
        let entry = self.shared.entry(repository);
        Source::new(Arc::clone(&self.shared), entry, repository)
    }
}

// === impl Shared ===

impl Shared {
    fn entry(&self, repository: &Repository) -> Arc<Entry> {
        let normalised = repository.url.normalised();
        let mut entries = self.entries.lock();
        let entry = entries.entry(normalised).or_insert_with_key(|normalised| {
            let digest: String = Sha256::digest(normalised).iter().map(|byte| format!("{byte:02x}")).collect();
            let mirror = Mirror::new(self.root.join(format!("{digest}.git")), repository.url.to_string());
            Arc::new(Entry::new(Arc::new(mirror)))
        });
        Arc::clone(entry)
    }

    /// Removes the mirrors that nobody has asked for since the hub started: their repositories are no longer in use, or will be fetched again.
    fn sweep(&self) {
        let used: Vec<PathBuf> = self.entries.lock().values().map(|entry| entry.mirror.path().to_owned()).collect();
        let found = std::fs::read_dir(&self.root).into_iter().flatten().flatten().map(|entry| entry.path());
        for path in found.filter(|path| path.extension().is_some_and(|e| e == "git") && !used.contains(path)) {
            if let Err(error) = std::fs::remove_dir_all(&path) {
                tracing::warn!(path = %path.display(), %error, "an unused mirror could not be removed");
            }
        }
    }

    pub(crate) fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }
}

fn prepare(root: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(root)?;
    for entry in std::fs::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "trash") || path.ends_with("incoming") {
            std::fs::remove_dir_all(path)?;
        }
    }
    std::fs::create_dir_all(root.join("incoming"))
}
