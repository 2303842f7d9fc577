//! A repository on this machine: its refs read directly, its missing objects packed and taken over. Blocking.
//!
//! Objects are copied, not shared through alternates: whoever owns the repository may rewrite and prune it while an old commit is still deployed.

mod missing;

use std::path::Path;
use std::time::Instant;

use git2::{ErrorCode, Oid};

use self::missing::Missing;
use crate::error::{Error, Result};
use crate::mirror::Handle;
use crate::protocol::{Ask, RemoteRef};

/// Up to so many objects are copied one by one: for a small commit that is quicker than building and indexing a pack.
const LOOSE: usize = 100;

/// A repository on this machine, open.
pub(crate) struct Local {
    repository: git2::Repository,
    url: String,
}

// === impl Local ===

impl Local {
    pub(crate) fn open(path: &Path, url: &str) -> Result<Self> {
        let repository = git2::Repository::open(path).map_err(|error| match error.code() {
            ErrorCode::NotFound => {
                Error::NotFound { url: url.to_owned(), cause: "no git repository stands there".into() }
            }
            _ => Error::Unreachable { url: url.to_owned(), cause: error.message().to_owned() },
        })?;
        Ok(Self { repository, url: url.to_owned() })
    }

    /// The refs asked for that exist.
    pub(crate) fn ask(&self, ask: Ask<'_>, max_refs: usize) -> Result<Vec<RemoteRef>> {
        match ask {
            Ask::Exact(names) => names.iter().filter_map(|name| self.read(name).transpose()).collect(),
            Ask::Under(beginnings) => self.list(beginnings, max_refs),
            Ask::All => self.list(&["refs/heads/", "refs/tags/"], max_refs),
        }
    }

    fn read(&self, name: &str) -> Result<Option<RemoteRef>> {
        let found = match self.repository.find_reference(name) {
            Ok(found) => found,
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => return Ok(None),
            Err(error) => return Err(self.error(&error)),
        };
        Ok(show(name, &found))
    }

    /// The refs whose names begin so; no name that git allows holds a character with a meaning in a glob.
    fn list<S: AsRef<str>>(&self, beginnings: &[S], max_refs: usize) -> Result<Vec<RemoteRef>> {
        let mut all = Vec::new();
        for beginning in beginnings {
            let glob = format!("{}*", beginning.as_ref());
            let found = self.repository.references_glob(&glob).map_err(|error| self.error(&error))?;
            all.extend(found.flatten().filter_map(|r| show(r.name().ok()?, &r)));
        }
        if all.len() > max_refs {
            return Err(Error::TooLarge { url: self.url.clone(), limit: max_refs as u64, unit: "refs" });
        }
        Ok(all)
    }

    /// Copies what the mirror lacks of `wants`. Those that do not exist here are left out; the caller looks what arrived.
    pub(crate) fn copy(&self, mirror: &Handle, wants: &[Oid], deadline: Instant) -> Result<()> {
        let wants: Vec<Oid> =
            wants.iter().copied().filter(|id| self.repository.find_object(*id, None).is_ok()).collect();
        if wants.is_empty() {
            return Ok(());
        }
        let missing =
            Missing::collect(&self.repository, mirror, &wants, deadline).map_err(|error| self.error(&error))?;
        if missing.len() <= LOOSE {
            return mirror.take_objects(&self.repository, missing.into_iter().map(|(id, _)| id).rev());
        }
        let pack = self.pack(&missing, deadline).map_err(|error| self.error(&error))?;
        mirror.take_pack(&mut pack.as_slice(), None, &wants, deadline)
    }

    fn pack(&self, objects: &[(Oid, Option<String>)], deadline: Instant) -> Result<Vec<u8>, git2::Error> {
        let mut builder = self.repository.packbuilder()?;
        builder.set_threads(if objects.len() < 10_000 { 1 } else { 0 });
        for (id, name) in objects {
            builder.insert_object(*id, name.as_deref())?;
        }
        let mut pack = Vec::new();
        builder.foreach(|piece| {
            pack.extend_from_slice(piece);
            Instant::now() < deadline
        })?;
        Ok(pack)
    }

    fn error(&self, error: &git2::Error) -> Error {
        Error::Unreachable { url: self.url.clone(), cause: error.message().to_owned() }
    }
}

fn show(name: &str, found: &git2::Reference<'_>) -> Option<RemoteRef> {
    let resolved = found.resolve().ok()?;
    let id = resolved.target()?;
    let symref = found.symbolic_target().ok().flatten().map(|_| resolved.name().ok().map(str::to_owned));
    let peeled = resolved.peel_to_commit().ok().map(|commit| commit.id()).filter(|peeled| *peeled != id);
    Some(RemoteRef { name: name.to_owned(), id, peeled, symref: symref.flatten() })
}
