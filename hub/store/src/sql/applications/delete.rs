//! Deleting an application: its targets leave one by one, and it goes with the last.

use uuid::Uuid;
use windlass_domain::application::{Application, Cascade, Deletion};
use windlass_domain::name::ApplicationName;
use windlass_domain::target::{Removing, TargetRow};
use windlass_domain::time::Timestamp;

use super::{by_name, touch};
use crate::error::{Error, Result};
use crate::model::{ChangeKind, ClusterPosition};
use crate::sql::SqlStore;
use crate::sql::arg::args;
use crate::sql::generation::Generations;
use crate::sql::row::json;
use crate::sql::target_rows;
use crate::sql::write::Write;

pub(in crate::sql) async fn delete(
    store: &SqlStore,
    name: &ApplicationName,
    cascade: Cascade,
    by: &str,
    now: Timestamp,
) -> Result<Vec<ClusterPosition>> {
    let mut write = store.write().await?;
    let application = by_name(&mut write, name).await?.ok_or_else(|| Error::not_found("application", name))?;
    if application.deletion.as_ref().is_some_and(|deletion| deletion.cascade == cascade) {
        return Ok(Vec::new());
    }
    let rows = target_rows::of_application(&mut write, application.uid).await?;
    if rows.is_empty() {
        remove(&mut write, &application).await?;
        store.commit(write).await?;
        return Ok(Vec::new());
    }
    mark(&mut write, application.uid, &Deletion { requested_at: now, cascade, by: by.to_owned() }).await?;
    let mut generations = Generations::default();
    for (cluster, _) in rows {
        let row = TargetRow::Removing(Removing {
            application: application.uid,
            name: name.clone(),
            cascade,
            by: by.to_owned(),
            unasked: false,
            deletion_confirmed: false,
            confirm: application.spec.has_option("Delete=confirm"),
            paused: None,
        });
        generations.set(&mut write, cluster, &row).await?;
    }
    let positions = generations.finish(&mut write).await?;
    touch(&mut write, application.uid).await?;
    store.commit(write).await?;
    Ok(positions)
}

async fn mark(write: &mut Write, uid: Uuid, deletion: &Deletion) -> Result<()> {
    let revision = write.next_revision();
    let text = "UPDATE applications SET deletion = $2, record_revision = $3 WHERE uid = $1";
    write.execute(text, args![uid, json(deletion)?, revision]).await?;
    Ok(())
}

/// Drops an application without targets.
pub(in crate::sql) async fn remove(write: &mut Write, application: &Application) -> Result<()> {
    write.execute("DELETE FROM applications WHERE uid = $1", args![application.uid]).await?;
    write.bury(ChangeKind::Application, &application.uid.to_string(), &application.name.to_string()).await
}
