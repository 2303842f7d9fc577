//! A git cache whose disk is full. Needs root, for a small file system of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use windlass_domain::source::{SourceTree, TreePath};
use windlass_git::{Error, GitCache, Options};

use crate::server::Server;
use crate::work_tree::WorkTree;

/// A file system in memory; unmounted on drop.
struct Disk {
    directory: tempfile::TempDir,
}

impl Disk {
    /// `None` where this process may not mount.
    fn new(size: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "windlass-test"], directory.path());
        mounted.then_some(Self { directory })
    }

    fn grow(&self, size: &str) {
        assert!(mount(&["-o", &format!("remount,size={size}")], self.directory.path()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.directory.path()).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let output = Command::new("mount").args(arguments).arg(at).output();
    output.is_ok_and(|output| output.status.success())
}

fn noise(length: usize) -> String {
    let mut seed = 7u64;
    let next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + (seed >> 33) as u8 % 94)
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_keeps_no_half_and_clears_by_itself() {
    let Some(disk) = Disk::new("3m") else {
        eprintln!("not run: this process may not mount a tmpfs (needs root)");
        return;
    };
    let work = WorkTree::new();
    let first = work.commit(&[("app/a", "one")]);
    let server = Server::start(work.path().to_owned());
    let repository = server.repository(".git");
    let options = Options { full_disk_pause: Duration::ZERO, ..Options::default() };
    let git = GitCache::open(disk.directory.path().to_owned(), options).unwrap();
    assert_eq!(git.resolve(&repository, "main").await.unwrap().revision.as_str(), first);

    // 6 MB pass through a file, 4 MB fit into memory and fail where they are indexed.
    for size in [8_000_000, 4_600_000] {
        let big = work.commit(&[("app/b", &noise(size))]);
        let error = git.resolve(&repository, "main").await.unwrap_err();
        assert!(matches!(error, Error::DiskFull { .. }) && error.is_retryable(), "{error:?}");
        assert!(error.to_string().contains("enlarge"), "{error}");
        let whole = windlass_domain::revision::Revision::parse(&big).unwrap();
        assert!(git.tree(&repository, &whole).await.is_err(), "no part of the new commit can be read");
        work.git(&["reset", "-q", "--hard", &first]);
        // What fits is fetched again: the mirror was evicted, not lost.
        let got = git.resolve(&repository, "main").await.unwrap();
        let tree = git.tree(&repository, &got.revision).await.unwrap();
        let names: Vec<_> =
            tree.list(&TreePath::parse("app").unwrap()).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["a"]);
    }
    let left: u64 = walk(disk.directory.path());
    assert!(left < 1_000_000, "{left} bytes are left behind");

    let big = work.commit(&[("app/b", &noise(8_000_000))]);
    assert!(git.resolve(&repository, "main").await.is_err());
    disk.grow("64m");
    assert_eq!(git.resolve(&repository, "main").await.unwrap().revision.as_str(), big, "it clears by itself");
}

fn walk(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => walk(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}
