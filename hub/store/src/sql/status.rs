//! What agents report, all of a call in one transaction.

use std::collections::BTreeSet;

use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::status::{StatusDelta, SyncStatus, TargetSummary};
use windlass_domain::target::TargetRow;
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::arg::args;
use super::generation::Generations;
use super::row::json;
use super::tx::Tx;
use super::write::Write;
use super::{applications, clusters, history, operations, rank, resources, sessions, target_rows};
use crate::error::Result;
use crate::model::{AgentReport, ClusterPosition, Session};

/// All of it in one transaction: the position that is durable at the agent, the bundles that it holds, and statuses.
pub(super) async fn report(
    store: &SqlStore,
    session: Session,
    report: &AgentReport,
    now: Timestamp,
) -> Result<Vec<ClusterPosition>> {
    let mut write = sessions::fenced(store, session).await?;
    let before = write.revision();
    let (mut generations, mut touched) = (Generations::default(), BTreeSet::new());
    let mut acked = false;
    if let Some(generation) = report.acked {
        acked = sessions::ack(&mut write, session, generation).await?;
    }
    for (application, bundle) in &report.held {
        if sessions::held(&mut write, session, *application, *bundle).await? {
            touched.insert(*application);
        }
    }
    for delta in &report.statuses {
        apply_one(&mut write, &mut generations, &mut touched, session, delta, now).await?;
    }
    // Once, whatever was said of it.
    for application in touched {
        applications::touch(&mut write, application).await?;
    }
    let positions = generations.finish(&mut write).await?;
    if write.revision() > before {
        clusters::finish_removal(&mut write, session.cluster).await?;
    }
    if acked || write.revision() > before {
        store.commit(write).await?;
    }
    Ok(positions)
}

/// Of a target that has no row nothing is kept: its removal is finished, or it never was the hub's.
async fn apply_one(
    write: &mut Write,
    generations: &mut Generations,
    touched: &mut BTreeSet<Uuid>,
    session: Session,
    delta: &StatusDelta,
    now: Timestamp,
) -> Result<()> {
    let (application, cluster) = (delta.application, session.cluster);
    let Some(row) = target_rows::get(write, application, cluster).await? else { return Ok(()) };
    if let Some(state) = &delta.summary.operation {
        let active = match &row {
            TargetRow::Present(spec) => spec.operation.as_ref().map(|operation| operation.id),
            TargetRow::Removing(_) => None,
        };
        let has_ended = operations::put_state(write, (application, cluster), active, state, now).await?;
        if has_ended {
            history::record(write, application, cluster, &delta.summary, now).await?;
        }
    }
    if delta.summary.removed && matches!(row, TargetRow::Removing(_)) {
        operations::end_all(write, application, cluster, now).await?;
        generations.drop_row(write, cluster, application).await?;
        touched.remove(&application);
        return clusters::settle(write, application).await;
    }
    let changed_status = save_summary(write, session, &row, delta).await?;
    let changed_row = finish_operation(write, generations, session, row, delta).await?;
    if changed_status || changed_row {
        resources::apply(write, cluster, delta).await?;
        touched.insert(application);
    }
    Ok(())
}

/// Whether it is another report than the one that is stored.
async fn save_summary(write: &mut Write, session: Session, row: &TargetRow, delta: &StatusDelta) -> Result<bool> {
    let target = (delta.application, session.cluster);
    let text = "SELECT digest FROM target_status WHERE application = $1 AND cluster = $2";
    let stored = write.optional(text, args![target.0, target.1]).await?;
    let stored = stored.map(|row| row.opt_digest("digest")).transpose()?.flatten();
    if stored == Some(delta.digest) {
        return Ok(false);
    }
    // Changes to a report that the hub does not have whole do not make it whole: the next comparison asks for all of it.
    let digest = (delta.full || stored.is_some()).then_some(delta.digest);
    save(write, target, row, delta.summary.clone(), Some(digest)).await?;
    Ok(true)
}

/// Writes a summary, and its digest where one is given. An operation's results are not part of it: the operation's own record has them.
pub(super) async fn save(
    tx: &mut Tx,
    (application, cluster): (Uuid, Uuid),
    row: &TargetRow,
    mut summary: TargetSummary,
    digest: Option<Option<Digest>>,
) -> Result<()> {
    if let Some(operation) = &mut summary.operation {
        operation.results.clear();
    }
    let text = "INSERT INTO target_status (application, cluster, summary, digest, sync, reported, health, bundle) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (application, cluster) DO UPDATE SET summary = excluded.summary, digest = CASE WHEN $9 = 1 THEN excluded.digest ELSE target_status.digest END,
            sync = excluded.sync, reported = excluded.reported, health = excluded.health, bundle = excluded.bundle";
    let reported = rank::of_sync(summary.sync);
    let bundle = summary.bundle;
    let shown = match row {
        TargetRow::Present(spec) if bundle != Some(spec.bundle) => reported.max(rank::of_sync(SyncStatus::OutOfSync)),
        _ => reported,
    };
    let args = args![
        application,
        cluster,
        json(&summary)?,
        digest.flatten(),
        shown,
        reported,
        rank::of_health(summary.health),
        bundle,
        digest.is_some(),
    ];
    tx.execute(text, args).await?;
    Ok(())
}

/// What is shown of a report once its target's row is another one: until a report of the new bundle comes, it is not synced.
pub(super) async fn row_changed(tx: &mut Tx, cluster: Uuid, row: &TargetRow) -> Result<()> {
    let out_of_sync = rank::of_sync(SyncStatus::OutOfSync);
    let (text, bundle) = match row {
        TargetRow::Present(spec) => (
            "UPDATE target_status SET sync = CASE WHEN bundle = $3 OR reported > $4 THEN reported ELSE $4 END WHERE application = $1 AND cluster = $2",
            args![spec.bundle, out_of_sync],
        ),
        TargetRow::Removing(_) => {
            ("UPDATE target_status SET sync = reported WHERE application = $1 AND cluster = $2", args![])
        }
    };
    let mut args = args![row.application(), cluster];
    args.extend(bundle);
    tx.execute(text, args).await?;
    Ok(())
}

/// A finished operation leaves its row.
async fn finish_operation(
    write: &mut Write,
    generations: &mut Generations,
    session: Session,
    row: TargetRow,
    delta: &StatusDelta,
) -> Result<bool> {
    let TargetRow::Present(mut spec) = row else { return Ok(false) };
    let Some(state) = delta.summary.operation.as_ref().filter(|state| operations::is_finished(state.phase)) else {
        return Ok(false);
    };
    if spec.operation.as_ref().is_none_or(|active| active.id != state.id) {
        return Ok(false);
    }
    spec.operation = None;
    generations.set(write, session.cluster, &TargetRow::Present(spec)).await?;
    Ok(true)
}
