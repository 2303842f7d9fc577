//! Targets with their status.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use windlass_domain::health::HealthStatus;
use windlass_domain::status::SyncStatus;
use windlass_domain::target::TargetRow;

use super::SqlStore;
use super::arg::{Arg, args, placeholders};
use super::feed::revision;
use super::page::{containing, limit, page, place};
use super::row::Row;
use super::tx::Tx;
use super::{rank, target_rows};
use crate::error::Result;
use crate::model::{ListQuery, Page, TargetGroup, TargetView};

const LIST: &str = "targets";

/// So many targets of each application are shown in a list; fewer on a large page, so that a page stays bounded.
const WORST: u64 = 20;
const MOST_ON_A_PAGE: u64 = 2000;

/// What [`view`] reads, of `t`, `c` and `s`.
macro_rules! columns {
    () => {
        "t.application, t.cluster, t.desired, t.operation, t.held, s.summary, c.name AS cluster_name, c.verified_at, c.connected"
    };
}

macro_rules! tables {
    () => {
        "targets t JOIN clusters c ON c.uid = t.cluster LEFT JOIN target_status s ON s.application = t.application AND s.cluster = t.cluster"
    };
}

/// The sort key of an application's targets: worst first.
#[derive(Serialize, Deserialize)]
struct Key {
    calm: i64,
    cluster_name: String,
}

/// How many targets of each of so many applications a list shows.
pub(super) fn most_of_each(applications: usize) -> u64 {
    (MOST_ON_A_PAGE / (applications as u64).max(1)).clamp(1, WORST)
}

pub(super) async fn all(store: &SqlStore, application: Uuid) -> Result<Vec<TargetView>> {
    of_application(&mut store.db.read().await?, application).await
}

/// One application's targets, by cluster name.
pub(super) async fn of_application(tx: &mut Tx, application: Uuid) -> Result<Vec<TargetView>> {
    let text = concat!("SELECT ", columns!(), " FROM ", tables!(), " WHERE t.application = $1 ORDER BY c.name");
    tx.all(text, args![application]).await?.iter().map(view).collect()
}

/// The worst targets of each application: at most so many of each, worst first.
pub(super) async fn worst(tx: &mut Tx, applications: &[Uuid], most: u64) -> Result<BTreeMap<Uuid, Vec<TargetView>>> {
    let mut targets: BTreeMap<Uuid, Vec<TargetView>> = BTreeMap::new();
    if applications.is_empty() {
        return Ok(targets);
    }
    let (calm, columns, tables) = (calm(), columns!(), tables!());
    let text = format!(
        "SELECT * FROM (SELECT {columns}, ROW_NUMBER() OVER (PARTITION BY t.application ORDER BY {calm}, c.name) AS place FROM {tables}
            WHERE t.application IN ({})) AS ranked WHERE place <= $1 ORDER BY application, place",
        placeholders(2, applications.len())
    );
    let mut args = args![most];
    args.extend(applications.iter().map(|uid| Arg::from(*uid)));
    for row in tx.all(text, args).await? {
        targets.entry(row.uuid("application")?).or_default().push(view(&row)?);
    }
    Ok(targets)
}

/// How many targets of each application are in which state, and how fresh that is.
pub(super) async fn groups(tx: &mut Tx, applications: &[Uuid]) -> Result<BTreeMap<Uuid, Vec<TargetGroup>>> {
    let mut groups: BTreeMap<Uuid, Vec<TargetGroup>> = BTreeMap::new();
    if applications.is_empty() {
        return Ok(groups);
    }
    let (sync, health) = unknown();
    let text = format!(
        "SELECT u.application, u.sync, u.health, u.connected, COUNT(*) AS targets, COUNT(u.verified_at) AS verified, MIN(u.verified_at) AS verified_at FROM (
            SELECT t.application, COALESCE(s.sync, {sync}) AS sync, COALESCE(s.health, {health}) AS health, c.connected, c.verified_at FROM {}
            WHERE t.application IN ({})) AS u
        GROUP BY u.application, u.sync, u.health, u.connected ORDER BY u.health DESC, u.sync DESC, u.connected",
        tables!(),
        placeholders(1, applications.len())
    );
    for row in tx.all(text, applications.iter().map(|uid| Arg::from(*uid)).collect()).await? {
        let count = row.number("targets")?;
        let oldest = row.opt_time("verified_at")?;
        groups.entry(row.uuid("application")?).or_default().push(TargetGroup {
            sync: rank::sync(&row)?,
            health: rank::health(&row)?,
            connected: row.flag("connected")?,
            count,
            verified_at: oldest.filter(|_| row.number("verified").is_ok_and(|verified| verified == count)),
        });
    }
    Ok(groups)
}

/// A page of an application's targets, worst first.
pub(super) async fn list(store: &SqlStore, application: Uuid, query: &ListQuery) -> Result<Page<TargetView>> {
    let after: Option<Key> = place(&store.seal, query, LIST)?;
    let (columns, tables, calm) = (columns!(), tables!(), calm());
    let mut clauses = String::from("t.application = $1 AND lower(c.name) LIKE $2 ESCAPE '\\'");
    let mut args = args![application, containing(&query.search)?];
    let mut tx = store.db.read().await?;
    let count = format!("SELECT COUNT(*) AS total FROM {tables} WHERE {clauses}");
    let total = tx.one(count, args.clone()).await?.number("total")?;
    if let Some(Key { calm: value, cluster_name }) = after {
        clauses.push_str(&format!(" AND ({calm}, c.name) > ($3, $4)"));
        args.extend(args![value, cluster_name]);
    }
    args.push(Arg::from(limit(query) as u64 + 1));
    let text = format!(
        "SELECT {columns}, {calm} AS calm FROM {tables} WHERE {clauses} ORDER BY {calm}, c.name LIMIT ${}",
        args.len()
    );
    let rows = tx.all(text, args).await?;
    let revision = revision(&mut tx).await?;
    let key = |row: &Row| Ok(Key { calm: row.int("calm")?, cluster_name: row.text("cluster_name")? });
    page(&store.seal, rows, query, LIST, (total, revision), key, |row| view(&row))
}

/// Ascending, what needs attention comes first, as [`rank::calm`].
fn calm() -> String {
    let (sync, health) = unknown();
    format!("(100 - COALESCE(s.health, {health}) * 10 - COALESCE(s.sync, {sync}))")
}

fn unknown() -> (i64, i64) {
    (rank::of_sync(SyncStatus::Unknown), rank::of_health(HealthStatus::Unknown))
}

fn view(row: &Row) -> Result<TargetView> {
    let (spec, removing) = match target_rows::read(row)? {
        TargetRow::Present(spec) => (Some(spec), None),
        TargetRow::Removing(removing) => (None, Some(removing)),
    };
    Ok(TargetView {
        cluster: row.uuid("cluster")?,
        cluster_name: row.text("cluster_name")?,
        spec,
        removing,
        summary: row.opt_json("summary")?,
        held: row.opt_digest("held")?,
        verified_at: row.opt_time("verified_at")?,
        connected: row.flag("connected")?,
    })
}
