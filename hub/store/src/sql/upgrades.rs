//! Upgrades of agents: few records, each whole. The newest may be under way; the others are kept to be looked at.

use windlass_domain::upgrade::Upgrade;

use super::SqlStore;
use super::arg::args;
use super::row::json;
use crate::error::{Error, Result};
use crate::model::{Expected, StoredUpgrade};

/// So many are kept.
const MOST: u64 = 20;

pub(super) async fn newest_first(store: &SqlStore, most: u32) -> Result<Vec<StoredUpgrade>> {
    let mut tx = store.db.read().await?;
    let text = "SELECT record, revision FROM upgrades ORDER BY started_at DESC, id DESC LIMIT $1";
    let rows = tx.all(text, args![u64::from(most)]).await?;
    let read =
        rows.iter().map(|row| Ok(StoredUpgrade { upgrade: row.json("record")?, revision: row.number("revision")? }));
    read.collect()
}

pub(super) async fn put(store: &SqlStore, upgrade: &Upgrade, expected: Expected) -> Result<StoredUpgrade> {
    let mut write = store.write().await?;
    let text = "SELECT revision FROM upgrades WHERE id = $1";
    let found = write.optional(text, args![upgrade.id]).await?.map(|row| row.number("revision")).transpose()?;
    let fits = match expected {
        Expected::Anything => true,
        Expected::Nothing => found.is_none(),
        Expected::Revision(revision) => found == Some(revision),
    };
    if !fits {
        return Err(Error::conflict("upgrade", "it was changed since it was read: read it again"));
    }
    let stored = StoredUpgrade { upgrade: upgrade.clone(), revision: write.next_revision() };
    let text = "INSERT INTO upgrades (id, started_at, record, revision) VALUES ($1, $2, $3, $4)
        ON CONFLICT (id) DO UPDATE SET record = excluded.record, revision = excluded.revision";
    write.execute(text, args![upgrade.id, upgrade.started_at, json(upgrade)?, stored.revision]).await?;
    let text =
        "DELETE FROM upgrades WHERE id NOT IN (SELECT id FROM upgrades ORDER BY started_at DESC, id DESC LIMIT $1)";
    write.execute(text, args![MOST]).await?;
    write.commit().await?;
    Ok(stored)
}
