//! The store over SQL: one text for every query, two engines under it.
//!
//! `engine`, `sqlite`, `tx`, `arg` and `row` hide which engine it is; `write` is a transaction of the feed; every other module is one aggregate. A call reads in one
//! transaction that sees one state, or writes in one that takes its revisions from the feed.

mod amend;
mod applications;
mod arg;
mod authorities;
mod clusters;
mod contents;
mod delta;
mod desired;
mod engine;
mod events;
mod feed;
mod freeze;
mod generation;
mod history;
mod hold;
mod identities;
mod installation;
mod installs;
mod join;
mod migrate;
mod operations;
mod page;
mod presence;
mod principals;
mod projects;
mod rank;
mod repositories;
mod resources;
mod row;
mod sessions;
mod settings;
mod sqlite;
mod status;
mod store;
mod target_rows;
mod target_views;
mod tx;
mod upgrades;
mod url;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use engine::Db;
use write::Write;

pub use url::StoreUrl;

use crate::error::Result;
use crate::model::Installation;
use crate::seal::SealKey;

/// The store over SQLite or PostgreSQL. Dropped, it closes nothing at once; see [`close`](Self::close).
pub struct SqlStore {
    db: Arc<Db>,
    seal: SealKey,
    installation: Installation,
    limits: Limits,
    newest: watch::Sender<u64>,
    presence: presence::Presence,
    row_digests: generation::RowDigests,
    /// Commits that wait to be written together.
    together: desired::Together,
    /// Entries written to the request log since the store was opened.
    logged: AtomicU64,
    /// Tombstones written since the store was opened.
    buried: AtomicU64,
    follower: Option<JoinHandle<()>>,
}

/// How much of what only grows is kept.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Removals that a watch can still learn of; older cursors are told to list again.
    pub tombstones: u64,
    /// Entries of the request log; pruned now and then, so that there may be up to a thousand more.
    pub request_log: u64,
    /// How long PostgreSQL may take for one answer before the call fails as [`crate::Error::Unavailable`]. Its own limit for a statement is 10 s: more than that
    /// is for a server that is silent.
    pub answer: std::time::Duration,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { tombstones: 100_000, request_log: 100_000, answer: std::time::Duration::from_secs(15) }
    }
}

// === impl SqlStore ===

impl SqlStore {
    /// Opens the database, makes it when there is none, and brings its schema up to date. A database of a newer version, and one that was sealed with
    /// another key, are refused. A SQLite file belongs to one process; PostgreSQL may be shared.
    pub async fn open(url: &StoreUrl, seal: SealKey) -> Result<Self> {
        Self::open_with(url, seal, Limits::default()).await
    }

    /// Opens with other limits than the default ones.
    pub async fn open_with(url: &StoreUrl, seal: SealKey, limits: Limits) -> Result<Self> {
        let db = Db::open(url, limits.answer).await?;
        migrate::run(&db).await?;
        let newest = watch::Sender::new(0);
        let mut write = Write::begin(db.write().await?, newest.clone()).await?;
        let installation = installation::load_or_create(&mut write, &seal).await?;
        if !db.is_shared() {
            sessions::close_all(&mut write).await?;
        }
        write.prune_tombstones(limits.tombstones).await?;
        let presence = presence::Presence::new();
        if !db.is_shared() {
            presence::forget_all(&mut write).await?;
        }
        presence.begin(&mut write).await?;
        write.commit().await?;
        let db = Arc::new(db);
        let follower = db.is_shared().then(|| tokio::spawn(feed::follow(db.clone(), newest.clone())));
        Ok(Self {
            db,
            seal,
            installation,
            limits,
            newest,
            presence,
            row_digests: generation::RowDigests::default(),
            together: desired::Together::default(),
            logged: AtomicU64::new(0),
            buried: AtomicU64::new(0),
            follower,
        })
    }

    /// The version of the schema that this build writes.
    pub fn schema_version() -> i64 {
        migrate::SCHEMA_VERSION
    }

    /// Waits for running transactions and closes every connection. Calls after it fail.
    pub async fn close(&self) {
        if let Some(follower) = &self.follower {
            follower.abort();
        }
        if let Err(error) = presence::end_own(self).await {
            tracing::debug!(%error, "this hub's end was not stored; the others find it by its silence");
        }
        self.db.close().await;
    }

    async fn write(&self) -> Result<Write> {
        Write::begin(self.db.write().await?, self.newest.clone()).await
    }

    /// Commits a transaction that may have buried something, and prunes tombstones now and then.
    async fn commit(&self, mut write: Write) -> Result<()> {
        let buried = write.buried();
        if buried > 0 {
            let every = (self.limits.tombstones / 100).max(1);
            let before = self.buried.fetch_add(buried, Ordering::Relaxed);
            if before / every != (before + buried) / every {
                write.prune_tombstones(self.limits.tombstones).await?;
            }
        }
        write.commit().await
    }

    async fn ping_database(&self) -> Result<()> {
        feed::revision(&mut self.db.read().await?).await.map(drop)
    }
}

impl Drop for SqlStore {
    fn drop(&mut self) {
        if let Some(follower) = &self.follower {
            follower.abort();
        }
    }
}
