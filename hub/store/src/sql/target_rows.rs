//! The rows of clusters' desired state, as they are stored.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::target::TargetRow;

use super::arg::args;
use super::row::json;
use super::tx::Tx;
use crate::error::Result;

/// An application's rows by cluster.
pub(super) async fn of_application(tx: &mut Tx, application: Uuid) -> Result<BTreeMap<Uuid, TargetRow>> {
    let rows = tx.all("SELECT cluster, desired FROM targets WHERE application = $1", args![application]).await?;
    rows.iter().map(|row| Ok((row.uuid("cluster")?, row.json("desired")?))).collect()
}

/// One row.
pub(super) async fn get(tx: &mut Tx, application: Uuid, cluster: Uuid) -> Result<Option<TargetRow>> {
    let row = tx
        .optional("SELECT desired FROM targets WHERE application = $1 AND cluster = $2", args![application, cluster])
        .await?;
    row.map(|row| row.json("desired")).transpose()
}

/// A cluster's rows that changed after a generation; 0 gives all.
pub(super) async fn of_cluster(tx: &mut Tx, cluster: Uuid, after: u64) -> Result<Vec<TargetRow>> {
    let text = "SELECT desired FROM targets WHERE cluster = $1 AND changed_generation > $2 ORDER BY application";
    tx.all(text, args![cluster, after]).await?.iter().map(|row| row.json("desired")).collect()
}

pub(super) async fn save(tx: &mut Tx, cluster: Uuid, row: &TargetRow, generation: u64) -> Result<()> {
    let text = "INSERT INTO targets (application, cluster, desired, changed_generation) VALUES ($1, $2, $3, $4)
        ON CONFLICT (application, cluster) DO UPDATE SET desired = excluded.desired, changed_generation = excluded.changed_generation";
    tx.execute(text, args![row.application(), cluster, json(row)?, generation]).await?;
    save_contents(tx, row.application(), cluster).await
}

/// Notes which contents a target names: what its cluster may fetch, and what is not garbage.
pub(super) async fn save_contents(tx: &mut Tx, application: Uuid, cluster: Uuid) -> Result<()> {
    let text = "SELECT desired, held FROM targets WHERE application = $1 AND cluster = $2";
    let Some(row) = tx.optional(text, args![application, cluster]).await? else { return Ok(()) };
    tx.execute("DELETE FROM target_contents WHERE application = $1 AND cluster = $2", args![application, cluster])
        .await?;
    for digest in named(&row.json("desired")?, row.opt_digest("held")?) {
        let text = "INSERT INTO target_contents (application, cluster, digest) VALUES ($1, $2, $3)";
        tx.execute(text, args![application, cluster, digest]).await?;
    }
    Ok(())
}

/// A target on its way out needs no contents: what is removed is known from the agent's inventory.
fn named(row: &TargetRow, held: Option<Digest>) -> BTreeSet<Digest> {
    let TargetRow::Present(spec) = row else { return BTreeSet::new() };
    let operation = spec.operation.as_ref().map(|operation| operation.bundle);
    [spec.bundle, spec.settings].into_iter().chain(operation).chain(held).collect()
}
