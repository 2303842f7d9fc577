//! Where a pack waits until all of it has arrived: in memory while small, in a file when large. A slow server thus holds neither a thread nor the
//! mirror.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::AsyncWriteExt;

/// Packs up to this size never touch the disk twice.
const MEMORY: usize = 4 << 20;

/// Bytes received so far; the file, if any, is removed on drop.
pub(crate) struct Spool {
    directory: PathBuf,
    memory: Vec<u8>,
    file: Option<(PathBuf, tokio::fs::File)>,
    length: u64,
}

// === impl Spool ===

impl Spool {
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), memory: Vec::new(), file: None, length: 0 }
    }

    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.length += bytes.len() as u64;
        self.memory.extend_from_slice(bytes);
        if self.memory.len() > MEMORY { self.spill().await } else { Ok(()) }
    }

    async fn spill(&mut self) -> std::io::Result<()> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (_, file) = match &mut self.file {
            Some(file) => file,
            none => {
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let path = self.directory.join(format!("{}-{number}.pack", std::process::id()));
                let file = tokio::fs::File::create(&path).await?;
                none.insert((path, file))
            }
        };
        file.write_all(&self.memory).await?;
        self.memory.clear();
        Ok(())
    }

    /// Ends writing; everything is in memory, or everything is in the file.
    pub(crate) async fn finish(&mut self) -> std::io::Result<()> {
        if self.file.is_some() {
            self.spill().await?;
        }
        if let Some((_, file)) = &mut self.file {
            file.flush().await?;
        }
        Ok(())
    }

    /// Reads it all from the start, after [`finish`](Self::finish).
    pub(crate) fn reader(&self) -> std::io::Result<Box<dyn Read + '_>> {
        Ok(match &self.file {
            Some((path, _)) => Box::new(std::fs::File::open(path)?),
            None => Box::new(self.memory.as_slice()),
        })
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Some((path, _)) = &self.file
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), %error, "a temporary pack could not be removed");
        }
    }
}
