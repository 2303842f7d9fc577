//! The rows of clusters' desired state, as they are stored.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use windlass_domain::desired_state::digest_of_rows;
use windlass_domain::digest::Digest;
use windlass_domain::target::{PauseKind, TargetRow};

use super::arg::args;
use super::row::{Row, json};
use super::tx::Tx;
use crate::error::{Error, Result};

/// A row of the table: reads `desired` and `operation`.
pub(super) fn read(row: &Row) -> Result<TargetRow> {
    let mut target: TargetRow = row.json("desired")?;
    if let TargetRow::Present(spec) = &mut target {
        spec.operation = row.opt_json("operation")?;
    }
    Ok(target)
}

/// An application's rows by cluster.
pub(super) async fn of_application(tx: &mut Tx, application: Uuid) -> Result<BTreeMap<Uuid, TargetRow>> {
    let text = "SELECT cluster, desired, operation FROM targets WHERE application = $1";
    tx.all(text, args![application]).await?.iter().map(|row| Ok((row.uuid("cluster")?, read(row)?))).collect()
}

/// One row.
pub(super) async fn get(tx: &mut Tx, application: Uuid, cluster: Uuid) -> Result<Option<TargetRow>> {
    let text = "SELECT desired, operation FROM targets WHERE application = $1 AND cluster = $2";
    tx.optional(text, args![application, cluster]).await?.as_ref().map(read).transpose()
}

/// A cluster's rows that changed after a generation; 0 gives all.
pub(super) async fn of_cluster(tx: &mut Tx, cluster: Uuid, after: u64) -> Result<Vec<TargetRow>> {
    let text =
        "SELECT desired, operation FROM targets WHERE cluster = $1 AND changed_generation > $2 ORDER BY application";
    tx.all(text, args![cluster, after]).await?.iter().map(read).collect()
}

/// [`DesiredState::digest`](windlass_domain::desired_state::DesiredState::digest) of a cluster's rows, from their stored bytes.
pub(super) async fn digest_of_cluster(tx: &mut Tx, cluster: Uuid) -> Result<Digest> {
    let rows = tx.all("SELECT application, desired FROM targets WHERE cluster = $1", args![cluster]).await?;
    let rows = rows.iter().map(|row| Ok((row.uuid("application")?, row.text("desired")?)));
    Ok(digest_of_rows(rows.collect::<Result<BTreeMap<_, _>>>()?.values()))
}

/// Writes a row; its digest, as chains have it.
pub(super) async fn save(tx: &mut Tx, cluster: Uuid, row: &TargetRow, generation: u64) -> Result<Digest> {
    let columns = Columns::of(row)?;
    let digest = Digest::of(columns.desired.as_bytes());
    let text = "INSERT INTO targets (application, cluster, desired, operation, changed_generation, waits) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (application, cluster) DO UPDATE SET desired = excluded.desired, operation = excluded.operation,
            changed_generation = excluded.changed_generation, waits = excluded.waits";
    let args = args![row.application(), cluster, columns.desired, columns.operation, generation, waits(row)];
    tx.execute(text, args).await?;
    save_contents(tx, row.application(), cluster).await?;
    Ok(digest)
}

/// Whether it waits for another application.
fn waits(row: &TargetRow) -> bool {
    let TargetRow::Present(spec) = row else { return false };
    spec.paused.as_ref().is_some_and(|paused| paused.kind == PauseKind::DependsOn)
}

/// Brings a stored row into the form of today. It is no change.
pub(super) async fn rewrite(tx: &mut Tx, cluster: Uuid, row: &TargetRow) -> Result<()> {
    let Columns { desired, operation } = Columns::of(row)?;
    let text = "UPDATE targets SET desired = $3, operation = $4 WHERE application = $1 AND cluster = $2";
    tx.execute(text, args![row.application(), cluster, desired, operation]).await?;
    Ok(())
}

/// A row as its columns have it.
struct Columns {
    /// The bytes that chains and comparisons cover.
    desired: String,
    operation: Option<String>,
}

impl Columns {
    fn of(row: &TargetRow) -> Result<Self> {
        let desired = String::from_utf8(row.chained_bytes())
            .map_err(|error| Error::Invalid(format!("a row cannot be written as JSON: {error}")))?;
        let operation = match row {
            TargetRow::Present(spec) => spec.operation.as_ref().map(json).transpose()?,
            TargetRow::Removing(_) => None,
        };
        Ok(Self { desired, operation })
    }
}

/// Notes which contents a target names: what its cluster may fetch, and what is not garbage.
pub(super) async fn save_contents(tx: &mut Tx, application: Uuid, cluster: Uuid) -> Result<()> {
    let text = "SELECT desired, operation, held FROM targets WHERE application = $1 AND cluster = $2";
    let Some(row) = tx.optional(text, args![application, cluster]).await? else { return Ok(()) };
    tx.execute("DELETE FROM target_contents WHERE application = $1 AND cluster = $2", args![application, cluster])
        .await?;
    for digest in named(&read(&row)?, row.opt_digest("held")?) {
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
