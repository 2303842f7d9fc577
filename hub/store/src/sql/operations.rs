//! Operations as records: what was asked and what came of it. They outlive their applications.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::OperationState;
use windlass_domain::target::OperationRequest;
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::arg::{Arg, args};
use super::feed::revision;
use super::page::{containing, limit, page, place};
use super::row::{Row, json};
use super::write::Write;
use super::{applications, clusters};
use crate::error::{Error, Result};
use crate::model::{ListQuery, OperationRecord, Page};

mod succession;

pub(super) use succession::end_all;

const LIST: &str = "operations";

/// So many finished operations of each target are kept.
const HISTORY: u64 = 100;

/// So many are forgotten in one transaction.
const FORGET_AT_ONCE: u64 = 500;

macro_rules! columns {
    () => {
        "id, application, cluster, namespace, name, cluster_name, request, state, created_at, revision"
    };
}

#[derive(Serialize, Deserialize)]
struct Key {
    created_at: i64,
    id: String,
}

/// Records what a person asked for.
pub(super) async fn put_request(
    write: &mut Write,
    application: Uuid,
    cluster: Uuid,
    request: &OperationRequest,
    now: Timestamp,
) -> Result<()> {
    if load(write, request.id).await?.is_some() {
        return Err(Error::conflict(
            format!("operation {}", request.id),
            "an operation of this id exists: ids are never used twice",
        ));
    }
    insert(write, (application, cluster), request.id, (Some(json(request)?), None, false), now).await
}

/// The operation that an agent reported of this target and that is not over.
pub(super) async fn reported(write: &mut Write, application: Uuid, cluster: Uuid, id: Uuid) -> Result<bool> {
    let Some(row) = load(write, id).await? else { return Ok(false) };
    let is_theirs = row.uuid("application")? == application && row.uuid("cluster")? == cluster;
    Ok(is_theirs && !row.flag("finished")?)
}

/// The request after a person changed it.
pub(super) async fn save_request(write: &mut Write, id: Uuid, request: Option<&OperationRequest>) -> Result<()> {
    let Some(request) = request else { return Ok(()) };
    let revision = write.next_revision();
    write
        .execute("UPDATE operations SET request = $2, revision = $3 WHERE id = $1", args![id, json(request)?, revision])
        .await?;
    Ok(())
}

/// Records what an agent says of an operation on its cluster. Another cluster's operation is left alone, and a finished one stays as it ended. What came
/// before an operation that nobody asked for is over, except the `active` one, which a person asked for. Returns whether this ended it.
pub(super) async fn put_state(
    write: &mut Write,
    (application, cluster): (Uuid, Uuid),
    active: Option<Uuid>,
    state: &OperationState,
    now: Timestamp,
) -> Result<bool> {
    let finished = is_finished(state.phase);
    let Some(row) = load(write, state.id).await? else {
        succession::succeed(write, (application, cluster), state, active, now).await?;
        insert(write, (application, cluster), state.id, (None, Some(json(state)?), finished), now).await?;
        return Ok(finished);
    };
    let is_theirs = row.uuid("application")? == application && row.uuid("cluster")? == cluster;
    if !is_theirs || row.flag("finished")? {
        return Ok(false);
    }
    if !finished && row.opt_text("state")?.is_none() {
        succession::succeed(write, (application, cluster), state, active, now).await?;
    }
    let text = with_told_results(&row, state)?;
    if row.opt_text("state")?.as_ref() == Some(&text) {
        return Ok(false);
    }
    let revision = write.next_revision();
    let update = "UPDATE operations SET state = $2, finished = $3, revision = $4 WHERE id = $1";
    write.execute(update, args![state.id, text, finished, revision]).await?;
    Ok(finished)
}

/// Results are told once: a state without any leaves those that were told before.
fn with_told_results(row: &Row, state: &OperationState) -> Result<String> {
    if state.results.is_empty()
        && let Some(stored) = row.opt_json::<OperationState>("state")?
    {
        return json(&OperationState { results: stored.results, ..state.clone() });
    }
    json(state)
}

pub(super) fn is_finished(phase: OperationPhase) -> bool {
    match phase {
        OperationPhase::Running | OperationPhase::Terminating => false,
        OperationPhase::Failed | OperationPhase::Error | OperationPhase::Succeeded => true,
    }
}

async fn load(write: &mut Write, id: Uuid) -> Result<Option<Row>> {
    write.optional("SELECT application, cluster, state, finished FROM operations WHERE id = $1", args![id]).await
}

async fn insert(
    write: &mut Write,
    (application, cluster): (Uuid, Uuid),
    id: Uuid,
    (request, state, finished): (Option<String>, Option<String>, bool),
    now: Timestamp,
) -> Result<()> {
    let name = applications::must_exist(write, application).await?.name;
    let cluster_name = clusters::name_of(write, cluster).await?;
    let revision = write.next_revision();
    let text = "INSERT INTO operations (id, application, cluster, namespace, name, cluster_name, request, state, finished, created_at, revision)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let args = args![
        id,
        application,
        cluster,
        name.namespace,
        name.name,
        cluster_name,
        request,
        state,
        finished,
        now,
        revision
    ];
    write.execute(text, args).await?;
    prune(write, application, cluster).await
}

async fn prune(write: &mut Write, application: Uuid, cluster: Uuid) -> Result<()> {
    let text = "DELETE FROM operations WHERE application = $1 AND cluster = $2 AND finished = 1 AND created_at < (
        SELECT created_at FROM operations WHERE application = $1 AND cluster = $2 ORDER BY created_at DESC LIMIT 1 OFFSET $3)";
    write.execute(text, args![application, cluster, HISTORY]).await?;
    Ok(())
}

/// Forgets operations of applications that are gone, when they are older than `before`; a limited number in each transaction.
pub(super) async fn forget(store: &SqlStore, before: Timestamp) -> Result<u64> {
    let text = "DELETE FROM operations WHERE id IN (SELECT o.id FROM operations o WHERE o.created_at < $1
        AND NOT EXISTS (SELECT 1 FROM applications a WHERE a.uid = o.application) ORDER BY o.created_at LIMIT $2)";
    let mut forgotten = 0;
    loop {
        let mut write = store.write().await?;
        let some = write.execute(text, args![before, FORGET_AT_ONCE]).await?;
        write.commit().await?;
        forgotten += some;
        if some < FORGET_AT_ONCE {
            return Ok(forgotten);
        }
    }
}

pub(super) async fn get(store: &SqlStore, id: Uuid) -> Result<Option<OperationRecord>> {
    let text = concat!("SELECT ", columns!(), " FROM operations WHERE id = $1");
    store.db.read().await?.optional(text, args![id]).await?.as_ref().map(record).transpose()
}

pub(super) async fn list(
    store: &SqlStore,
    application: Option<Uuid>,
    query: &ListQuery,
) -> Result<Page<OperationRecord>> {
    let after: Option<Key> = place(&store.seal, query, LIST)?;
    let mut clauses = String::from("name LIKE $1 ESCAPE '\\'");
    let mut args = args![containing(&query.search)?];
    if let Some(application) = application {
        clauses.push_str(" AND application = $2");
        args.push(Arg::from(application));
    }
    let mut tx = store.db.read().await?;
    let total = tx
        .one(format!("SELECT COUNT(*) AS total FROM operations WHERE {clauses}"), args.clone())
        .await?
        .number("total")?;
    if let Some(Key { created_at, id }) = after {
        let next = args.len() + 1;
        clauses.push_str(&format!(" AND (created_at, id) < (${next}, ${})", next + 1));
        args.extend(args![created_at, id]);
    }
    args.push(Arg::from(limit(query) as u64 + 1));
    let columns = columns!();
    let text = format!(
        "SELECT {columns} FROM operations WHERE {clauses} ORDER BY created_at DESC, id DESC LIMIT ${}",
        args.len()
    );
    let rows = tx.all(text, args).await?;
    let revision = revision(&mut tx).await?;
    let key = |row: &Row| Ok(Key { created_at: row.int("created_at")?, id: row.text("id")? });
    page(&store.seal, rows, query, LIST, (total, revision), key, |row| record(&row))
}

fn record(row: &Row) -> Result<OperationRecord> {
    Ok(OperationRecord {
        application: row.uuid("application")?,
        name: applications::name(row)?,
        cluster: row.uuid("cluster")?,
        cluster_name: row.text("cluster_name")?,
        request: row.opt_json("request")?,
        state: row.opt_json("state")?,
        revision: row.number("revision")?,
    })
}
