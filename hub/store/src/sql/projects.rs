//! Project records.

use uuid::Uuid;
use windlass_domain::name::ApplicationName;
use windlass_domain::project::{AppProject, DEFAULT_PROJECT, ProjectManifest};
use windlass_domain::time::{Timestamp, from_millis};

use super::SqlStore;
use super::arg::args;
use super::feed::revision;
use super::page::{containing, limit, page, place};
use super::row::{Row, json};
use super::tx::Tx;
use crate::error::{Error, Result};
use crate::model::{ChangeKind, Expected, ListQuery, Page, Put, PutOutcome};

const LIST: &str = "projects";

/// So many applications are named where one would do to say that a project is in use.
const NAMED: u64 = 3;

macro_rules! columns {
    () => {
        "name, uid, metadata, spec, created_at, revision"
    };
}

pub(super) async fn put(
    store: &SqlStore,
    manifest: &ProjectManifest,
    expected: Expected,
    now: Timestamp,
) -> Result<Put<AppProject>> {
    let mut write = store.write().await?;
    let stored = load(&mut write, &manifest.name).await?;
    if let Some(stored) = stored.as_ref().filter(|stored| is_same(stored, manifest)) {
        return Ok(Put { value: stored.clone(), outcome: PutOutcome::Unchanged });
    }
    check(stored.as_ref(), &manifest.name, expected)?;
    let outcome = if stored.is_some() { PutOutcome::Changed } else { PutOutcome::Created };
    let (uid, created_at) = stored.map_or_else(|| (Uuid::now_v7(), now), |stored| (stored.uid, stored.created_at));
    let value = AppProject {
        uid,
        name: manifest.name.clone(),
        metadata: manifest.metadata.clone(),
        spec: manifest.spec.clone(),
        created_at,
        revision: write.next_revision(),
    };
    save(&mut write, &value).await?;
    // The feed tells the newest state of a thing, and only that: an earlier removal of this name is over.
    write.execute("DELETE FROM tombstones WHERE kind = 'project' AND id = $1", args![&value.name]).await?;
    write.commit().await?;
    Ok(Put { value, outcome })
}

fn is_same(stored: &AppProject, manifest: &ProjectManifest) -> bool {
    stored.metadata == manifest.metadata && stored.spec == manifest.spec
}

fn check(stored: Option<&AppProject>, name: &str, expected: Expected) -> Result<()> {
    let fits = match (expected, stored) {
        (Expected::Anything, _) | (Expected::Nothing, None) => true,
        (Expected::Revision(revision), Some(stored)) => revision == stored.revision,
        (Expected::Nothing, Some(_)) | (Expected::Revision(_), None) => false,
    };
    if fits {
        return Ok(());
    }
    Err(Error::conflict(project(name), "it was changed since it was read: read it again".to_owned()))
}

async fn save(tx: &mut Tx, value: &AppProject) -> Result<()> {
    let text = "INSERT INTO projects (name, uid, metadata, spec, created_at, revision) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (name) DO UPDATE SET metadata = excluded.metadata, spec = excluded.spec, revision = excluded.revision";
    let (metadata, spec) = (json(&value.metadata)?, json(&value.spec)?);
    tx.execute(text, args![&value.name, value.uid, metadata, spec, value.created_at, value.revision]).await?;
    Ok(())
}

/// The project of applications that name none, as a hub begins with it. It is no change that anybody made: it has the feed's first revision.
pub(super) async fn make_default(tx: &mut Tx) -> Result<()> {
    let ProjectManifest { name, metadata, spec } = ProjectManifest::permissive_default();
    let value = AppProject { uid: Uuid::now_v7(), name, metadata, spec, created_at: from_millis(0), revision: 0 };
    save(tx, &value).await
}

pub(super) async fn get(store: &SqlStore, name: &str) -> Result<Option<AppProject>> {
    load(&mut store.db.read().await?, name).await
}

async fn load(tx: &mut Tx, name: &str) -> Result<Option<AppProject>> {
    let text = concat!("SELECT ", columns!(), " FROM projects WHERE name = $1");
    tx.optional(text, args![name]).await?.as_ref().map(record).transpose()
}

pub(super) async fn all(store: &SqlStore) -> Result<Vec<AppProject>> {
    let text = concat!("SELECT ", columns!(), " FROM projects ORDER BY name");
    store.db.read().await?.all(text, args![]).await?.iter().map(record).collect()
}

fn record(row: &Row) -> Result<AppProject> {
    Ok(AppProject {
        uid: row.uuid("uid")?,
        name: row.text("name")?,
        metadata: row.json("metadata")?,
        spec: row.json("spec")?,
        created_at: row.time("created_at")?,
        revision: row.number("revision")?,
    })
}

pub(super) async fn list(store: &SqlStore, query: &ListQuery) -> Result<Page<AppProject>> {
    let after: Option<String> = place(&store.seal, query, LIST)?;
    let pattern = containing(&query.search)?;
    let mut tx = store.db.read().await?;
    let count = "SELECT COUNT(*) AS total FROM projects WHERE lower(name) LIKE $1 ESCAPE '\\'";
    let total = tx.one(count, args![&pattern]).await?.number("total")?;
    let text = concat!(
        "SELECT ",
        columns!(),
        " FROM projects WHERE lower(name) LIKE $1 ESCAPE '\\' AND name > $2 ORDER BY name LIMIT $3"
    );
    let rows = tx.all(text, args![pattern, after.unwrap_or_default(), limit(query) as u64 + 1]).await?;
    let revision = revision(&mut tx).await?;
    page(&store.seal, rows, query, LIST, (total, revision), |row| row.text("name"), |row| record(&row))
}

pub(super) async fn delete(store: &SqlStore, name: &str) -> Result<bool> {
    if name == DEFAULT_PROJECT {
        let why = "applications that name no project are in it; it can be edited, not deleted";
        return Err(Error::conflict(project(name), why.to_owned()));
    }
    let mut write = store.write().await?;
    if load(&mut write, name).await?.is_none() {
        return Ok(false);
    }
    if let Some(users) = users(&mut write, name).await? {
        return Err(Error::conflict(project(name), format!("{users}; move or delete them first")));
    }
    write.execute("DELETE FROM projects WHERE name = $1", args![name]).await?;
    write.bury(ChangeKind::Project, name, name).await?;
    store.commit(write).await?;
    Ok(true)
}

/// The applications that name the project, for people; `None` when there is none.
async fn users(tx: &mut Tx, name: &str) -> Result<Option<String>> {
    let count = tx.one("SELECT COUNT(*) AS total FROM applications WHERE project = $1", args![name]).await?;
    let total = count.number("total")?;
    if total == 0 {
        return Ok(None);
    }
    let text = "SELECT namespace, name FROM applications WHERE project = $1 ORDER BY namespace, name LIMIT $2";
    let mut named = Vec::new();
    for row in tx.all(text, args![name, NAMED]).await? {
        named.push(ApplicationName { namespace: row.text("namespace")?, name: row.text("name")? }.to_string());
    }
    let more = if total > NAMED { format!(" and {} more", total - NAMED) } else { String::new() };
    Ok(Some(format!("applications use it: {}{more}", named.join(", "))))
}

fn project(name: &str) -> String {
    format!("project {name}")
}
