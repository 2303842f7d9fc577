//! Deployments: what was applied on which target, when and by whom, with its contents, so that it can be brought back when git cannot be asked.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::history::{self, HistoryEntry};
use windlass_domain::status::{OperationState, TargetSummary};
use windlass_domain::target::OperationRequest;
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::arg::{Arg, args};
use super::feed::revision;
use super::page::{containing, limit, page, place};
use super::row::{Row, json};
use super::tx::Tx;
use super::write::Write;
use super::{applications, clusters};
use crate::error::Result;
use crate::model::{ListQuery, Page};

const LIST: &str = "history";

#[derive(Serialize, Deserialize)]
struct Key {
    id: i64,
    cluster_name: String,
}

/// Records what an operation deployed, once it is over. What is no deployment leaves nothing; nor does one of a bundle that the hub was not told.
pub(super) async fn record(
    write: &mut Write,
    application: Uuid,
    cluster: Uuid,
    summary: &TargetSummary,
    now: Timestamp,
) -> Result<()> {
    let Some(id) = summary.operation.as_ref().map(|state| state.id) else { return Ok(()) };
    let Some(row) = write.optional("SELECT request, state FROM operations WHERE id = $1", args![id]).await? else {
        return Ok(());
    };
    let (request, state) = (row.opt_json::<OperationRequest>("request")?, row.opt_json::<OperationState>("state")?);
    let Some(state) = state else { return Ok(()) };
    // A person's operation that found a newer commit when it began brought that.
    let synced = summary.synced_bundle.filter(|_| summary.synced_revision.as_ref() == Some(&state.revision));
    let asked = request.as_ref().map(|request| request.bundle);
    let Some(bundle) = synced.or(asked).or(summary.synced_bundle) else { return Ok(()) };
    let record = applications::must_exist(write, application).await?;
    let keep = history::limit(record.spec.revision_history_limit);
    let last = last_of(write, application, cluster).await?;
    let options = request.as_ref().map(|request| &request.options);
    if keep == 0 || !history::is_deployment(&state, options, bundle, last) {
        return Ok(());
    }
    let entry = HistoryEntry {
        id: number(write, application, cluster, bundle, &state.revision).await?,
        cluster,
        cluster_name: clusters::name_of(write, cluster).await?,
        revision: state.revision,
        bundle,
        sources: serde_json::json!(
            record
                .spec
                .source
                .iter()
                .filter(|_| record.spec.sources.is_empty())
                .chain(&record.spec.sources)
                .collect::<Vec<_>>()
        ),
        by: state.by,
        automated: request.is_none(),
        operation: id,
        started_at: state.started_at,
        deployed_at: state.finished_at.unwrap_or(now),
        results: state.results,
    };
    insert(write, application, &entry).await?;
    forget(write, application, cluster, keep).await
}

async fn last_of(tx: &mut Tx, application: Uuid, cluster: Uuid) -> Result<Option<Digest>> {
    let text = "SELECT bundle FROM history WHERE application = $1 AND cluster = $2 ORDER BY id DESC LIMIT 1";
    tx.optional(text, args![application, cluster]).await?.map(|row| row.digest("bundle")).transpose()
}

/// The newest number, when it is of the same bundle and commit and this target has not deployed it yet; the next one otherwise.
async fn number(tx: &mut Tx, application: Uuid, cluster: Uuid, bundle: Digest, revision: &str) -> Result<u64> {
    let text = "SELECT id, bundle, revision FROM history WHERE application = $1 ORDER BY id DESC LIMIT 1";
    let Some(newest) = tx.optional(text, args![application]).await? else { return Ok(1) };
    let id = newest.number("id")?;
    let is_same = newest.digest("bundle")? == bundle && newest.text("revision")? == revision;
    let text = "SELECT id FROM history WHERE application = $1 AND id = $2 AND cluster = $3";
    let has_it = tx.optional(text, args![application, id, cluster]).await?.is_some();
    Ok(if is_same && !has_it { id } else { id + 1 })
}

async fn insert(write: &mut Write, application: Uuid, entry: &HistoryEntry) -> Result<()> {
    let text = "INSERT INTO history (application, id, cluster, cluster_name, bundle, revision, entry) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let args =
        args![application, entry.id, entry.cluster, &entry.cluster_name, entry.bundle, &entry.revision, json(entry)?];
    write.execute(text, args).await?;
    Ok(())
}

async fn forget(write: &mut Write, application: Uuid, cluster: Uuid, keep: u64) -> Result<()> {
    let text = "DELETE FROM history WHERE application = $1 AND cluster = $2 AND id <= (
        SELECT id FROM history WHERE application = $1 AND cluster = $2 ORDER BY id DESC LIMIT 1 OFFSET $3)";
    write.execute(text, args![application, cluster, keep]).await?;
    Ok(())
}

/// Newest first; of one number by cluster name.
pub(super) async fn list(
    store: &SqlStore,
    application: Uuid,
    cluster: Option<Uuid>,
    query: &ListQuery,
) -> Result<Page<HistoryEntry>> {
    let after: Option<Key> = place(&store.seal, query, LIST)?;
    let mut clauses = String::from("application = $1 AND lower(cluster_name) LIKE $2 ESCAPE '\\'");
    let mut args = args![application, containing(&query.search)?];
    if let Some(cluster) = cluster {
        clauses.push_str(" AND cluster = $3");
        args.push(Arg::from(cluster));
    }
    let mut tx = store.db.read().await?;
    let count = format!("SELECT COUNT(*) AS total FROM history WHERE {clauses}");
    let total = tx.one(count, args.clone()).await?.number("total")?;
    if let Some(Key { id, cluster_name }) = after {
        let next = args.len() + 1;
        clauses.push_str(&format!(" AND (id < ${next} OR (id = ${next} AND cluster_name > ${}))", next + 1));
        args.extend(args![id, cluster_name]);
    }
    args.push(Arg::from(limit(query) as u64 + 1));
    let text = format!(
        "SELECT id, cluster_name, entry FROM history WHERE {clauses} ORDER BY id DESC, cluster_name LIMIT ${}",
        args.len()
    );
    let rows = tx.all(text, args).await?;
    let revision = revision(&mut tx).await?;
    let key = |row: &Row| Ok(Key { id: row.int("id")?, cluster_name: row.text("cluster_name")? });
    page(&store.seal, rows, query, LIST, (total, revision), key, |row| row.json("entry"))
}

/// One deployment: its entry on some target.
pub(super) async fn get(store: &SqlStore, application: Uuid, id: u64) -> Result<Option<HistoryEntry>> {
    let text = "SELECT entry FROM history WHERE application = $1 AND id = $2 ORDER BY cluster_name LIMIT 1";
    store.db.read().await?.optional(text, args![application, id]).await?.map(|row| row.json("entry")).transpose()
}
