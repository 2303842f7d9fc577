//! One commit's files, as rendering sees them.
//!
//! A [`SourceTree`] is lazy: nothing is read before it is asked for, and what was asked for is recorded, so that a later commit that leaves
//! all of it untouched needs no new render.

use std::collections::BTreeMap;

/// A path inside a repository: relative, `/`-separated, normalised, never leaving the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(String);

/// What a directory entry is. A symbolic link is reported, never followed: a link may point out of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file, executable or not.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A submodule; its files are not part of this commit.
    Submodule,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The last part of the path.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Size in bytes of a file; 0 for everything else.
    pub size: u64,
}

/// Identity of what stands at a path: equal ids mean equal content, and nothing else may be read from them.
pub type ObjectId = String;

/// What a render asked the tree for: path to what stood there; `None` where nothing did.
pub type Reads = BTreeMap<TreePath, Option<ObjectId>>;

/// Why a tree could not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Nothing stands at the path.
    #[error("path {0:?} does not exist in the repository at this revision")]
    NotFound(String),
    /// The path is absolute or leaves the repository.
    #[error("path {0:?} leaves the repository: paths are relative to the repository root and may not climb above it")]
    Outside(String),
    /// A file stands where a directory was asked for, or the reverse.
    #[error("path {path:?} is {found}, not {wanted}")]
    WrongKind {
        /// The path asked for.
        path: String,
        /// What stands there.
        found: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// A file is larger than the caller's limit.
    #[error("file {path:?} has {size} bytes; the limit is {limit}")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The object database failed.
    #[error("reading {path:?} from the repository failed: {cause}")]
    Backend {
        /// The path asked for.
        path: String,
        /// The engine's words, without credentials.
        cause: String,
    },
}

impl SourceError {
    /// Whether the same question may get an answer later: only where the object database failed.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Backend { .. })
    }
}

/// The files of one commit. Implementations record every path that was asked for.
pub trait SourceTree {
    /// The entries of a directory, by name ascending.
    fn list(&self, directory: &TreePath) -> Result<Vec<Entry>, SourceError>;
    /// A file's bytes; refused, unread, when it is larger than `limit` bytes.
    fn read(&self, file: &TreePath, limit: u64) -> Result<Vec<u8>, SourceError>;
    /// Where a symbolic link says it leads, as it was committed: whoever follows it decides whether that is inside.
    fn read_link(&self, link: &TreePath) -> Result<String, SourceError>;
    /// Everything asked for so far, found or not.
    fn reads(&self) -> Reads;
}

// === impl TreePath ===

impl TreePath {
    /// The repository root.
    pub fn root() -> Self {
        Self(String::new())
    }

    /// Normalises `.`, `..` and doubled slashes; refuses what is absolute or climbs above the root. A leading `./` and the empty path are the root,
    /// as in Argo CD.
    pub fn parse(path: &str) -> Result<Self, SourceError> {
        if path.starts_with('/') || path.contains('\0') {
            return Err(SourceError::Outside(path.to_owned()));
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop().ok_or_else(|| SourceError::Outside(path.to_owned()))?;
                }
                part => parts.push(part),
            }
        }
        Ok(Self(parts.join("/")))
    }

    /// The directory that this stands in; the root's is the root.
    pub fn parent(&self) -> Self {
        Self(self.0.rsplit_once('/').map(|(parent, _)| parent.to_owned()).unwrap_or_default())
    }

    /// Where a relative path leads from this directory; refused where it leaves the tree, even for a moment.
    pub fn resolve(&self, relative: &str) -> Result<Self, SourceError> {
        if relative.starts_with('/') {
            return Err(SourceError::Outside(relative.to_owned()));
        }
        Self::parse(&format!("{}/{relative}", if self.0.is_empty() { "." } else { &self.0 }))
    }

    /// The path of an entry of this directory.
    pub fn join(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}/{name}", self.0)) }
    }

    /// The path as text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part; empty for the root.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl std::fmt::Display for TreePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_and_never_leave_the_tree() {
        for (given, want) in [("", ""), (".", ""), ("./a", "a"), ("a//b/", "a/b"), ("a/../b", "b"), ("a/./b", "a/b")] {
            assert_eq!(TreePath::parse(given).map(|p| p.0), Ok(want.to_owned()), "{given}");
        }
        for given in ["/etc", "..", "a/../../b", "../x", "a\0b"] {
            assert!(TreePath::parse(given).is_err(), "{given}");
        }
    }

    #[test]
    fn relative_paths_lead_from_a_directory_and_never_out() {
        let from = |directory: &str, relative| TreePath::parse(directory).and_then(|at| at.resolve(relative));
        for (directory, relative, want) in
            [("", "a", "a"), ("a/b", "../c", "a/c"), ("a", "./b/../c", "a/c"), ("a/b", "../../c", "c"), ("a", "..", "")]
        {
            assert_eq!(from(directory, relative).map(|p| p.0), Ok(want.to_owned()), "{directory} {relative}");
        }
        for (directory, relative) in [("", ".."), ("a", "../../a/b"), ("a", "/a"), ("a/b", "../../../a"), ("a", "b\0")]
        {
            assert!(from(directory, relative).is_err(), "{directory} {relative}");
        }
    }
}
