//! Agents' sessions. Each opening raises the cluster's epoch; what belongs to an older one is not written.

use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::discovery::Discovery;
use windlass_domain::exchange::hub::Opened;
use windlass_domain::exchange::{Compare, Hello};
use windlass_domain::status::reported_digest;
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::arg::args;
use super::contents;
use super::generation::{forget_before, knows, read_position};
use super::row::{Row, json};
use super::target_rows::save_contents;
use super::tx::Tx;
use super::write::Write;
use crate::error::{Error, Result};
use crate::model::{Comparison, Session};

pub(super) async fn open(store: &SqlStore, cluster: Uuid, hello: &Hello, now: Timestamp) -> Result<Opened> {
    let mut write = store.write().await?;
    let row = state(&mut write, cluster).await?;
    let epoch = row.number("epoch")? + 1;
    let revision = write.next_revision();
    let text = "UPDATE clusters SET epoch = $2, instance = $3, connected = 1, connection_changed_at = $4, revision = $5, hub = $6, problem = NULL
        WHERE uid = $1";
    write.execute(text, args![cluster, epoch, hello.instance, now, revision, store.presence.id()]).await?;
    let facts = json(&hello.facts)?;
    if row.opt_text("facts")?.as_ref() != Some(&facts) {
        write
            .execute(
                "UPDATE clusters SET facts = $2, record_revision = $3 WHERE uid = $1",
                args![cluster, facts, revision],
            )
            .await?;
    }
    let position = read_position(&row)?;
    let knows_position = match &hello.position {
        Some(held) => knows(&mut write, cluster, &position, held).await?,
        None => true,
    };
    let opened = Opened {
        epoch,
        position,
        rows: store.row_digests.of(&mut write, cluster, position).await?,
        knows_position,
        knows_discovery: row.opt_digest("discovery")? == Some(hello.discovery),
        knows_reports: reported(&mut write, cluster).await? == hello.reported,
    };
    write.commit().await?;
    Ok(opened)
}

/// A cluster's session and position.
async fn state(tx: &mut Tx, cluster: Uuid) -> Result<Row> {
    let text = "SELECT c.epoch, c.facts, c.generation, c.chain, i.incarnation, d.digest AS discovery
        FROM clusters c JOIN installation i ON i.id = 1 LEFT JOIN cluster_discovery d ON d.cluster = c.uid WHERE c.uid = $1";
    tx.optional(text, args![cluster]).await?.ok_or_else(|| Error::not_found("cluster", cluster))
}

/// Digest of what the hub holds of a cluster's reports.
async fn reported(tx: &mut Tx, cluster: Uuid) -> Result<Digest> {
    let text =
        "SELECT application, digest FROM target_status WHERE cluster = $1 AND digest IS NOT NULL ORDER BY application";
    let rows = tx.all(text, args![cluster]).await?;
    let mut reports =
        rows.iter().map(|row| Ok((row.uuid("application")?, row.digest("digest")?))).collect::<Result<Vec<_>>>()?;
    reports.sort_unstable();
    Ok(reported_digest(reports.iter().map(|(application, digest)| (application, digest))))
}

/// A writing transaction of a session: refused once a newer one has opened.
pub(super) async fn fenced(store: &SqlStore, session: Session) -> Result<Write> {
    let mut write = store.write().await?;
    let row = write.optional("SELECT epoch FROM clusters WHERE uid = $1", args![session.cluster]).await?;
    let epoch = row.ok_or_else(|| Error::not_found("cluster", session.cluster))?.number("epoch")?;
    if epoch == session.epoch { Ok(write) } else { Err(Error::Fenced) }
}

pub(super) async fn close(store: &SqlStore, session: Session, now: Timestamp) -> Result<()> {
    let mut write = match fenced(store, session).await {
        Err(Error::Fenced | Error::NotFound { .. }) => return Ok(()),
        other => other?,
    };
    let revision = write.next_revision();
    let text = "UPDATE clusters SET connected = 0, hub = NULL, connection_changed_at = $3, revision = $4 WHERE uid = $1 AND epoch = $2";
    write.execute(text, args![session.cluster, session.epoch, now, revision]).await?;
    write.commit().await
}

/// Whoever opens a database that nobody else uses finds sessions that ended with the process before it.
pub(super) async fn close_all(write: &mut Write) -> Result<()> {
    for row in write.all("SELECT uid FROM clusters WHERE connected = 1", args![]).await? {
        let revision = write.next_revision();
        write
            .execute(
                "UPDATE clusters SET connected = 0, revision = $2 WHERE uid = $1",
                args![row.uuid("uid")?, revision],
            )
            .await?;
    }
    Ok(())
}

/// Whether it is news.
pub(super) async fn ack(write: &mut Write, session: Session, generation: u64) -> Result<bool> {
    let text = "UPDATE clusters SET acked = $3 WHERE uid = $1 AND epoch = $2 AND acked < $3 AND generation >= $3";
    let is_news = write.execute(text, args![session.cluster, session.epoch, generation]).await? > 0;
    if is_news {
        forget_before(write, session.cluster, generation).await?;
    }
    Ok(is_news)
}

/// Whether it is news. Of a target that is gone, or of a bundle that the store does not have, nothing is noted.
pub(super) async fn held(write: &mut Write, session: Session, application: Uuid, bundle: Digest) -> Result<bool> {
    if !contents::exists(write, bundle).await? {
        return Ok(false);
    }
    let text = "UPDATE targets SET held = $3 WHERE application = $1 AND cluster = $2 AND (held IS NULL OR held <> $3)";
    let is_news = write.execute(text, args![application, session.cluster, bundle]).await? > 0;
    if is_news {
        save_contents(write, application, session.cluster).await?;
    }
    Ok(is_news)
}

pub(super) async fn put_discovery(store: &SqlStore, session: Session, discovery: &Discovery) -> Result<()> {
    let mut write = fenced(store, session).await?;
    let text = "INSERT INTO cluster_discovery (cluster, digest, resources) VALUES ($1, $2, $3)
        ON CONFLICT (cluster) DO UPDATE SET digest = excluded.digest, resources = excluded.resources WHERE cluster_discovery.digest <> excluded.digest";
    if write.execute(text, args![session.cluster, discovery.digest(), json(discovery)?]).await? > 0 {
        let revision = write.next_revision();
        write.execute("UPDATE clusters SET revision = $2 WHERE uid = $1", args![session.cluster, revision]).await?;
        write.commit().await?;
    }
    Ok(())
}

pub(super) async fn verified(store: &SqlStore, session: Session, at: Timestamp) -> Result<()> {
    let mut write = fenced(store, session).await?;
    let revision = write.next_revision();
    let text = "UPDATE clusters SET verified_at = $3, revision = $4 WHERE uid = $1 AND epoch = $2";
    write.execute(text, args![session.cluster, session.epoch, at, revision]).await?;
    write.commit().await
}

/// Shown with the cluster until its next session opens.
pub(super) async fn problem(store: &SqlStore, session: Session, problem: &str) -> Result<()> {
    let mut write = fenced(store, session).await?;
    let revision = write.next_revision();
    let text = "UPDATE clusters SET problem = $2, revision = $3 WHERE uid = $1 AND (problem IS NULL OR problem <> $2)";
    if write.execute(text, args![session.cluster, problem, revision]).await? > 0 {
        write.commit().await?;
    }
    Ok(())
}

/// Rows are compared only where both ends are at the same generation: in between, a delta is on its way.
pub(super) async fn compare(store: &SqlStore, cluster: Uuid, compare: &Compare) -> Result<Comparison> {
    let mut tx = store.db.read().await?;
    let row = state(&mut tx, cluster).await?;
    let position = read_position(&row)?;
    let generation = position.generation;
    let rows_differ =
        generation == compare.generation && store.row_digests.of(&mut tx, cluster, position).await? != compare.rows;
    let reports_differ = reported(&mut tx, cluster).await? != compare.reported;
    Ok(Comparison { generation, reports_differ, rows_differ })
}
