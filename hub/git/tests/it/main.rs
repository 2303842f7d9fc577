//! The git engine against the real `git`: repositories on disk, and `git http-backend` behind TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod certificates;
mod files;
mod full_disk;
mod https;
mod limits;
mod local;
mod lying;
mod proxy;
mod server;
mod work_tree;

use std::time::Duration;

use windlass_git::{GitCache, Options, Repository, RepositoryUrl};

/// A cache in a directory of its own.
struct Cache {
    git: GitCache,
    directory: tempfile::TempDir,
}

impl Cache {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = Options { allow_local: true, ask_timeout: Duration::from_secs(20), ..Options::default() };
        change(&mut options);
        Self { git: GitCache::open(directory.path().to_owned(), options).unwrap(), directory }
    }

    /// The only mirror.
    fn mirror(&self) -> std::path::PathBuf {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths.find(|path| path.extension().is_some_and(|e| e == "git")).unwrap()
    }
}

fn local(path: &std::path::Path) -> Repository {
    Repository::new(RepositoryUrl::parse(path.to_str().unwrap()).unwrap())
}
