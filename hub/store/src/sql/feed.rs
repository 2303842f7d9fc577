//! The watch feed: what changed after a revision, newest state only.

use tokio::sync::watch;
use windlass_domain::name::ApplicationName;

use super::SqlStore;
use super::arg::args;
use super::engine::Db;
use super::row::{Row, unreadable};
use super::tx::Tx;
use super::write::announce;
use crate::error::{Error, Result};
use crate::model::{Change, ChangeKind, Written};

/// Most changes that one call returns.
const MOST: u32 = 10_000;

/// How often another replica's changes are looked for.
const POLL_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// Each part reads at most a page by its index.
const CHANGES: &str = "
    SELECT revision, kind, id, name, deleted FROM (
        SELECT * FROM (SELECT revision, 'application' AS kind, uid AS id, namespace || '/' || name AS name, CAST(0 AS BIGINT) AS deleted
            FROM applications WHERE revision > $1 ORDER BY revision LIMIT $2) AS a
        UNION ALL SELECT * FROM (SELECT revision, 'cluster' AS kind, uid AS id, name, CAST(0 AS BIGINT) AS deleted
            FROM clusters WHERE revision > $1 ORDER BY revision LIMIT $2) AS b
        UNION ALL SELECT * FROM (SELECT revision, 'repository' AS kind, url AS id, name, CAST(0 AS BIGINT) AS deleted
            FROM repositories WHERE revision > $1 ORDER BY revision LIMIT $2) AS c
        UNION ALL SELECT * FROM (SELECT revision, 'operation' AS kind, id, namespace || '/' || name AS name, CAST(0 AS BIGINT) AS deleted
            FROM operations WHERE revision > $1 ORDER BY revision LIMIT $2) AS d
        UNION ALL SELECT * FROM (SELECT revision, 'project' AS kind, name AS id, name, CAST(0 AS BIGINT) AS deleted
            FROM projects WHERE revision > $1 ORDER BY revision LIMIT $2) AS f
        UNION ALL SELECT * FROM (SELECT revision, kind, id, name, CAST(1 AS BIGINT) AS deleted
            FROM tombstones WHERE revision > $1 ORDER BY revision LIMIT $2) AS e
    ) AS changes ORDER BY revision LIMIT $2";

pub(super) async fn changes(store: &SqlStore, after: u64, limit: u32) -> Result<Vec<Change>> {
    let mut tx = store.db.read().await?;
    let feed = tx.one("SELECT revision, floor FROM feed WHERE id = 1", args![]).await?;
    let (revision, floor) = (feed.number("revision")?, feed.number("floor")?);
    // A cursor from the future is of a database that was replaced by an older one.
    if after < floor || after > revision {
        return Err(Error::CursorTooOld { floor });
    }
    if after == revision {
        return Ok(Vec::new());
    }
    let rows = tx.all(CHANGES, args![after, i64::from(limit.clamp(1, MOST))]).await?;
    rows.iter().map(change).collect()
}

/// A record's own revision is never above the revision of all that is shown of it, by which both are found.
pub(super) async fn written(store: &SqlStore, after: u64) -> Result<Written> {
    let mut tx = store.db.read().await?;
    let feed = tx.one("SELECT revision, floor FROM feed WHERE id = 1", args![]).await?;
    let (revision, floor) = (feed.number("revision")?, feed.number("floor")?);
    let text = "SELECT namespace, name, record_revision FROM applications WHERE revision > $1 AND record_revision > $1 ORDER BY revision";
    let mut applications = Vec::new();
    for row in tx.all(text, args![after]).await? {
        let name = ApplicationName { namespace: row.text("namespace")?, name: row.text("name")? };
        applications.push((name, row.number("record_revision")?));
    }
    let text = "SELECT uid FROM clusters WHERE revision > $1 AND record_revision > $1 LIMIT 1";
    let mut clusters = tx.optional(text, args![after]).await?.is_some();
    let mut projects = Vec::new();
    for row in tx.all("SELECT name FROM projects WHERE revision > $1 ORDER BY revision", args![after]).await? {
        projects.push(row.text("name")?);
    }
    for row in tx.all("SELECT kind, name FROM tombstones WHERE revision > $1 ORDER BY revision", args![after]).await? {
        match row.text("kind")?.as_str() {
            "application" => {
                let name = ApplicationName::parse(&row.text("name")?);
                applications.push((name.map_err(|error| unreadable("name", error))?, 0));
            }
            "cluster" => clusters = true,
            "project" => projects.push(row.text("name")?),
            _ => {}
        }
    }
    let settings = tx.optional("SELECT id FROM settings WHERE revision > $1", args![after]).await?.is_some();
    // Below the floor a cluster may have gone without a trace.
    Ok(Written { revision, applications, clusters: clusters || after < floor, projects, settings })
}

/// The feed's newest revision, as a transaction sees it.
pub(super) async fn revision(tx: &mut Tx) -> Result<u64> {
    tx.one("SELECT revision FROM feed WHERE id = 1", args![]).await?.number("revision")
}

/// Looks for other replicas' changes until the store goes. A database that does not answer is asked again; whoever needs it sees the error itself.
pub(super) async fn follow(db: std::sync::Arc<Db>, newest: watch::Sender<u64>) {
    let mut every = tokio::time::interval(POLL_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let seen = async { revision(&mut db.read().await?).await };
        match seen.await {
            Ok(revision) => announce(&newest, revision),
            Err(error) => tracing::debug!(%error, "the feed could not be read"),
        }
    }
}

pub(super) fn kind_name(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Application => "application",
        ChangeKind::Cluster => "cluster",
        ChangeKind::Repository => "repository",
        ChangeKind::Operation => "operation",
        ChangeKind::Project => "project",
    }
}

fn change(row: &Row) -> Result<Change> {
    let kind = match row.text("kind")?.as_str() {
        "application" => ChangeKind::Application,
        "cluster" => ChangeKind::Cluster,
        "repository" => ChangeKind::Repository,
        "operation" => ChangeKind::Operation,
        "project" => ChangeKind::Project,
        other => return Err(unreadable("kind", other)),
    };
    Ok(Change {
        revision: row.number("revision")?,
        kind,
        id: row.text("id")?,
        name: row.text("name")?,
        deleted: row.flag("deleted")?,
    })
}
