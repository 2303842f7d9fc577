//! Generations: what one transaction changes in clusters' rows is one step of each cluster's history.

use std::collections::BTreeMap;

use uuid::Uuid;
use windlass_domain::desired_state::{Chain, DesiredState, Position};
use windlass_domain::digest::{hex, unhex};
use windlass_domain::target::TargetRow;

use super::arg::args;
use super::row::{Row, unreadable};
use super::target_rows;
use super::tx::Tx;
use super::write::Write;
use crate::error::{Error, Result};
use crate::model::ClusterPosition;

/// The clusters whose rows a transaction changes: each gets one new generation.
#[derive(Default)]
pub(super) struct Generations {
    /// Where each stood before.
    before: BTreeMap<Uuid, Position>,
}

// === impl Generations ===

impl Generations {
    /// Writes a row.
    pub(super) async fn set(&mut self, write: &mut Write, cluster: Uuid, row: &TargetRow) -> Result<()> {
        let generation = self.of(write, cluster).await?;
        target_rows::save(write, cluster, row, generation).await?;
        // An earlier removal of the same target is over: the row says what is wanted now.
        write
            .execute(
                "DELETE FROM removed_targets WHERE cluster = $1 AND application = $2",
                args![cluster, row.application()],
            )
            .await?;
        Ok(())
    }

    /// Drops the row of a finished removal, with the target's status and objects.
    pub(super) async fn drop_row(&mut self, write: &mut Write, cluster: Uuid, application: Uuid) -> Result<()> {
        let generation = self.of(write, cluster).await?;
        write
            .execute("DELETE FROM targets WHERE application = $1 AND cluster = $2", args![application, cluster])
            .await?;
        let text = "INSERT INTO removed_targets (cluster, application, generation) VALUES ($1, $2, $3)
            ON CONFLICT (cluster, application) DO UPDATE SET generation = excluded.generation";
        write.execute(text, args![cluster, application, generation]).await?;
        Ok(())
    }

    /// The cluster's next generation.
    async fn of(&mut self, write: &mut Write, cluster: Uuid) -> Result<u64> {
        if let Some(before) = self.before.get(&cluster) {
            return Ok(before.generation + 1);
        }
        let before = position(write, cluster).await?;
        self.before.insert(cluster, before);
        Ok(before.generation + 1)
    }

    /// Links the new generations into the clusters' histories. Rows may no longer change after it.
    pub(super) async fn finish(self, write: &mut Write) -> Result<Vec<ClusterPosition>> {
        let mut positions = Vec::with_capacity(self.before.len());
        for (cluster, before) in self.before {
            let state = DesiredState::of(target_rows::of_cluster(write, cluster, 0).await?);
            let position = Position { generation: before.generation + 1, chain: before.chain.next(&state), ..before };
            let chain = hex(&position.chain.0);
            let text = "UPDATE clusters SET generation = $2, chain = $3, rows_digest = $4 WHERE uid = $1";
            write.execute(text, args![cluster, position.generation, &chain, state.digest()]).await?;
            let text = "INSERT INTO generations (cluster, generation, chain) VALUES ($1, $2, $3)";
            write.execute(text, args![cluster, position.generation, chain]).await?;
            positions.push(ClusterPosition { cluster, position });
        }
        Ok(positions)
    }
}

/// Where a cluster's desired state stands.
pub(super) async fn position(tx: &mut Tx, cluster: Uuid) -> Result<Position> {
    let text =
        "SELECT i.incarnation, c.generation, c.chain FROM clusters c, installation i WHERE c.uid = $1 AND i.id = 1";
    let row = tx.optional(text, args![cluster]).await?.ok_or_else(|| Error::not_found("cluster", cluster))?;
    read_position(&row)
}

/// Reads incarnation, generation and chain.
pub(super) fn read_position(row: &Row) -> Result<Position> {
    let chain = unhex(&row.text("chain")?).and_then(|bytes| bytes.try_into().ok()).map(Chain);
    Ok(Position {
        incarnation: row.uuid("incarnation")?,
        generation: row.number("generation")?,
        chain: chain.ok_or_else(|| unreadable("chain", "not 64 hex digits"))?,
    })
}

/// Whether a position is part of the cluster's kept history.
pub(super) async fn knows(tx: &mut Tx, cluster: Uuid, current: &Position, held: &Position) -> Result<bool> {
    if held.incarnation != current.incarnation {
        return Ok(false);
    }
    if held.generation == 0 {
        return Ok(held.chain == Chain::START);
    }
    let text = "SELECT generation FROM generations WHERE cluster = $1 AND generation = $2 AND chain = $3";
    Ok(tx.optional(text, args![cluster, held.generation, hex(&held.chain.0)]).await?.is_some())
}

/// Forgets the history before a generation that is durable at the agent.
pub(super) async fn forget_before(tx: &mut Tx, cluster: Uuid, acked: u64) -> Result<()> {
    tx.execute("DELETE FROM generations WHERE cluster = $1 AND generation < $2", args![cluster, acked]).await?;
    tx.execute("DELETE FROM removed_targets WHERE cluster = $1 AND generation <= $2", args![cluster, acked]).await?;
    Ok(())
}
