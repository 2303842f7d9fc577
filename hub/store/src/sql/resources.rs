//! Objects of targets: a row each, so that a change of one rewrites no other.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::status::{ResourceStatus, StatusDelta};

use super::SqlStore;
use super::arg::{Arg, args};
use super::feed::revision;
use super::page::{containing, limit, page, place};
use super::row::{Row, json};
use super::write::Write;
use crate::error::Result;
use crate::model::{ListQuery, Page};

const LIST: &str = "resources";

#[derive(Serialize, Deserialize)]
struct Key {
    name: String,
    cluster: String,
}

/// Takes over what a report changed.
pub(super) async fn apply(write: &mut Write, cluster: Uuid, delta: &StatusDelta) -> Result<()> {
    if delta.full {
        write
            .execute("DELETE FROM resources WHERE application = $1 AND cluster = $2", args![delta.application, cluster])
            .await?;
    }
    for key in &delta.removed {
        let text = "DELETE FROM resources WHERE application = $1 AND cluster = $2 AND name = $3";
        write.execute(text, args![delta.application, cluster, name(key)]).await?;
    }
    for status in &delta.changed {
        let text = "INSERT INTO resources (application, cluster, name, status) VALUES ($1, $2, $3, $4)
            ON CONFLICT (application, cluster, name) DO UPDATE SET status = excluded.status";
        write.execute(text, args![delta.application, cluster, name(&status.key), json(status)?]).await?;
    }
    Ok(())
}

/// `group/Kind/namespace/name`: none of the parts but the last can hold a slash.
fn name(key: &ResourceKey) -> String {
    format!("{}/{}/{}/{}", key.group, key.kind, key.namespace, key.name)
}

pub(super) async fn list(
    store: &SqlStore,
    application: Uuid,
    cluster: Option<Uuid>,
    query: &ListQuery,
) -> Result<Page<(Uuid, ResourceStatus)>> {
    let after: Option<Key> = place(&store.seal, query, LIST)?;
    let mut clauses = String::from("application = $1 AND lower(name) LIKE $2 ESCAPE '\\'");
    let mut args = args![application, containing(&query.search)?];
    if let Some(cluster) = cluster {
        clauses.push_str(" AND cluster = $3");
        args.push(Arg::from(cluster));
    }
    let mut tx = store.db.read().await?;
    let total = tx
        .one(format!("SELECT COUNT(*) AS total FROM resources WHERE {clauses}"), args.clone())
        .await?
        .number("total")?;
    if let Some(Key { name, cluster }) = after {
        let next = args.len() + 1;
        clauses.push_str(&format!(" AND (name, cluster) > (${next}, ${})", next + 1));
        args.extend(args![name, cluster]);
    }
    args.push(Arg::from(limit(query) as u64 + 1));
    let text = format!(
        "SELECT cluster, name, status FROM resources WHERE {clauses} ORDER BY name, cluster LIMIT ${}",
        args.len()
    );
    let rows = tx.all(text, args).await?;
    let revision = revision(&mut tx).await?;
    let key = |row: &Row| Ok(Key { name: row.text("name")?, cluster: row.text("cluster")? });
    page(&store.seal, rows, query, LIST, (total, revision), key, |row| Ok((row.uuid("cluster")?, row.json("status")?)))
}
