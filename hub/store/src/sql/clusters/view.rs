//! Clusters with their sessions and counts.

use std::collections::BTreeMap;

use uuid::Uuid;
use windlass_domain::health::HealthStatus;
use windlass_domain::status::SyncStatus;

use super::record;
use crate::error::Result;
use crate::model::{ClusterView, ListQuery, Page};
use crate::sql::SqlStore;
use crate::sql::arg::{Arg, args, placeholders};
use crate::sql::feed::revision;
use crate::sql::generation::read_position;
use crate::sql::identities;
use crate::sql::page::{containing, limit, page, place};
use crate::sql::rank;
use crate::sql::row::Row;
use crate::sql::tx::Tx;

const LIST: &str = "clusters";

/// The columns of a view. A token that can still be spent is one that nobody has, that is not void, and that has failures left.
macro_rules! columns {
    () => {
        "c.uid, c.name, c.labels, c.server_aliases, c.facts, c.created_at, c.record_revision, c.connected, c.connection_changed_at, c.verified_at, c.problem, c.removal, c.agents_address,
        i.incarnation, c.generation, c.chain, c.acked,
        (SELECT MAX(x.not_after) FROM certificates x WHERE x.cluster = c.uid AND x.revoked = 0) AS certificate_not_after,
        (SELECT y.record FROM cluster_identities y WHERE y.cluster = c.uid) AS identity,
        (SELECT z.serial FROM certificates z WHERE z.cluster = c.uid ORDER BY z.issued_at DESC, z.serial LIMIT 1) AS newest_serial,
        (SELECT MAX(j.expires_at) FROM join_tokens j WHERE j.cluster = c.uid AND j.key_digest IS NULL AND j.void = 0 AND j.failures < 5) AS token_expires_at,
        (SELECT MAX(n.fetched_at) FROM installs n, join_tokens k WHERE k.id = n.token AND k.cluster = c.uid) AS install_fetched_at,
        (SELECT d.digest FROM cluster_discovery d WHERE d.cluster = c.uid) AS discovery_digest"
    };
}

/// Counts of a cluster's targets by (sync, health).
type Counts = Vec<(SyncStatus, HealthStatus, u64)>;

pub(in crate::sql) async fn get_view(store: &SqlStore, name: &str) -> Result<Option<ClusterView>> {
    let mut tx = store.db.read().await?;
    let text = concat!("SELECT ", columns!(), " FROM clusters c, installation i WHERE i.id = 1 AND c.name = $1");
    let Some(row) = tx.optional(text, args![name]).await? else { return Ok(None) };
    let mut view = view(&row)?;
    view.targets = counts(&mut tx, &[view.cluster.uid]).await?.remove(&view.cluster.uid).unwrap_or_default();
    Ok(Some(view))
}

pub(in crate::sql) async fn list(store: &SqlStore, query: &ListQuery) -> Result<Page<ClusterView>> {
    let after: Option<String> = place(&store.seal, query, LIST)?;
    let pattern = containing(&query.search)?;
    let mut tx = store.db.read().await?;
    let count = "SELECT COUNT(*) AS total FROM clusters WHERE lower(name) LIKE $1 ESCAPE '\\'";
    let total = tx.one(count, args![&pattern]).await?.number("total")?;
    let text = concat!(
        "SELECT ",
        columns!(),
        " FROM clusters c, installation i WHERE i.id = 1 AND lower(c.name) LIKE $1 ESCAPE '\\' AND c.name > $2 ORDER BY c.name LIMIT $3"
    );
    let rows = tx.all(text, args![pattern, after.unwrap_or_default(), limit(query) as u64 + 1]).await?;
    let revision = revision(&mut tx).await?;
    let mut page = page(&store.seal, rows, query, LIST, (total, revision), |row| row.text("name"), |row| view(&row))?;
    let uids: Vec<_> = page.items.iter().map(|view| view.cluster.uid).collect();
    let mut counts = counts(&mut tx, &uids).await?;
    for view in &mut page.items {
        view.targets = counts.remove(&view.cluster.uid).unwrap_or_default();
    }
    Ok(page)
}

async fn counts(tx: &mut Tx, clusters: &[Uuid]) -> Result<BTreeMap<Uuid, Counts>> {
    let mut counts: BTreeMap<Uuid, Counts> = BTreeMap::new();
    if clusters.is_empty() {
        return Ok(counts);
    }
    let (sync, health) = (rank::of_sync(SyncStatus::Unknown), rank::of_health(HealthStatus::Unknown));
    let text = format!(
        "SELECT u.cluster, u.sync, u.health, COUNT(*) AS targets FROM (
            SELECT t.cluster, COALESCE(s.sync, {sync}) AS sync, COALESCE(s.health, {health}) AS health FROM targets t
            LEFT JOIN target_status s ON s.application = t.application AND s.cluster = t.cluster WHERE t.cluster IN ({})
        ) AS u GROUP BY u.cluster, u.sync, u.health ORDER BY u.cluster, u.sync, u.health",
        placeholders(1, clusters.len())
    );
    for row in tx.all(text, clusters.iter().map(|uid| Arg::from(*uid)).collect()).await? {
        let count = (rank::sync(&row)?, rank::health(&row)?, row.number("targets")?);
        counts.entry(row.uuid("cluster")?).or_default().push(count);
    }
    Ok(counts)
}

/// A view without its counts.
fn view(row: &Row) -> Result<ClusterView> {
    Ok(ClusterView {
        cluster: record(row)?,
        connected: row.flag("connected")?,
        connection_changed_at: row.opt_time("connection_changed_at")?,
        verified_at: row.opt_time("verified_at")?,
        position: read_position(row)?,
        acked: row.number("acked")?,
        targets: Vec::new(),
        certificate_not_after: row.opt_time("certificate_not_after")?,
        join_token_expires_at: row.opt_time("token_expires_at")?,
        inventoried: row.opt_text("discovery_digest")?.is_some(),
        install_fetched_at: row.opt_time("install_fetched_at")?,
        agents_address: row.opt_text("agents_address")?,
        problem: row.opt_text("problem")?,
        identity: identities::shown(row)?,
        removal: row.opt_json("removal")?,
    })
}
