//! A small disk that can be filled. It takes root to make one.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

const FILLER: &str = "filler";

/// A tmpfs mounted at a folder. Dropping it unmounts it, and what was on it is gone.
#[derive(Debug)]
pub struct Tmpfs {
    folder: PathBuf,
}

impl Tmpfs {
    /// Mounts one of this size (`8m`) at a folder, which is made. Nothing when we are not root: the caller says that it did
    /// not run.
    pub fn mount(folder: &Path, size: &str) -> Result<Option<Self>> {
        let root = std::fs::metadata("/proc/self").is_ok_and(|itself| itself.uid() == 0);
        if !root {
            return Ok(None);
        }
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"]).arg(folder);
        let status = mount.status().context("running mount")?;
        ensure!(status.success(), "mount tmpfs at {}: {status}", folder.display());
        Ok(Some(Self { folder: folder.to_owned() }))
    }

    /// Fills it to the last byte.
    pub fn fill(&self) -> Result<()> {
        use std::io::Write as _;
        let path = self.folder.join(FILLER);
        let mut file =
            std::fs::OpenOptions::new().create(true).append(true).open(&path).context("making the filler")?;
        let block = [0_u8; 4096];
        let mut length = block.len();
        // A shorter piece may still fit where a whole block does not.
        while length > 0 {
            match file.write(&block[..length]) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => length /= 2,
                Err(error) => return Err(error).context("filling the disk"),
            }
        }
        Ok(())
    }

    /// Makes room again.
    pub fn free(&self) -> Result<()> {
        std::fs::remove_file(self.folder.join(FILLER)).context("removing the filler")
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a process that is being ended may still hold files of it.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}
