//! A writing transaction: it takes its revisions from the feed's row, and tells of them once it is committed.

use std::ops::{Deref, DerefMut};

use tokio::sync::watch;

use super::arg::args;
use super::tx::Tx;
use crate::error::{Error, Result};
use crate::model::ChangeKind;

/// A transaction with the feed's row locked: from here to its end no other writes to the feed.
pub(super) struct Write {
    tx: Tx,
    newest: watch::Sender<u64>,
    before: u64,
    revision: u64,
    tombstones: u64,
}

// === impl Write ===

impl Write {
    pub(super) async fn begin(mut tx: Tx, newest: watch::Sender<u64>) -> Result<Self> {
        let row = match tx {
            Tx::Sqlite(_) => tx.one("SELECT revision FROM feed WHERE id = 1", args![]).await?,
            Tx::Postgres(..) => tx.one("SELECT revision FROM feed WHERE id = 1 FOR UPDATE", args![]).await?,
        };
        let before = row.number("revision")?;
        Ok(Self { tx, newest, before, revision: before, tombstones: 0 })
    }

    /// A revision of its own for each thing that changes, so that the feed can be read in pages of any size.
    pub(super) fn next_revision(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    /// The feed's newest revision, with what this transaction took.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Says in the feed that a thing is gone.
    pub(super) async fn bury(&mut self, kind: ChangeKind, id: &str, name: &str) -> Result<()> {
        let revision = self.next_revision();
        self.tombstones += 1;
        let text = "INSERT INTO tombstones (revision, kind, id, name) VALUES ($1, $2, $3, $4)";
        self.tx.execute(text, args![revision, super::feed::kind_name(kind), id, name]).await?;
        Ok(())
    }

    /// Forgets tombstones beyond `keep`, and raises the floor to the newest of them.
    pub(super) async fn prune_tombstones(&mut self, keep: u64) -> Result<()> {
        let text = "SELECT revision FROM tombstones ORDER BY revision DESC LIMIT 1 OFFSET $1";
        let Some(row) = self.tx.optional(text, args![keep]).await? else { return Ok(()) };
        let floor = row.number("revision")?;
        self.tx.execute("DELETE FROM tombstones WHERE revision <= $1", args![floor]).await?;
        self.tx.execute("UPDATE feed SET floor = $1 WHERE id = 1 AND floor < $1", args![floor]).await?;
        Ok(())
    }

    /// How many things it buried.
    pub(super) fn buried(&self) -> u64 {
        self.tombstones
    }

    /// Makes it durable. When this fails, whether it took effect is not known, unless the error says that nothing was written. Once begun it goes on without
    /// its caller: a request that is given up after its commit is told of all the same.
    pub(super) async fn commit(self) -> Result<()> {
        let ended =
            |error: tokio::task::JoinError| Error::Unavailable { cause: format!("the commit was cut off: {error}") };
        tokio::spawn(self.finish()).await.map_err(ended)?
    }

    async fn finish(mut self) -> Result<()> {
        if self.revision > self.before {
            self.tx.execute("UPDATE feed SET revision = $1 WHERE id = 1", args![self.revision]).await?;
        }
        failpoint("store::before_commit")?;
        self.tx.commit().await?;
        announce(&self.newest, self.revision);
        failpoint("store::after_commit")
    }
}

impl Deref for Write {
    type Target = Tx;
    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Tx {
        &mut self.tx
    }
}

/// Tells watchers of a newer revision; they are never told of an older one.
pub(super) fn announce(newest: &watch::Sender<u64>, revision: u64) {
    newest.send_if_modified(|seen| {
        let newer = revision > *seen;
        *seen = revision.max(*seen);
        newer
    });
}

/// A named place where tests make the store fail, wait or end the process; nothing in a release.
fn failpoint(name: &'static str) -> Result<()> {
    fail::fail_point!(name, |_| Err(Error::Unavailable { cause: format!("failpoint {name}") }));
    // Without the feature `faults` the macro takes no argument.
    let _ = name;
    Ok::<(), Error>(())
}
