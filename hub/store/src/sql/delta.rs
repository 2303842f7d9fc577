//! What a cluster's agent lacks.

use uuid::Uuid;
use windlass_domain::desired_state::{Delta, Position};

use super::SqlStore;
use super::arg::args;
use super::generation::{position, read_position};
use super::target_rows;
use crate::error::{Error, Result};

pub(super) async fn current(store: &SqlStore, cluster: Uuid) -> Result<Position> {
    position(&mut store.db.read().await?, cluster).await
}

pub(super) async fn generations(store: &SqlStore) -> Result<Vec<(Uuid, u64)>> {
    let rows = store.db.read().await?.all("SELECT uid, generation FROM clusters WHERE connected = 1", args![]).await?;
    rows.iter().map(|row| Ok((row.uuid("uid")?, row.number("generation")?))).collect()
}

/// Finished removals are named in a full list too: a row that is merely missing would be frozen at the agent.
pub(super) async fn since(store: &SqlStore, cluster: Uuid, since: Option<u64>) -> Result<Delta> {
    let mut tx = store.db.read().await?;
    let text = "SELECT i.incarnation, c.generation, c.chain, c.acked FROM clusters c, installation i WHERE c.uid = $1 AND i.id = 1";
    let row = tx.optional(text, args![cluster]).await?.ok_or_else(|| Error::not_found("cluster", cluster))?;
    let to = read_position(&row)?;
    // Tombstones are kept from the last acked generation on.
    let floor = row.number("acked")?;
    let from = since.filter(|since| *since > 0 && *since >= floor && *since <= to.generation);
    let after = from.unwrap_or(0);
    let text = "SELECT application FROM removed_targets WHERE cluster = $1 AND generation > $2 ORDER BY application";
    let finished = tx.all(text, args![cluster, after]).await?;
    Ok(Delta {
        from: after,
        to,
        digest: store.row_digests.of(&mut tx, cluster, to).await?,
        rows: target_rows::of_cluster(&mut tx, cluster, after).await?,
        finished: finished.iter().map(|row| row.uuid("application")).collect::<Result<_>>()?,
        full: from.is_none(),
    })
}
