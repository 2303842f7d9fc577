//! What people did to applications. Part of the transaction that does it; it outlives the application.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use windlass_domain::history::ApplicationEvent;
use windlass_domain::name::ApplicationName;

use super::SqlStore;
use super::arg::{Arg, args};
use super::feed::revision;
use super::page::{limit, page, place};
use super::row::{Row, json};
use super::tx::Tx;
use crate::error::Result;
use crate::model::{ListQuery, Page};

const LIST: &str = "events";

/// So many are kept, as of the request log.
const KEPT: u64 = 100_000;

/// The most objects that one event names.
pub(super) const OBJECTS: u64 = 1000;

#[derive(Serialize, Deserialize)]
struct Key {
    at: i64,
    id: String,
}

pub(super) async fn record(tx: &mut Tx, event: &ApplicationEvent) -> Result<()> {
    let (namespace, name) = match &event.application {
        Some(application) => (application.namespace.as_str(), application.name.as_str()),
        None => ("", ""),
    };
    let text = "INSERT INTO events (id, at, namespace, name, event) VALUES ($1, $2, $3, $4, $5)";
    tx.execute(text, args![Uuid::now_v7(), event.at, namespace, name, json(event)?]).await?;
    let text = "DELETE FROM events WHERE at < (SELECT at FROM events ORDER BY at DESC LIMIT 1 OFFSET $1)";
    tx.execute(text, args![KEPT]).await?;
    Ok(())
}

pub(super) async fn put(store: &SqlStore, event: &ApplicationEvent) -> Result<()> {
    let mut write = store.write().await?;
    record(&mut write, event).await?;
    write.commit().await
}

/// Newest first; with an application, its own and those that are about more than one.
pub(super) async fn list(
    store: &SqlStore,
    application: Option<&ApplicationName>,
    query: &ListQuery,
) -> Result<Page<ApplicationEvent>> {
    let after: Option<Key> = place(&store.seal, query, LIST)?;
    let mut clauses = String::from("1 = 1");
    let mut args = Vec::new();
    if let Some(ApplicationName { namespace, name }) = application {
        "((namespace = $1 AND name = $2) OR namespace = '')".clone_into(&mut clauses);
        args = args![namespace, name];
    }
    let mut tx = store.db.read().await?;
    let count = format!("SELECT COUNT(*) AS total FROM events WHERE {clauses}");
    let total = tx.one(count, args.clone()).await?.number("total")?;
    if let Some(Key { at, id }) = after {
        let next = args.len() + 1;
        clauses.push_str(&format!(" AND (at, id) < (${next}, ${})", next + 1));
        args.extend(args![at, id]);
    }
    args.push(Arg::from(limit(query) as u64 + 1));
    let text =
        format!("SELECT id, at, event FROM events WHERE {clauses} ORDER BY at DESC, id DESC LIMIT ${}", args.len());
    let rows = tx.all(text, args).await?;
    let revision = revision(&mut tx).await?;
    let key = |row: &Row| Ok(Key { at: row.int("at")?, id: row.text("id")? });
    page(&store.seal, rows, query, LIST, (total, revision), key, |row| row.json("event"))
}
