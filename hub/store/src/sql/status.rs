//! What agents report, all of a call in one transaction.

use windlass_domain::status::StatusDelta;
use windlass_domain::target::TargetRow;
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::arg::args;
use super::generation::Generations;
use super::row::json;
use super::write::Write;
use super::{applications, clusters, operations, rank, resources, sessions, target_rows};
use crate::error::Result;
use crate::model::{ClusterPosition, Session};

pub(super) async fn apply(
    store: &SqlStore,
    session: Session,
    deltas: &[StatusDelta],
    now: Timestamp,
) -> Result<Vec<ClusterPosition>> {
    let mut write = sessions::fenced(store, session).await?;
    let before = write.revision();
    let mut generations = Generations::default();
    for delta in deltas {
        apply_one(&mut write, &mut generations, session, delta, now).await?;
    }
    let positions = generations.finish(&mut write).await?;
    if write.revision() > before {
        store.commit(write).await?;
    }
    Ok(positions)
}

/// Of a target that has no row nothing is kept: its removal is finished, or it never was the hub's.
async fn apply_one(
    write: &mut Write,
    generations: &mut Generations,
    session: Session,
    delta: &StatusDelta,
    now: Timestamp,
) -> Result<()> {
    let (application, cluster) = (delta.application, session.cluster);
    let Some(row) = target_rows::get(write, application, cluster).await? else { return Ok(()) };
    if let Some(state) = &delta.summary.operation {
        operations::put_state(write, application, cluster, state, now).await?;
    }
    if delta.summary.removed && matches!(row, TargetRow::Removing(_)) {
        generations.drop_row(write, cluster, application).await?;
        return clusters::settle(write, application).await;
    }
    let changed_status = save_summary(write, session, delta).await?;
    let changed_row = finish_operation(write, generations, session, row, delta).await?;
    if changed_status || changed_row {
        resources::apply(write, cluster, delta).await?;
        applications::touch(write, application).await?;
    }
    Ok(())
}

/// Whether it is another report than the one that is stored.
async fn save_summary(write: &mut Write, session: Session, delta: &StatusDelta) -> Result<bool> {
    let (application, cluster) = (delta.application, session.cluster);
    let text = "SELECT digest FROM target_status WHERE application = $1 AND cluster = $2";
    let stored = write.optional(text, args![application, cluster]).await?;
    let stored = stored.map(|row| row.opt_digest("digest")).transpose()?.flatten();
    if stored == Some(delta.digest) {
        return Ok(false);
    }
    // Changes to a report that the hub does not have whole do not make it whole: the next comparison asks for all of it.
    let digest = (delta.full || stored.is_some()).then_some(delta.digest);
    let text = "INSERT INTO target_status (application, cluster, summary, digest, sync, health) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (application, cluster) DO UPDATE SET summary = excluded.summary, digest = excluded.digest, sync = excluded.sync, health = excluded.health";
    let summary = &delta.summary;
    let args = args![
        application,
        cluster,
        json(summary)?,
        digest,
        rank::of_sync(summary.sync),
        rank::of_health(summary.health)
    ];
    write.execute(text, args).await?;
    Ok(true)
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
