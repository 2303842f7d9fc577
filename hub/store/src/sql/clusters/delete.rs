//! Removing a cluster: its record and everything that hangs on it. What runs in it is left as it is.

use super::by_name;
use crate::error::Result;
use crate::model::ChangeKind;
use crate::sql::SqlStore;
use crate::sql::applications;
use crate::sql::arg::args;
use crate::sql::write::Write;

pub(in crate::sql) async fn delete(store: &SqlStore, name: &str) -> Result<bool> {
    let mut write = store.write().await?;
    let Some(cluster) = by_name(&mut write, name).await? else { return Ok(false) };
    let rows = write.all("DELETE FROM targets WHERE cluster = $1 RETURNING application", args![cluster.uid]).await?;
    for row in rows {
        settle(&mut write, row.uuid("application")?).await?;
    }
    remove(&mut write, cluster.uid, &cluster.name).await?;
    store.commit(write).await?;
    Ok(true)
}

/// Drops a record without targets.
pub(super) async fn remove(write: &mut Write, cluster: uuid::Uuid, name: &str) -> Result<()> {
    write.execute("DELETE FROM clusters WHERE uid = $1", args![cluster]).await?;
    write.bury(ChangeKind::Cluster, &cluster.to_string(), name).await
}

/// An application that lost a target: gone, when it waited for that; rolled up again, when not.
pub(in crate::sql) async fn settle(write: &mut Write, application: uuid::Uuid) -> Result<()> {
    let record = applications::must_exist(write, application).await?;
    let left = write
        .one("SELECT COUNT(*) AS targets FROM targets WHERE application = $1", args![application])
        .await?
        .int("targets")?;
    if record.deletion.is_some() && left == 0 {
        applications::remove(write, &record).await
    } else {
        applications::touch(write, application).await
    }
}
