//! Chunks as files of one directory that nobody else may read, locked for as long as it is open.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::chunks::ChunkStore;
use super::{Error, MAX_CHUNK};

const POINTER: &str = "pointer";
const LOCK: &str = "lock";
const CHUNK: &str = "chunk-";
const TEMPORARY: &str = "tmp-pointer";
/// Files synced at once.
const SYNCS: usize = 16;

/// A [`ChunkStore`] in a directory. Files have mode 0600, the directory 0700. The lock is the kernel's: it ends with the process, however that ends.
#[derive(Debug)]
pub struct DirectoryChunks {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Chunks since the last pointer write: they are synced together with the next, which on most file systems costs as much as one.
    unsynced: Mutex<BTreeMap<String, File>>,
    /// The chunk that was last appended to, open.
    appended: Mutex<Option<(String, File)>>,
    /// Held for its lock.
    _lock: File,
}

// === impl DirectoryChunks ===

impl DirectoryChunks {
    /// Opens a directory, makes it where it is missing, and removes what interrupted writes left half-written.
    ///
    /// # Errors
    /// [`Error::InUse`] while another process (or another value in this one) has it open.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let inner = blocking(move || Inner::open(path)).await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = self.inner.clone();
        blocking(move || work(&inner)).await
    }
}

#[async_trait]
impl ChunkStore for DirectoryChunks {
    async fn read_pointer(&self) -> Result<Option<Vec<u8>>, Error> {
        self.run(|inner| inner.read(POINTER)).await
    }

    async fn write_pointer(&self, bytes: &[u8]) -> Result<(), Error> {
        let bytes = bytes.to_vec();
        self.run(move |inner| inner.write_pointer(&bytes)).await
    }

    async fn read_chunk(&self, name: &str) -> Result<Vec<u8>, Error> {
        let file = file_of(name)?;
        let found = self.run(move |inner| inner.read(&file)).await?;
        found.ok_or_else(|| Error::Corrupt { what: format!("chunk {name}"), why: "is missing" })
    }

    async fn write_chunk(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() > MAX_CHUNK {
            return Err(Error::Io(format!(
                "chunk {name} has {} bytes, and at most {MAX_CHUNK} are allowed",
                bytes.len()
            )));
        }
        let (file, bytes) = (file_of(name)?, bytes.to_vec());
        self.run(move |inner| inner.write_chunk(file, &bytes)).await
    }

    async fn delete_chunk(&self, name: &str) -> Result<(), Error> {
        let file = file_of(name)?;
        self.run(move |inner| inner.remove(&file)).await
    }

    async fn list_chunks(&self) -> Result<Vec<String>, Error> {
        self.run(|inner| {
            let files = inner.files()?;
            Ok(files.iter().filter_map(|file| file.strip_prefix(CHUNK)).map(str::to_owned).collect())
        })
        .await
    }

    fn appends(&self) -> bool {
        true
    }

    async fn append(&self, name: &str, at: u64, bytes: &[u8]) -> Result<(), Error> {
        let (file, bytes) = (file_of(name)?, bytes.to_vec());
        self.run(move |inner| inner.append(file, at, &bytes)).await
    }
}

/// A name must not lead out of the directory, nor hide what it is.
fn file_of(name: &str) -> Result<String, Error> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 200 || !name.chars().all(plain) {
        return Err(Error::Corrupt { what: format!("chunk name {name:?}"), why: "is not of the form that is written" });
    }
    Ok(format!("{CHUNK}{name}"))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    // It fails when the work panicked, or when the runtime is shutting down.
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::Io(error.to_string())))
}

// === impl Inner ===

impl Inner {
    fn open(path: PathBuf) -> Result<Self, Error> {
        make_private(&path).map_err(failed("making", &path))?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
        let lock = lock.map_err(failed("opening", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(path.display().to_string())),
            Err(TryLockError::Error(error)) => return Err(failed("locking", &lock_path)(error)),
        }
        let inner = Self { path, unsynced: Mutex::default(), appended: Mutex::default(), _lock: lock };
        inner.remove(TEMPORARY)?;
        Ok(inner)
    }

    fn files(&self) -> Result<Vec<String>, Error> {
        let entries = std::fs::read_dir(&self.path).map_err(failed("listing", &self.path))?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect::<io::Result<_>>().map_err(failed("listing", &self.path))
    }

    fn read(&self, file: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path.join(file);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("reading", &path)(error)),
        }
    }

    /// No pointer names it yet, so that nobody minds half of it.
    fn write_chunk(&self, file: String, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path.join(&file);
        let written = write_new(&path, bytes).map_err(failed("writing", &path))?;
        self.unsynced.lock().insert(file, written);
        Ok(())
    }

    /// What an earlier try left behind `at` goes first: only what is answered for may be there.
    fn append(&self, file: String, at: u64, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path.join(&file);
        let mut appended = self.appended.lock();
        let open = match appended.take().filter(|(name, _)| *name == file) {
            Some((_, open)) => open,
            None => OpenOptions::new().write(true).open(&path).map_err(failed("opening", &path))?,
        };
        let written = cut_to(&open, at).and_then(|()| open.write_all_at(bytes, at)).and_then(|()| open.sync_data());
        if written.is_err() {
            // Where there is no room, what was half-written must not go on taking it.
            let _ = open.set_len(at);
        }
        *appended = Some((file, open));
        written.map_err(failed("appending to", &path))
    }

    /// Written aside and synced, with the chunks; then renamed, and the rename synced.
    fn write_pointer(&self, bytes: &[u8]) -> Result<(), Error> {
        let (path, aside) = (self.path.join(POINTER), self.path.join(TEMPORARY));
        let mut files: Vec<File> = std::mem::take(&mut *self.unsynced.lock()).into_values().collect();
        let written = write_new(&aside, bytes)
            .and_then(|pointer| {
                files.push(pointer);
                sync_all(&files)
            })
            .and_then(|()| std::fs::rename(&aside, &path))
            .and_then(|()| File::open(&self.path)?.sync_all());
        written.map_err(failed("writing", &path))
    }

    fn remove(&self, file: &str) -> Result<(), Error> {
        self.unsynced.lock().remove(file);
        self.appended.lock().take_if(|(name, _)| name == file);
        let path = self.path.join(file);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("removing", &path)(error)),
            _ => Ok(()),
        }
    }
}

fn cut_to(file: &File, length: u64) -> io::Result<()> {
    match file.metadata()?.len().cmp(&length) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => file.set_len(length),
        Ordering::Less => Err(io::Error::other("it is shorter than what was written to it")),
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let written = file.write_all(bytes);
    if written.is_err() {
        // Where there is no room, what was half-written must not go on taking it.
        let _ = std::fs::remove_file(path);
    }
    written.map(|()| file)
}

/// Side by side, so that a journal commits them at once.
fn sync_all(files: &[File]) -> io::Result<()> {
    for some in files.chunks(SYNCS) {
        std::thread::scope(|scope| {
            let syncs: Vec<_> = some.iter().map(|file| scope.spawn(|| file.sync_all())).collect();
            let results =
                syncs.into_iter().map(|sync| sync.join().unwrap_or_else(|_| Err(io::Error::other("a thread failed"))));
            // All of them are waited for.
            results.collect::<Vec<_>>().into_iter().collect::<io::Result<()>>()
        })?;
    }
    Ok(())
}

fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::of_io(&format!("{doing} {}", path.display()), &error)
}
