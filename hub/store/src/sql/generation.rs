//! Generations: what one transaction changes in clusters' rows is one step of each cluster's history.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use parking_lot::Mutex;
use uuid::Uuid;
use windlass_domain::desired_state::{Chain, Position};
use windlass_domain::digest::{Digest, hex, unhex};
use windlass_domain::target::TargetRow;

use super::arg::args;
use super::row::{Row, unreadable};
use super::tx::Tx;
use super::write::Write;
use super::{status, target_rows};
use crate::error::{Error, Result};
use crate::model::ClusterPosition;

/// The clusters whose rows a transaction changes: each gets one new generation, at the cost of what changes.
#[derive(Clone, Default)]
pub(super) struct Generations {
    clusters: BTreeMap<Uuid, Step>,
}

/// One cluster's new generation.
#[derive(Clone)]
struct Step {
    before: Position,
    /// The rows that it changes, by application; `None` for one that goes.
    changes: BTreeMap<Uuid, Option<Digest>>,
}

// === impl Generations ===

impl Generations {
    /// Writes a row.
    pub(super) async fn set(&mut self, write: &mut Write, cluster: Uuid, row: &TargetRow) -> Result<()> {
        let step = self.of(write, cluster).await?;
        let digest = target_rows::save(write, cluster, row, step.before.generation + 1).await?;
        step.changes.insert(row.application(), Some(digest));
        status::row_changed(write, cluster, row).await?;
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
        let step = self.of(write, cluster).await?;
        step.changes.insert(application, None);
        let generation = step.before.generation + 1;
        write
            .execute("DELETE FROM targets WHERE application = $1 AND cluster = $2", args![application, cluster])
            .await?;
        let text = "INSERT INTO removed_targets (cluster, application, generation) VALUES ($1, $2, $3)
            ON CONFLICT (cluster, application) DO UPDATE SET generation = excluded.generation";
        write.execute(text, args![cluster, application, generation]).await?;
        Ok(())
    }

    /// The cluster's next generation.
    async fn of(&mut self, write: &mut Write, cluster: Uuid) -> Result<&mut Step> {
        Ok(match self.clusters.entry(cluster) {
            Entry::Occupied(step) => step.into_mut(),
            Entry::Vacant(place) => {
                place.insert(Step { before: position(write, cluster).await?, changes: BTreeMap::new() })
            }
        })
    }

    /// Links the new generations into the clusters' histories. Rows may no longer change after it.
    pub(super) async fn finish(self, write: &mut Write) -> Result<Vec<ClusterPosition>> {
        let mut positions = Vec::with_capacity(self.clusters.len());
        for (cluster, Step { before, changes }) in self.clusters {
            let chain = before.chain.next(changes.iter().map(|(application, row)| (application, row.as_ref())));
            let position = Position { generation: before.generation + 1, chain, ..before };
            let chain = hex(&position.chain.0);
            let text = "UPDATE clusters SET generation = $2, chain = $3 WHERE uid = $1";
            write.execute(text, args![cluster, position.generation, &chain]).await?;
            let text = "INSERT INTO generations (cluster, generation, chain) VALUES ($1, $2, $3)";
            write.execute(text, args![cluster, position.generation, chain]).await?;
            positions.push(ClusterPosition { cluster, position });
        }
        Ok(positions)
    }
}

/// Digests of all rows of clusters, each as of a generation: made when a session asks, and kept while nothing changes.
#[derive(Default)]
pub(super) struct RowDigests(Mutex<BTreeMap<Uuid, (Position, Digest)>>);

impl RowDigests {
    /// The digest of a cluster's rows at the position where this transaction sees it.
    pub(super) async fn of(&self, tx: &mut Tx, cluster: Uuid, position: Position) -> Result<Digest> {
        if let Some((at, digest)) = self.0.lock().get(&cluster)
            && *at == position
        {
            return Ok(*digest);
        }
        let digest = target_rows::digest_of_cluster(tx, cluster).await?;
        self.0.lock().insert(cluster, (position, digest));
        Ok(digest)
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
