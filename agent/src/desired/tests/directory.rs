//! The real directory.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::desired::DirectoryChunks;

async fn open(path: &Path) -> Result<Durable, Error> {
    Durable::open(DirectoryChunks::open(path).await?, key()).await
}

fn files(path: &Path) -> Vec<(String, Vec<u8>, u32)> {
    let read = |entry: std::fs::DirEntry| {
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
        (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).expect("bytes"), mode)
    };
    std::fs::read_dir(path).expect("a directory").map(|entry| read(entry.expect("an entry"))).collect()
}

#[tokio::test]
async fn a_secret_is_in_no_file_and_nobody_else_may_read_any() {
    const CANARY: &str = "canary-3f9d1c7e";
    let folder = tempfile::tempdir().expect("a directory");
    let state = folder.path().join("state");
    let durable = open(&state).await.expect("opens");
    let named = format!("content/{CANARY}");
    durable.write(vec![set("content/1", &CANARY.repeat(100)), set(&named, CANARY)]).await.expect("writes");
    durable.close().await;
    let mode = std::fs::metadata(&state).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    for (name, bytes, mode) in files(&state) {
        assert_eq!(mode, 0o600, "{name}");
        assert!(!name.contains(CANARY) && !bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()), "{name}");
    }
    let again = open(&state).await.expect("opens");
    assert_eq!(text(&again, &named).as_deref(), Some(CANARY));
}

#[tokio::test]
async fn a_second_agent_is_kept_out_until_the_first_is_gone() {
    let folder = tempfile::tempdir().expect("a directory");
    let first = open(folder.path()).await.expect("opens");
    assert!(matches!(open(folder.path()).await.err(), Some(Error::InUse(_))));
    first.close().await;
    open(folder.path()).await.expect("opens");
}

#[tokio::test]
async fn what_was_half_written_is_removed_at_open() {
    let folder = tempfile::tempdir().expect("a directory");
    let durable = open(folder.path()).await.expect("opens");
    durable.write(vec![set("a", "1")]).await.expect("writes");
    durable.close().await;
    for left in ["tmp-pointer", "chunk-abc"] {
        std::fs::write(folder.path().join(left), b"half").expect("writes");
    }
    let again = open(folder.path()).await.expect("opens");
    assert_eq!(text(&again, "a").as_deref(), Some("1"));
    let mut names: Vec<String> = files(folder.path()).into_iter().map(|(name, ..)| name).collect();
    names.sort();
    // One of the bucket, and the journal.
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names[..2].iter().all(|name| name.starts_with("chunk-")) && names[2..] == ["lock", "pointer"], "{names:?}");
}

#[tokio::test]
async fn a_full_disk_refuses_the_write_and_takes_the_next_that_fits() {
    let folder = tempfile::tempdir().expect("a directory");
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        eprintln!("not run: mounting a small tmpfs needs root");
        return;
    };
    let state = disk.0.join("state");
    let durable = open(&state).await.expect("opens");
    durable.write(vec![set("small", "1")]).await.expect("writes");
    let refused = durable.write(vec![("large".into(), Some(noise(8 << 20))), set("small", "2")]).await;
    assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
    assert_eq!((text(&durable, "small").as_deref(), durable.read("large")), (Some("1"), None));
    durable.write(vec![("fits".into(), Some(noise(1 << 20)))]).await.expect("writes");
    durable.close().await;
    let again = open(&state).await.expect("opens");
    assert_eq!(text(&again, "small").as_deref(), Some("1"));
    assert!(again.read("fits").is_some() && again.read("large").is_none());
    again.close().await;
}

/// A file system of 4 MiB, for as long as it lives.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(path: &Path) -> Option<Self> {
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "windlass-test"]).arg(path).stderr(std::process::Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_chunk_name_cannot_leave_the_directory() {
    use crate::desired::ChunkStore;
    let folder = tempfile::tempdir().expect("a directory");
    let store = DirectoryChunks::open(folder.path()).await.expect("opens");
    for name in ["../x", "", "a/b", "A", "."] {
        assert!(store.write_chunk(name, b"x").await.is_err(), "{name:?}");
        assert!(store.read_chunk(name).await.is_err(), "{name:?}");
    }
}
