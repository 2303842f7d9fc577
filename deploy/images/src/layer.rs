//! The one layer of an image: files, directories and links, in the order of their paths.

use std::collections::BTreeMap;
use std::io;

use crate::tar::{Archive, Kind};

/// A file system without times. The last of two entries with one path counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layer {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    mode: u32,
    owner: u32,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    File(Vec<u8>),
    Directory,
    Link(String),
}

// === impl Layer ===

impl Layer {
    /// A file of root. Directories above it that are not there are made, as in all of these.
    pub fn file(&mut self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) {
        self.insert(path, Entry { mode, owner: 0, content: Content::File(bytes.into()) });
    }

    /// A directory of user and group `owner`.
    pub fn directory(&mut self, path: &str, mode: u32, owner: u32) {
        self.insert(path, Entry { mode, owner, content: Content::Directory });
    }

    /// A symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.insert(path, Entry { mode: 0o777, owner: 0, content: Content::Link(target.to_owned()) });
    }

    /// The archive.
    ///
    /// # Errors
    /// A path or link that is too long for the format (255 and 100 bytes).
    pub fn to_tar(&self) -> io::Result<Vec<u8>> {
        let mut archive = Archive::new(Vec::new());
        for (path, entry) in &self.entries {
            match &entry.content {
                Content::File(bytes) => archive.append(path, entry.mode, entry.owner, Kind::File(bytes))?,
                Content::Link(target) => archive.append(path, entry.mode, entry.owner, Kind::Link(target))?,
                Content::Directory => archive.append(&format!("{path}/"), entry.mode, entry.owner, Kind::Directory)?,
            }
        }
        archive.finish()
    }

    fn insert(&mut self, path: &str, entry: Entry) {
        let path = path.trim_matches('/');
        let above = path.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| &path[..at]);
        for directory in above {
            let made = Entry { mode: 0o755, owner: 0, content: Content::Directory };
            self.entries.entry(directory.to_owned()).or_insert(made);
        }
        self.entries.insert(path.to_owned(), entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_making_does_not_matter() {
        let (mut one, mut two) = (Layer::default(), Layer::default());
        one.file("/usr/bin/program", 0o755, *b"p");
        one.directory("/tmp", 0o1777, 0);
        one.link("/lib", "usr/lib");
        two.link("lib", "usr/lib");
        two.directory("tmp", 0o1777, 0);
        two.file("usr/bin/program", 0o755, *b"p");
        assert_eq!(one.to_tar().unwrap(), two.to_tar().unwrap());
        let paths: Vec<&String> = one.entries.keys().collect();
        assert_eq!(paths, ["lib", "tmp", "usr", "usr/bin", "usr/bin/program"]);
    }
}
