//! The settings of the whole installation: one record.

use std::collections::BTreeMap;

use super::SqlStore;
use super::arg::args;
use super::row::json;
use super::tx::Tx;
use crate::error::{Error, Result};
use crate::model::{Expected, Put, PutOutcome, SystemSettings};

/// There is one record.
const ID: &str = "system";

pub(super) async fn get(store: &SqlStore) -> Result<SystemSettings> {
    Ok(load(&mut store.db.read().await?).await?.unwrap_or_default())
}

async fn load(tx: &mut Tx) -> Result<Option<SystemSettings>> {
    let row = tx.optional("SELECT data, revision FROM settings WHERE id = $1", args![ID]).await?;
    row.map(|row| Ok(SystemSettings { data: row.json("data")?, revision: row.number("revision")? })).transpose()
}

pub(super) async fn put(
    store: &SqlStore,
    data: &BTreeMap<String, String>,
    expected: Expected,
) -> Result<Put<SystemSettings>> {
    let mut write = store.write().await?;
    let stored = load(&mut write).await?;
    let found = stored.clone().unwrap_or_default();
    if stored.is_some() && found.data == *data {
        return Ok(Put { value: found, outcome: PutOutcome::Unchanged });
    }
    if let Expected::Revision(revision) = expected
        && revision != found.revision
    {
        return Err(Error::conflict("settings", "they were changed since they were read: read them again"));
    }
    let value = SystemSettings { data: data.clone(), revision: write.next_revision() };
    let text = "INSERT INTO settings (id, data, revision) VALUES ($1, $2, $3)
        ON CONFLICT (id) DO UPDATE SET data = excluded.data, revision = excluded.revision";
    write.execute(text, args![ID, json(&value.data)?, value.revision]).await?;
    write.commit().await?;
    let outcome = if stored.is_some() { PutOutcome::Changed } else { PutOutcome::Created };
    Ok(Put { value, outcome })
}
