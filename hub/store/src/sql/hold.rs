//! Words of people that change many targets at once: a commit that is held, its release, dependencies that are awaited, deletions that are confirmed, and
//! targets that are given up.

use uuid::Uuid;
use windlass_domain::application::Application;
use windlass_domain::digest::Digest;
use windlass_domain::history::{ApplicationEvent, EventKind, RevisionHold};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::status::{ResourceStatus, TargetSummary};
use windlass_domain::target::{OperationRequest, PauseKind, Paused, TargetRow, TargetSpec};
use windlass_domain::time::Timestamp;

use super::arg::args;
use super::generation::Generations;
use super::row::json;
use super::tx::Tx;
use super::write::Write;
use super::{SqlStore, applications, clusters, contents, events, freeze, operations, target_rows};
use crate::error::{Error, Result};
use crate::model::{ClusterPosition, LeftBehind};

/// Holds an application at a commit: the mark, the rows and the operations that bring it there are one transaction.
pub(super) async fn hold(
    store: &SqlStore,
    application: Uuid,
    hold: &RevisionHold,
    asked: &[(Uuid, OperationRequest)],
    now: Timestamp,
) -> Result<Vec<ClusterPosition>> {
    let mut write = store.write().await?;
    let record = must_stay(&mut write, application).await?;
    contents::must_be_complete(&mut write, hold.bundle).await?;
    mark(&mut write, application, Some(hold)).await?;
    let mut generations = Generations::default();
    for (cluster, row) in target_rows::of_application(&mut write, application).await? {
        let TargetRow::Present(spec) = row else { continue };
        if !hold.covers(cluster) {
            continue;
        }
        let mut spec = moved(spec, hold.bundle, &hold.revision);
        spec.paused = spec.paused.filter(|paused| paused.kind == PauseKind::Freeze);
        if let Some((_, request)) = asked.iter().find(|(asked, _)| *asked == cluster) {
            begin(&mut write, &record, cluster, &mut spec, request, now).await?;
        }
        generations.set(&mut write, cluster, &TargetRow::Present(spec)).await?;
    }
    let message = hold.sentence(&record.name);
    finish(store, write, generations, &record, (EventKind::RolledBack, &hold.by, message), now).await
}

/// Follows git again: rows go back to what was compiled last. `None` when nothing was held.
pub(super) async fn release(
    store: &SqlStore,
    application: Uuid,
    by: &str,
    now: Timestamp,
) -> Result<Option<Vec<ClusterPosition>>> {
    let mut write = store.write().await?;
    let record = must_stay(&mut write, application).await?;
    let row = write.one("SELECT held, source, checked_at FROM applications WHERE uid = $1", args![application]).await?;
    let Some(hold) = row.opt_json::<RevisionHold>("held")? else { return Ok(None) };
    let source = applications::SourceColumns::read(&row)?.with_time(None);
    mark(&mut write, application, None).await?;
    let mut generations = Generations::default();
    let newest = source.bundle.zip(source.revision);
    for (cluster, row) in target_rows::of_application(&mut write, application).await? {
        let (TargetRow::Present(spec), Some((bundle, revision))) = (row, &newest) else { continue };
        if hold.covers(cluster) && spec.bundle != *bundle {
            let mut spec = moved(spec, *bundle, revision);
            if spec.paused.is_none() {
                let synced = synced(&mut write, application, cluster).await?;
                spec.paused = freeze::wait_again(&record.spec, &record.name, *bundle, synced, now);
            }
            generations.set(&mut write, cluster, &TargetRow::Present(spec)).await?;
        }
    }
    let message = "resumed: it follows git again".to_owned();
    finish(store, write, generations, &record, (EventKind::Resumed, by, message), now).await.map(Some)
}

/// What was said of the bundle before does not count for this one.
fn moved(spec: TargetSpec, bundle: Digest, revision: &str) -> TargetSpec {
    if spec.bundle == bundle {
        return TargetSpec { revision: revision.to_owned(), ..spec };
    }
    TargetSpec { bundle, revision: revision.to_owned(), approval: None, deletion_confirmed: false, ..spec }
}

async fn begin(
    write: &mut Write,
    record: &Application,
    cluster: Uuid,
    spec: &mut TargetSpec,
    request: &OperationRequest,
    now: Timestamp,
) -> Result<()> {
    if let Some(active) = &spec.operation {
        let why = format!("operation {} of {} is active: wait for it, or terminate it", active.id, active.by);
        return Err(Error::conflict(format!("application {}", record.name), why));
    }
    operations::put_request(write, record.uid, cluster, request, now).await?;
    spec.operation = Some(request.clone());
    Ok(())
}

async fn mark(write: &mut Write, application: Uuid, hold: Option<&RevisionHold>) -> Result<()> {
    // A compile that began before does not write over it: the record is another one now.
    let revision = write.next_revision();
    let text = "UPDATE applications SET held = $2, held_bundle = $3, record_revision = $4 WHERE uid = $1";
    let args = args![application, hold.map(json).transpose()?, hold.map(|hold| hold.bundle), revision];
    write.execute(text, args).await?;
    Ok(())
}

async fn synced(write: &mut Write, application: Uuid, cluster: Uuid) -> Result<Option<Digest>> {
    let text = "SELECT summary FROM target_status WHERE application = $1 AND cluster = $2";
    let row = write.optional(text, args![application, cluster]).await?;
    Ok(row.map(|row| row.json::<TargetSummary>("summary")).transpose()?.and_then(|summary| summary.synced_bundle))
}

async fn must_stay(write: &mut Write, application: Uuid) -> Result<Application> {
    let record = applications::must_exist(write, application).await?;
    if record.deletion.is_some() {
        return Err(Error::conflict(format!("application {}", record.name), "it is being deleted"));
    }
    Ok(record)
}

async fn finish(
    store: &SqlStore,
    mut write: Write,
    generations: Generations,
    record: &Application,
    (kind, by, message): (EventKind, &str, String),
    at: Timestamp,
) -> Result<Vec<ClusterPosition>> {
    let application = Some(record.name.clone());
    let event =
        ApplicationEvent { at, by: by.to_owned(), kind, application, cluster: String::new(), message, objects: vec![] };
    events::record(&mut write, &event).await?;
    let positions = generations.finish(&mut write).await?;
    applications::touch(&mut write, record.uid).await?;
    store.commit(write).await?;
    Ok(positions)
}

/// Applications with a target that waits for another application.
pub(super) async fn waiting(store: &SqlStore) -> Result<Vec<windlass_domain::name::ApplicationName>> {
    let text = "SELECT DISTINCT a.namespace, a.name FROM targets t JOIN applications a ON a.uid = t.application WHERE t.waits = 1 ORDER BY a.namespace, a.name";
    store.db.read().await?.all(text, args![]).await?.iter().map(applications::name).collect()
}

/// What targets wait for now. A row of another bundle than the one that was looked at, and a frozen one, is left alone.
pub(super) async fn set_waits(
    store: &SqlStore,
    application: Uuid,
    waits: &[(Uuid, Digest, Option<Paused>)],
) -> Result<Vec<ClusterPosition>> {
    let mut write = store.write().await?;
    let mut generations = Generations::default();
    for (cluster, bundle, paused) in waits {
        let Some(TargetRow::Present(mut spec)) = target_rows::get(&mut write, application, *cluster).await? else {
            continue;
        };
        let is_waiting = spec.paused.as_ref().is_some_and(|paused| paused.kind == PauseKind::DependsOn);
        if spec.bundle != *bundle || !is_waiting || spec.paused == *paused {
            continue;
        }
        spec.paused.clone_from(paused);
        generations.set(&mut write, *cluster, &TargetRow::Present(spec)).await?;
    }
    let positions = generations.finish(&mut write).await?;
    if !positions.is_empty() {
        applications::touch(&mut write, application).await?;
        write.commit().await?;
    }
    Ok(positions)
}

/// A person's word for deletions that ask for one: of the bundles that are desired now, or of the removal. Returns how many targets heard it.
pub(super) async fn confirm_deletion(
    store: &SqlStore,
    application: Uuid,
    clusters: &[Uuid],
    by: &str,
    now: Timestamp,
) -> Result<Vec<ClusterPosition>> {
    let mut write = store.write().await?;
    let record = applications::must_exist(&mut write, application).await?;
    let mut generations = Generations::default();
    for (cluster, row) in target_rows::of_application(&mut write, application).await? {
        let confirmed = match row.clone() {
            TargetRow::Present(spec) => TargetRow::Present(TargetSpec { deletion_confirmed: true, ..spec }),
            TargetRow::Removing(removing) => {
                TargetRow::Removing(windlass_domain::target::Removing { deletion_confirmed: true, ..removing })
            }
        };
        if confirmed != row && (clusters.is_empty() || clusters.contains(&cluster)) {
            generations.set(&mut write, cluster, &confirmed).await?;
        }
    }
    let message = "deletions that ask for it were confirmed".to_owned();
    finish(store, write, generations, &record, (EventKind::DeletionConfirmed, by, message), now).await
}

/// Gives up a target on its way out: its row goes without its agent's word, and what it last had is listed. The agent, should it come back, is told that the
/// removal is over, and deletes nothing.
pub(super) async fn abandon(
    store: &SqlStore,
    application: Uuid,
    cluster: Uuid,
    by: &str,
    now: Timestamp,
) -> Result<LeftBehind> {
    let mut write = store.write().await?;
    let record = applications::must_exist(&mut write, application).await?;
    let cluster_name = clusters::name_of(&mut write, cluster).await?;
    let what = || format!("application {}", record.name);
    match target_rows::get(&mut write, application, cluster).await? {
        Some(TargetRow::Removing(_)) => {}
        Some(TargetRow::Present(_)) => {
            let why = format!(
                "it is not being removed from cluster {cluster_name}: only what is on its way out can be given up"
            );
            return Err(Error::conflict(what(), why));
        }
        None => return Err(Error::not_found("target", format!("of {} on cluster {cluster_name}", what()))),
    }
    let (count, objects) = left(&mut write, application, cluster).await?;
    let message = format!(
        "given up on cluster {cluster_name}: {count} objects that were last reported there are left as they are"
    );
    let event = ApplicationEvent {
        at: now,
        by: by.to_owned(),
        kind: EventKind::Abandoned,
        application: Some(record.name.clone()),
        cluster: cluster_name,
        message,
        objects: objects.clone(),
    };
    events::record(&mut write, &event).await?;
    let mut generations = Generations::default();
    generations.drop_row(&mut write, cluster, application).await?;
    let positions = generations.finish(&mut write).await?;
    clusters::settle(&mut write, application).await?;
    store.commit(write).await?;
    Ok(LeftBehind { count, objects, positions })
}

async fn left(write: &mut Write, application: Uuid, cluster: Uuid) -> Result<(u64, Vec<ResourceKey>)> {
    let text = "SELECT COUNT(*) AS objects FROM resources WHERE application = $1 AND cluster = $2";
    let count = write.one(text, args![application, cluster]).await?.number("objects")?;
    let text = "SELECT status FROM resources WHERE application = $1 AND cluster = $2 ORDER BY name LIMIT $3";
    let rows = write.all(text, args![application, cluster, events::OBJECTS]).await?;
    let keys = rows.iter().map(|row| row.json::<ResourceStatus>("status").map(|status| status.key));
    Ok((count, keys.collect::<Result<_>>()?))
}

/// Applications that depend on others.
pub(super) async fn dependents(store: &SqlStore) -> Result<Vec<windlass_domain::dependency::Node>> {
    dependents_in(&mut store.db.read().await?).await
}

/// The same within a transaction.
pub(super) async fn dependents_in(tx: &mut Tx) -> Result<Vec<windlass_domain::dependency::Node>> {
    let text = "SELECT namespace, name, metadata, spec FROM applications WHERE spec LIKE '%\"dependsOn\"%' ORDER BY namespace, name";
    let rows = tx.all(text, args![]).await?;
    let node = |row: &super::row::Row| {
        let metadata: windlass_domain::application::Metadata = row.json("metadata")?;
        let spec: windlass_domain::application::ApplicationSpec = row.json("spec")?;
        Ok(windlass_domain::dependency::Node {
            name: applications::name(row)?,
            labels: metadata.labels,
            depends_on: spec.depends_on,
        })
    };
    rows.iter().map(node).collect()
}
