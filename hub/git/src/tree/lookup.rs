//! What stands at a path, and what identifies it.
//!
//! Identities: a file is its blob id; a listed directory is a hash of what the listing shows (names, kinds, sizes), not its tree id, so that a change
//! deep below a directory that was only listed is no change; links and submodules carry their kind, because a link and a file may share a blob.

use git2::{ErrorCode, ObjectType, Oid, Repository};
use windlass_domain::source::{Entry, EntryKind, ObjectId, TreePath};

const LINK: i32 = 0o120_000;
const LISTING: &str = "list:";

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    File(Oid),
    Directory(Oid),
    Symlink(Oid),
    Submodule(Oid),
    Nothing,
    /// Something on the way to the path is no directory.
    Behind {
        path: String,
        kind: &'static str,
    },
}

/// What a directory holds.
pub(super) struct Listing {
    entries: Vec<Entry>,
}

// === impl Found ===

impl Found {
    fn of(entry: &git2::TreeEntry<'_>) -> Self {
        match (entry.kind(), entry.filemode()) {
            (Some(ObjectType::Tree), _) => Self::Directory(entry.id()),
            (Some(ObjectType::Commit), _) => Self::Submodule(entry.id()),
            (_, LINK) => Self::Symlink(entry.id()),
            _ => Self::File(entry.id()),
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "a file",
            Self::Directory(_) => "a directory",
            Self::Symlink(_) => "a symbolic link",
            Self::Submodule(_) => "a submodule",
            Self::Nothing | Self::Behind { .. } => "nothing",
        }
    }

    /// Equal identities answer equally; `None` where nothing stands.
    pub(super) fn identity(&self) -> Option<ObjectId> {
        match self {
            Self::File(id) => Some(id.to_string()),
            Self::Directory(_) => Some("directory".to_owned()),
            Self::Symlink(id) => Some(format!("symlink:{id}")),
            Self::Submodule(id) => Some(format!("submodule:{id}")),
            Self::Nothing | Self::Behind { .. } => None,
        }
    }
}

// === impl Listing ===

impl Listing {
    /// A name that git forbids and that would lead elsewhere when written to disk.
    pub(super) fn unsafe_name(&self) -> Option<&str> {
        let names = self.entries.iter().map(|entry| entry.name.as_str());
        let mut odd = names
            .filter(|n| matches!(*n, "" | "." | "..") || n.eq_ignore_ascii_case(".git") || n.contains(['/', '\0']));
        odd.next()
    }

    pub(super) fn identity(&self) -> ObjectId {
        let mut text = String::new();
        for entry in &self.entries {
            text.push_str(&format!("{:?} {} {}\0", entry.kind, entry.size, entry.name));
        }
        // Hashing cannot fail; if it ever did, the text identifies as well, at length.
        let id = Oid::hash_object(ObjectType::Blob, text.as_bytes()).map_or(text, |id| id.to_string());
        format!("{LISTING}{id}")
    }

    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }
}

/// Walks from the root, one entry at a time, through directories only.
pub(super) fn find(repository: &Repository, root: Oid, path: &TreePath) -> Result<Found, git2::Error> {
    let mut found = Found::Directory(root);
    let mut walked = TreePath::root();
    for part in path.as_str().split('/').filter(|part| !part.is_empty()) {
        let directory = match found {
            Found::Directory(id) => id,
            Found::Nothing => return Ok(Found::Nothing),
            other => return Ok(Found::Behind { path: walked.to_string(), kind: other.kind() }),
        };
        let tree = repository.find_tree(directory)?;
        found = tree.get_name(part).map_or(Found::Nothing, |entry| Found::of(&entry));
        walked = walked.join(part);
    }
    Ok(found)
}

/// What a directory holds, by name ascending (git sorts directories as if they ended in a slash).
pub(super) fn list(repository: &Repository, directory: Oid) -> Result<Listing, git2::Error> {
    let tree = repository.find_tree(directory)?;
    let odb = repository.odb()?;
    let mut entries = Vec::with_capacity(tree.len());
    for entry in &tree {
        let (kind, size) = match Found::of(&entry) {
            Found::File(id) => (EntryKind::File, odb.read_header(id)?.0 as u64),
            Found::Directory(_) => (EntryKind::Directory, 0),
            Found::Symlink(_) => (EntryKind::Symlink, 0),
            _ => (EntryKind::Submodule, 0),
        };
        entries.push(Entry { name: String::from_utf8_lossy(entry.name_bytes()).into_owned(), kind, size });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Listing { entries })
}

/// Whether a recorded question has the same answer in this tree.
pub(super) fn same(
    repository: &Repository,
    root: Oid,
    path: &TreePath,
    recorded: Option<&ObjectId>,
) -> Result<bool, git2::Error> {
    let found = find(repository, root, path)?;
    let listed = recorded.is_some_and(|id| id.starts_with(LISTING));
    let identity = match found {
        Found::Directory(id) if listed => match list(repository, id) {
            Ok(listing) => Some(listing.identity()),
            Err(error) if error.code() == ErrorCode::NotFound => None,
            Err(error) => return Err(error),
        },
        other => other.identity(),
    };
    Ok(identity.as_ref() == recorded)
}
