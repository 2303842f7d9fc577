//! Where an identity's small files are: a directory that only the agent's user may read, or the entries of one Secret.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::Error;
use crate::home::OwnedSecret;

/// Far more than any of the files has.
const MAX_BYTES: u64 = 1024 * 1024;

/// Named contents, each replaced whole and durable when the call returns. Its calls block: make them where that is fine. Clones share the place.
#[derive(Clone)]
pub struct Files {
    place: Place,
}

#[derive(Clone)]
enum Place {
    Directory(PathBuf),
    /// Entries of the Secret; the runtime on which the apiserver is asked.
    Secret(Arc<OwnedSecret>, Handle),
}

// === impl Files ===

impl Files {
    /// In a directory, made when something is written first. Files are 0600, written beside and renamed, with fsync.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self { place: Place::Directory(path.into()) }
    }

    /// In a Secret. Call it inside a runtime of several threads.
    pub fn secret(secret: OwnedSecret) -> Self {
        Self { place: Place::Secret(Arc::new(secret), Handle::current()) }
    }

    /// The file, as people find it.
    pub(super) fn path(&self, name: &str) -> String {
        match &self.place {
            Place::Directory(directory) => directory.join(name).display().to_string(),
            Place::Secret(secret, _) => format!("{name} of Secret {}", secret.path()),
        }
    }

    /// A file's bytes; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::File`], which names the file.
    pub fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let found = match &self.place {
            Place::Directory(directory) => read(&directory.join(name)),
            Place::Secret(secret, runtime) => runtime.block_on(secret.read(name)).map_err(io::Error::other),
        };
        found.map_err(|source| self.failed(name, source))
    }

    /// Replaces a file, or makes it.
    ///
    /// # Errors
    /// [`Error::File`], which names the file.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let written = match &self.place {
            Place::Directory(directory) => replace(directory, name, bytes),
            Place::Secret(secret, runtime) => {
                runtime.block_on(secret.write(&[(name, Some(bytes))])).map_err(io::Error::other)
            }
        };
        written.map_err(|source| self.failed(name, source))
    }

    /// Removes a file; one that is not there is fine.
    pub(super) fn remove(&self, name: &str) -> Result<(), Error> {
        let removed = match &self.place {
            Place::Directory(directory) => match fs::remove_file(directory.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
            Place::Secret(secret, runtime) => runtime.block_on(secret.write(&[(name, None)])).map_err(io::Error::other),
        };
        removed.map_err(|source| self.failed(name, source))
    }

    fn failed(&self, name: &str, source: io::Error) -> Error {
        Error::File { path: self.path(name), source }
    }
}

fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    match File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(source),
    }
}

fn replace(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let path = directory.join(name);
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, &path)?;
    // The name is durable only when its directory is.
    File::open(directory)?.sync_all()
}
