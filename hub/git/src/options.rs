//! What an operator may set. Parsed once, handed over whole.

use std::time::Duration;

/// Limits and permissions of a [`GitCache`](crate::GitCache).
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether `file://` and absolute paths are accepted as repositories. Off: whoever may name a repository could otherwise read the hub's disk.
    pub allow_local: bool,
    /// Most bytes of one fetched pack.
    pub fetch_bytes: u64,
    /// Most bytes of one object, unpacked; a pack that announces a larger one is refused before it is unpacked.
    pub object_bytes: u64,
    /// Most objects of one fetched pack.
    pub fetch_objects: u64,
    /// Most refs a server may list.
    pub max_refs: usize,
    /// Most time for a TCP and TLS handshake.
    pub connect_timeout: Duration,
    /// Most time for one question about refs, however slowly the server drips its answer.
    pub ask_timeout: Duration,
    /// Most time for one fetch, however slowly the server drips the pack.
    pub fetch_timeout: Duration,
    /// How long nothing more is fetched into a mirror that found its disk full, after it was evicted: room that was made is noticed that late, and
    /// a pack that does not fit is downloaded that often.
    pub full_disk_pause: Duration,
    /// Most threads busy with libgit2 at once.
    pub blocking_threads: usize,
    /// Most questions and downloads in flight at once, over all repositories.
    pub concurrent_requests: usize,
    /// Whether `HTTPS_PROXY`, `NO_PROXY` and their like count for repositories that have no proxy of their own.
    pub environment_proxy: bool,
    /// What servers see as `User-Agent` and git `agent`; no spaces.
    pub user_agent: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow_local: false,
            fetch_bytes: 1 << 30,
            object_bytes: 256 << 20,
            fetch_objects: 5_000_000,
            max_refs: 100_000,
            connect_timeout: Duration::from_secs(10),
            ask_timeout: Duration::from_secs(30),
            fetch_timeout: Duration::from_secs(300),
            full_disk_pause: Duration::from_secs(15),
            blocking_threads: 8,
            concurrent_requests: 128,
            environment_proxy: false,
            // Some servers choose the protocol by an agent that begins with "git/".
            user_agent: concat!("git/2.0-windlass-", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
