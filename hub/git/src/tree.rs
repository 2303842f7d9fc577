//! The files of one commit, straight from the object database: nothing is checked out, no link is followed, every question is recorded.

mod lookup;

use std::cell::RefCell;

use git2::Oid;
use windlass_domain::source::{Entry, ObjectId, Reads, SourceError, SourceTree, TreePath};

use self::lookup::{Found, find, list, same};
use crate::error::Result;
use crate::mirror::Handle;

/// The files of one commit. Reads block on the disk: use it on a thread that may. Keeps the mirror's files open, so that an evicted mirror does not
/// disturb it.
pub struct GitTree {
    handle: Handle,
    root: Oid,
    reads: RefCell<Reads>,
}

/// What Linux allows in a link.
const LONGEST_LINK: u64 = 4096;

// === impl GitTree ===

impl GitTree {
    pub(crate) fn open(handle: Handle, commit: Oid) -> Result<Self> {
        let root = handle.find_commit(commit).map(|commit| commit.tree_id());
        let root = root.map_err(|error| handle.mirror().error(&error))?;
        Ok(Self { handle, root, reads: RefCell::default() })
    }

    /// Whether every recorded question has the same answer here.
    pub(crate) fn answers_alike(&self, reads: &Reads) -> Result<bool> {
        for (path, id) in reads {
            let alike = same(&self.handle, self.root, path, id.as_ref());
            if !alike.map_err(|error| self.handle.mirror().error(&error))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn record(&self, path: &TreePath, id: Option<ObjectId>) {
        self.reads.borrow_mut().insert(path.clone(), id);
    }

    fn find(&self, path: &TreePath) -> Result<Found, SourceError> {
        find(&self.handle, self.root, path).map_err(|error| self.backend(path, &error))
    }

    /// The database failed below a commit that is there: the mirror is damaged, and the next one to write to it rebuilds it.
    fn backend(&self, path: &TreePath, error: &git2::Error) -> SourceError {
        self.handle.mirror().mark_damaged();
        SourceError::Backend { path: path.to_string(), cause: error.message().to_owned() }
    }

    fn wrong_kind(&self, path: &TreePath, found: Found, wanted: &'static str) -> SourceError {
        match found {
            Found::Nothing => SourceError::NotFound(path.to_string()),
            Found::Behind { path, kind } => SourceError::WrongKind { path, found: kind, wanted: "a directory" },
            found => SourceError::WrongKind { path: path.to_string(), found: found.kind(), wanted },
        }
    }
}

impl SourceTree for GitTree {
    fn list(&self, directory: &TreePath) -> Result<Vec<Entry>, SourceError> {
        let found = self.find(directory)?;
        let Found::Directory(id) = found else {
            self.record(directory, found.identity());
            return Err(self.wrong_kind(directory, found, "a directory"));
        };
        let listing = list(&self.handle, id).map_err(|error| self.backend(directory, &error))?;
        if let Some(name) = listing.unsafe_name() {
            return Err(SourceError::Outside(directory.join(name).to_string()));
        }
        self.record(directory, Some(listing.identity()));
        Ok(listing.into_entries())
    }

    fn read(&self, file: &TreePath, limit: u64) -> Result<Vec<u8>, SourceError> {
        let found = self.find(file)?;
        let Found::File(id) = found else {
            // A listing says more about a directory than that it is one.
            self.reads.borrow_mut().entry(file.clone()).or_insert_with(|| found.identity());
            return Err(self.wrong_kind(file, found, "a file"));
        };
        self.record(file, found.identity());
        let odb = self.handle.odb().map_err(|error| self.backend(file, &error))?;
        let (size, _) = odb.read_header(id).map_err(|error| self.backend(file, &error))?;
        let size = size as u64;
        if size > limit {
            return Err(SourceError::TooLarge { path: file.to_string(), size, limit });
        }
        let object = odb.read(id).map_err(|error| self.backend(file, &error))?;
        Ok(object.data().to_vec())
    }

    fn read_link(&self, link: &TreePath) -> Result<String, SourceError> {
        let found = self.find(link)?;
        self.record(link, found.identity());
        let Found::Symlink(id) = found else {
            return Err(self.wrong_kind(link, found, "a symbolic link"));
        };
        let odb = self.handle.odb().map_err(|error| self.backend(link, &error))?;
        let (size, _) = odb.read_header(id).map_err(|error| self.backend(link, &error))?;
        let (path, size) = (link.to_string(), size as u64);
        if size > LONGEST_LINK {
            return Err(SourceError::TooLarge { path, size, limit: LONGEST_LINK });
        }
        let object = odb.read(id).map_err(|error| self.backend(link, &error))?;
        String::from_utf8(object.data().to_vec()).map_err(|_| SourceError::Outside(path))
    }

    fn reads(&self) -> Reads {
        self.reads.borrow().clone()
    }
}

impl std::fmt::Debug for GitTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GitTree").field("root", &self.root).finish_non_exhaustive()
    }
}
