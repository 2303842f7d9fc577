//! Removing a cluster with its objects: its targets leave as those of a deleted application do, and the record goes with the last of them.

use uuid::Uuid;
use windlass_domain::application::Cascade;
use windlass_domain::target::{Removing, TargetRow};
use windlass_domain::time::Timestamp;

use super::{by_name, delete::remove};
use crate::error::{Error, Result};
use crate::model::{ClusterPosition, ClusterRemoval};
use crate::sql::SqlStore;
use crate::sql::applications;
use crate::sql::arg::args;
use crate::sql::generation::Generations;
use crate::sql::row::json;
use crate::sql::target_rows;
use crate::sql::write::Write;

/// Marks it, and asks its agent to delete what every application has there. Nothing is targeted at it from here on.
pub(in crate::sql) async fn begin(
    store: &SqlStore,
    name: &str,
    by: &str,
    now: Timestamp,
) -> Result<Vec<ClusterPosition>> {
    let mut write = store.write().await?;
    let cluster = by_name(&mut write, name).await?.ok_or_else(|| Error::not_found("cluster", name))?;
    let revision = write.next_revision();
    let removal = json(&ClusterRemoval { by: by.to_owned(), at: now })?;
    let text =
        "UPDATE clusters SET removal = COALESCE(removal, $2), record_revision = $3, revision = $3 WHERE uid = $1";
    write.execute(text, args![cluster.uid, removal, revision]).await?;
    let mut generations = Generations::default();
    for row in target_rows::of_cluster(&mut write, cluster.uid, 0).await? {
        let TargetRow::Present(spec) = row else { continue };
        let application = applications::must_exist(&mut write, spec.application).await?;
        let row = TargetRow::Removing(Removing {
            application: spec.application,
            name: spec.name,
            cascade: Cascade::Foreground,
            by: by.to_owned(),
            unasked: false,
            deletion_confirmed: false,
            confirm: application.spec.has_option("Delete=confirm"),
            paused: None,
        });
        generations.set(&mut write, cluster.uid, &row).await?;
        applications::touch(&mut write, spec.application).await?;
    }
    let positions = generations.finish(&mut write).await?;
    finish(&mut write, cluster.uid).await?;
    store.commit(write).await?;
    Ok(positions)
}

/// Drops the record of a cluster that is to go and has nothing left.
pub(in crate::sql) async fn finish(write: &mut Write, cluster: Uuid) -> Result<()> {
    let text = "SELECT name FROM clusters WHERE uid = $1 AND removal IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM targets t WHERE t.cluster = clusters.uid)";
    match write.optional(text, args![cluster]).await? {
        Some(row) => remove(write, cluster, &row.text("name")?).await,
        None => Ok(()),
    }
}
