//! One temporary folder a scenario: removed when the scenario passed, kept and named when it did not.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// One folder for what this process's scenarios share: clusters, a database server. What runs of processes that are gone
/// have left is removed.
pub fn of_this_process() -> Result<PathBuf> {
    let parent = std::env::temp_dir().join("windlass-e2e-clusters");
    std::fs::create_dir_all(&parent).context("making a folder for clusters")?;
    for entry in std::fs::read_dir(&parent)?.flatten() {
        let is_alive = PathBuf::from("/proc").join(entry.file_name()).exists();
        if !is_alive {
            // Another run may be removing it too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let folder = parent.join(std::process::id().to_string());
    std::fs::create_dir_all(&folder).context("making a folder for clusters")?;
    Ok(folder)
}

/// The folder of one scenario. Dropping it before [`Folder::succeed`] keeps it and says where it is.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    /// A new folder below the system's temporary one; `WINDLASS_KEEP=1` keeps it in any case.
    pub fn create(name: &str) -> Result<Self> {
        Self::create_in(&std::env::temp_dir(), name)
    }

    /// The same elsewhere.
    pub fn create_in(parent: &Path, name: &str) -> Result<Self> {
        let made = tempfile::Builder::new().prefix(&format!("windlass-{name}-")).tempdir_in(parent);
        let path = made.with_context(|| format!("making a folder for {name}"))?.keep();
        let path = path.canonicalize().with_context(|| format!("resolving {}", path.display()))?;
        Ok(Self { path, keep: true })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Nothing in it is needed any more.
    pub fn succeed(&mut self) {
        self.keep = std::env::var_os("WINDLASS_KEEP").is_some();
    }
}

impl Drop for Folder {
    #[allow(clippy::print_stderr, reason = "whoever looks at a failed test needs the place of its logs")]
    fn drop(&mut self) {
        if self.keep {
            eprintln!("logs and data are kept in {self}");
        } else if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("{self} could not be removed: {error}");
        }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}
