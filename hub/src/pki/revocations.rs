//! The list of revocations outside the database. It is only ever appended to, by every hub that has it, and read again when it grows.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use windlass_domain::identity::revocation::{self, MAX_BYTES, Revocation, Unreadable};

/// What is revoked whatever the database says. Cheap to clone; clones share everything. Without a file it is empty, and keeps nothing.
#[derive(Clone, Default)]
pub struct Revocations {
    file: Option<Arc<PathBuf>>,
    known: Arc<RwLock<Known>>,
}

#[derive(Default)]
struct Known {
    serials: HashSet<String>,
    /// The file's length when it was read last.
    read: u64,
}

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file cannot be read or written.
    #[error("the list of revocations {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("the list of revocations {path}: {source}")]
    Line {
        /// The file.
        path: String,
        /// Which, and why.
        source: Unreadable,
    },
    /// The file is too long.
    #[error(
        "the list of revocations {path} has more than {MAX_BYTES} bytes: move it away, with a copy of those lines whose certificates have not ended 90 days ago"
    )]
    TooLong {
        /// The file.
        path: String,
    },
}

// === impl ListError ===

impl ListError {
    /// Whether the same may work later: a disk may have room again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::File { .. })
    }
}

// === impl Revocations ===

impl Revocations {
    /// Reads the list; a file that is not there yet is made at the first revocation.
    pub fn open(path: PathBuf) -> Result<Self, ListError> {
        let list = Self { file: Some(Arc::new(path)), known: Arc::default() };
        list.refresh()?;
        Ok(list)
    }

    /// Whether a certificate is on it.
    pub fn holds(&self, serial: &str) -> bool {
        self.known.read().serials.contains(serial)
    }

    /// Whether there is a list at all.
    pub fn is_kept(&self) -> bool {
        self.file.is_some()
    }

    /// The serial numbers on it.
    pub fn serials(&self) -> Vec<String> {
        self.known.read().serials.iter().cloned().collect()
    }

    /// Reads it again where it is longer or shorter than before. Whether it was. Blocks on the disk.
    pub fn refresh(&self) -> Result<bool, ListError> {
        let Some(path) = &self.file else { return Ok(false) };
        let failed = |source| ListError::File { path: path.display().to_string(), source };
        let mut text = String::new();
        let length = match File::open(path.as_path()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
            Ok(file) => {
                let length = file.metadata().map_err(failed)?.len();
                if length == self.known.read().read {
                    return Ok(false);
                }
                if length > MAX_BYTES {
                    return Err(ListError::TooLong { path: path.display().to_string() });
                }
                file.take(MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
                length
            }
        };
        let line = |source| ListError::Line { path: path.display().to_string(), source };
        let read = revocation::read(&text).map_err(line)?;
        let mut known = self.known.write();
        // What was once on the list stays refused while this process lives, even if somebody shortens the file.
        known.serials.extend(read.into_iter().map(|revocation| revocation.serial));
        known.read = length;
        Ok(true)
    }

    /// Appends those that are not on it, durably. Blocks on the disk. Afterwards they are refused.
    pub fn append(&self, revocations: &[Revocation]) -> Result<(), ListError> {
        let Some(path) = &self.file else { return Ok(()) };
        self.refresh()?;
        let new: Vec<_> = revocations.iter().filter(|revocation| !self.holds(&revocation.serial)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let failed = |source| ListError::File { path: path.display().to_string(), source };
        let mut text = String::new();
        for revocation in &new {
            text.push_str(&revocation.to_line().map_err(|error| failed(error.into()))?);
        }
        write(path, &text).map_err(failed)?;
        let mut known = self.known.write();
        known.serials.extend(new.into_iter().map(|revocation| revocation.serial.clone()));
        Ok(())
    }
}

/// In one write, after the end of whatever line was cut off before.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let torn = is_torn(&mut file)?;
    if torn {
        // The torn line is nobody's: nobody was told that it holds. As a line of its own it would be unreadable.
        let kept = whole_lines(path)?;
        file.set_len(kept)?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn is_torn(file: &mut File) -> std::io::Result<bool> {
    use std::io::{Seek as _, SeekFrom};
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn whole_lines(path: &Path) -> std::io::Result<u64> {
    let bytes = std::fs::read(path)?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Ok(u64::try_from(end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use windlass_domain::time::from_millis;

    use super::*;

    fn revocation(serial: &str) -> Revocation {
        let (by, reason) = ("ann".into(), String::new());
        Revocation { at: from_millis(1), cluster: Uuid::nil(), serial: serial.into(), by, reason }
    }

    #[test]
    fn what_was_appended_is_refused_by_every_hub_that_reads_the_file_and_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("revoked.jsonl");
        let (one, other) =
            (Revocations::open(path.clone()).expect("a list"), Revocations::open(path.clone()).expect("a list"));
        one.append(&[revocation("0a"), revocation("0b")]).expect("written");
        assert!(one.holds("0a") && one.holds("0b") && !other.holds("0a"));
        assert!(other.refresh().expect("read") && other.holds("0a"));
        let length = std::fs::metadata(&path).expect("a file").len();
        other.append(&[revocation("0a")]).expect("nothing to write");
        assert_eq!(std::fs::metadata(&path).expect("a file").len(), length);
        assert!(Revocations::open(path).expect("a list").holds("0b"));
    }

    #[test]
    fn a_torn_line_is_left_out_and_the_next_one_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("revoked.jsonl");
        Revocations::open(path.clone()).expect("a list").append(&[revocation("0a")]).expect("written");
        let mut text = std::fs::read_to_string(&path).expect("text");
        text.push_str("{\"at\":\"20");
        std::fs::write(&path, &text).expect("written");
        let list = Revocations::open(path.clone()).expect("a list");
        list.append(&[revocation("0b")]).expect("written");
        let again = Revocations::open(path.clone()).expect("a list");
        assert!(again.holds("0a") && again.holds("0b"));
        std::fs::write(&path, format!("nonsense\n{text}")).expect("written");
        assert!(Revocations::open(path).is_err(), "who cannot read what is revoked lets nobody in");
    }

    #[test]
    fn without_a_file_nothing_is_kept() {
        let list = Revocations::default();
        list.append(&[revocation("0a")]).expect("nothing to do");
        assert!(!list.holds("0a") && !list.is_kept());
    }
}
