//! Which hubs live. Each counts its beats in a row of its own; the others watch the count, each by its own clock, as hubs' clocks may differ.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::arg::args;
use super::tx::Tx;
use crate::error::Result;

/// A hub whose count stands still for so long is dead: three beats.
const SILENCE: Duration = Duration::from_secs(45);

/// This process among the hubs of its database.
pub(super) struct Presence {
    id: Uuid,
    /// The others' counts, with the time at which each was first seen.
    seen: Mutex<BTreeMap<String, (i64, Timestamp)>>,
}

// === impl Presence ===

impl Presence {
    pub(super) fn new() -> Self {
        Self { id: Uuid::new_v4(), seen: Mutex::default() }
    }

    /// Before its first session opens: a session of a hub that has no count is taken for a dead one's.
    pub(super) async fn begin(&self, tx: &mut Tx) -> Result<()> {
        tx.execute("INSERT INTO hubs (id, beats) VALUES ($1, 0)", args![self.id]).await?;
        Ok(())
    }

    pub(super) fn id(&self) -> Uuid {
        self.id
    }

    /// Takes the others' counts and answers who has been silent for too long.
    fn silent(&self, counts: Vec<(String, i64)>, now: Timestamp) -> Vec<String> {
        let mut seen = self.seen.lock();
        let before = std::mem::take(&mut *seen);
        let mut silent = Vec::new();
        for (hub, beats) in counts {
            let since = before.get(&hub).filter(|(counted, _)| *counted == beats).map_or(now, |(_, since)| *since);
            if now.duration_since(since).unsigned_abs() >= SILENCE && since <= now {
                silent.push(hub);
            } else {
                seen.insert(hub, (beats, since));
            }
        }
        silent
    }
}

/// Counts one beat, takes back what another hub took for dead, and ends the sessions of hubs that are silent. A database that nobody shares needs none of it.
pub(super) async fn beat(store: &SqlStore, now: Timestamp) -> Result<u64> {
    if !store.db.is_shared() {
        return Ok(0);
    }
    let id = store.presence.id();
    let mut tx = store.db.write().await?;
    let text = "INSERT INTO hubs (id, beats) VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET beats = hubs.beats + 1 RETURNING beats";
    let beats = tx.one(text, args![id]).await?.int("beats")?;
    let others = tx.all("SELECT id, beats FROM hubs WHERE id <> $1", args![id]).await?;
    let others = others.iter().map(|row| Ok((row.text("id")?, row.int("beats")?))).collect::<Result<Vec<_>>>()?;
    tx.commit().await?;
    if beats == 1 {
        connect(store, id, now).await?;
    }
    let mut ended = 0;
    for hub in store.presence.silent(others, now) {
        ended += end(store, &hub, now).await?;
    }
    let orphans = orphans(&mut store.db.read().await?).await?;
    for hub in orphans {
        ended += end(store, &hub, now).await?;
    }
    Ok(ended)
}

/// Sessions of hubs that have no count: their hub was ended in an earlier look, and one of its last writes came after it.
async fn orphans(tx: &mut Tx) -> Result<Vec<String>> {
    let text = "SELECT DISTINCT c.hub FROM clusters c LEFT JOIN hubs h ON h.id = c.hub WHERE c.connected = 1 AND c.hub IS NOT NULL AND h.id IS NULL";
    tx.all(text, args![]).await?.iter().map(|row| row.text("hub")).collect()
}

/// This hub was taken for dead, and is not: its sessions are as they were, unless they have ended or are another hub's by now.
async fn connect(store: &SqlStore, id: Uuid, now: Timestamp) -> Result<()> {
    let mut write = store.write().await?;
    let taken = write.all("SELECT uid FROM clusters WHERE hub = $1 AND connected = 0", args![id]).await?;
    for row in &taken {
        let revision = write.next_revision();
        let text = "UPDATE clusters SET connected = 1, connection_changed_at = $2, revision = $3 WHERE uid = $1";
        write.execute(text, args![row.uuid("uid")?, now, revision]).await?;
    }
    if !taken.is_empty() {
        tracing::warn!(clusters = taken.len(), "another hub took this one for dead; its sessions are shown again");
        write.commit().await?;
    }
    Ok(())
}

/// A hub that ends as it should leaves no count behind.
pub(super) async fn end_own(store: &SqlStore) -> Result<()> {
    let mut tx = store.db.write().await?;
    tx.execute("DELETE FROM hubs WHERE id = $1", args![store.presence.id]).await?;
    tx.commit().await
}

async fn end(store: &SqlStore, hub: &str, now: Timestamp) -> Result<u64> {
    let mut write = store.write().await?;
    let gone = write.all("SELECT uid FROM clusters WHERE hub = $1 AND connected = 1", args![hub]).await?;
    for row in &gone {
        let revision = write.next_revision();
        let text = "UPDATE clusters SET connected = 0, connection_changed_at = $2, revision = $3 WHERE uid = $1";
        write.execute(text, args![row.uuid("uid")?, now, revision]).await?;
    }
    write.execute("DELETE FROM hubs WHERE id = $1", args![hub]).await?;
    write.commit().await?;
    tracing::warn!(hub, clusters = gone.len(), "a hub is silent: its sessions are over");
    Ok(gone.len() as u64)
}

/// In a database that nobody else uses, every count is of a process that is over.
pub(super) async fn forget_all(tx: &mut Tx) -> Result<()> {
    tx.execute("DELETE FROM hubs", args![]).await?;
    Ok(())
}
