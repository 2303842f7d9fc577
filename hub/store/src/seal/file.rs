//! The seal key's file: 32 random bytes that only the hub's user may read.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{SealKey, random};
use crate::error::{Error, Result};

// === impl SealKey ===

impl SealKey {
    /// Reads the key, or makes it (mode 0600, durable before this returns) where no file stands. Of several processes that make it at once one wins, and
    /// all return the same key. A file that everybody may read or change is refused; one that its group may read is warned about.
    pub fn load_or_create(path: &Path) -> Result<Self> {
        match load(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => create(path).map_err(|error| failed(path, &error))?,
            Err(error) => return Err(failed(path, &error)),
            Ok(_) => {}
        }
        check_mode(path)?;
        let bytes = load(path).map_err(|error| failed(path, &error))?;
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| {
            Error::Invalid(format!("{} is not a seal key: it has {} bytes instead of 32", path.display(), bytes.len()))
        })?;
        Self::from_bytes(bytes)
    }
}

fn load(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    fs::read(path).map(Zeroizing::new)
}

fn check_mode(path: &Path) -> Result<()> {
    let mode = fs::metadata(path).map_err(|error| failed(path, &error))?.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        let path = path.display();
        return Err(Error::Invalid(format!(
            "the seal key {path} is open to everybody (mode {mode:o}): run chmod 600 {path}"
        )));
    }
    if mode & 0o070 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "the seal key is open to its group; mode 600 is enough");
    }
    Ok(())
}

/// Written beside and linked into place: nobody ever sees half a key, and a key that stands there is never replaced.
fn create(path: &Path) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&directory)?;
    let mut bytes = Zeroizing::new([0; 32]);
    random(bytes.as_mut_slice()).map_err(std::io::Error::other)?;
    let beside = directory.join(format!(".seal-key-{}", uuid::Uuid::new_v4()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = file.write_all(bytes.as_slice()).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| match fs::hard_link(&beside, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    fs::remove_file(&beside)?;
    linked.and_then(|()| File::open(&directory)?.sync_all())
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::Invalid(format!("the seal key {} cannot be used: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys/seal.key");
        let made = SealKey::load_or_create(&path).expect("made");
        let again = SealKey::load_or_create(&path).expect("loaded");
        assert_eq!(made.id(), again.id());
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path().join("keys")).expect("a folder").count(), 1);
    }

    #[test]
    fn a_key_open_to_everybody_or_cut_off_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("seal.key");
        SealKey::load_or_create(&path).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
        assert!(SealKey::load_or_create(&path).map(|_| ()).expect_err("refused").to_string().contains("chmod 600"));
        fs::write(&path, b"short").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");
        assert!(SealKey::load_or_create(&path).map(|_| ()).expect_err("refused").to_string().contains("5 bytes"));
    }
}
