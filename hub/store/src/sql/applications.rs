//! Application records: what people write of them.

mod delete;
mod list;
mod source_state;

use uuid::Uuid;
use windlass_domain::application::{Application, ApplicationManifest, Origin};
use windlass_domain::dependency::{self, Node};
use windlass_domain::health::HealthStatus;
use windlass_domain::name::ApplicationName;
use windlass_domain::status::SyncStatus;
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::arg::args;
use super::row::{Row, json};
use super::tx::Tx;
use super::write::Write;
use super::{hold, rank, target_views};
use crate::error::{Error, Result};
use crate::model::{ApplicationView, Put, PutOutcome, SourceState};

pub(super) use delete::{delete, remove};
pub(super) use list::list;
pub(super) use source_state::SourceColumns;

/// The columns that [`record`] reads.
macro_rules! record_columns {
    () => {
        "a.uid, a.namespace, a.name, a.metadata, a.spec, a.origin, a.created_at, a.deletion, a.record_revision"
    };
}
use record_columns;

/// The columns that [`view`] reads, beside the record's.
macro_rules! view_columns {
    () => {
        "a.source, a.checked_at, a.held, a.sync, a.health, a.revision, a.calm"
    };
}
use view_columns;

pub(super) async fn put(
    store: &SqlStore,
    manifest: &ApplicationManifest,
    origin: Origin,
    expected: Option<u64>,
    now: Timestamp,
) -> Result<Put<Application>> {
    let mut write = store.write().await?;
    let stored = by_name(&mut write, &manifest.name).await?;
    if let Some(stored) = stored.as_ref().filter(|stored| is_same(stored, manifest, origin)) {
        return Ok(Put { value: stored.clone(), outcome: PutOutcome::Unchanged });
    }
    check(stored.as_ref(), manifest, origin, expected)?;
    no_circle(&mut write, manifest).await?;
    let revision = write.next_revision();
    let (value, outcome) = match stored {
        Some(stored) => {
            let (metadata, spec) = (manifest.metadata.clone(), manifest.spec.clone());
            (Application { metadata, spec, revision, ..stored }, PutOutcome::Changed)
        }
        None => (new(manifest, origin, revision, now), PutOutcome::Created),
    };
    save(&mut write, &value).await?;
    write.commit().await?;
    Ok(Put { value, outcome })
}

fn is_same(stored: &Application, manifest: &ApplicationManifest, origin: Origin) -> bool {
    stored.origin == origin && stored.metadata == manifest.metadata && stored.spec == manifest.spec
}

fn check(
    stored: Option<&Application>,
    manifest: &ApplicationManifest,
    origin: Origin,
    expected: Option<u64>,
) -> Result<()> {
    let conflict = |why: String| Err(Error::conflict(format!("application {}", manifest.name), why));
    if expected.is_some_and(|expected| expected != stored.map_or(0, |stored| stored.revision)) {
        return conflict("it was changed since it was read: read it again".into());
    }
    let Some(stored) = stored else { return Ok(()) };
    if stored.deletion.is_some() {
        return conflict("it is being deleted and cannot be changed; it may be created again once it is gone".into());
    }
    if stored.origin != origin {
        return conflict(format!("it belongs to its origin ({:?}), which alone may change it", stored.origin));
    }
    Ok(())
}

/// Two that are written at the same moment and wait for each other: one is written first, and the other one is refused.
async fn no_circle(write: &mut Write, manifest: &ApplicationManifest) -> Result<()> {
    if manifest.spec.depends_on.is_empty() {
        return Ok(());
    }
    let start = Node {
        name: manifest.name.clone(),
        labels: manifest.metadata.labels.clone(),
        depends_on: manifest.spec.depends_on.clone(),
    };
    match dependency::circle(&start, &hold::dependents_in(write).await?) {
        // Who may see which of the others is not the store's to know.
        Some(_) => Err(Error::conflict(format!("application {}", manifest.name), "spec.dependsOn goes in a circle")),
        None => Ok(()),
    }
}

fn new(manifest: &ApplicationManifest, origin: Origin, revision: u64, now: Timestamp) -> Application {
    Application {
        uid: Uuid::now_v7(),
        name: manifest.name.clone(),
        metadata: manifest.metadata.clone(),
        spec: manifest.spec.clone(),
        origin,
        created_at: now,
        deletion: None,
        revision,
    }
}

async fn save(write: &mut Write, application: &Application) -> Result<()> {
    let text = "INSERT INTO applications (uid, namespace, name, project, metadata, spec, origin, created_at, deletion, record_revision, revision, source, sync, health, calm)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, $9, $9, $10, $11, $12, $13)
        ON CONFLICT (uid) DO UPDATE SET project = excluded.project, metadata = excluded.metadata, spec = excluded.spec,
            record_revision = excluded.record_revision, revision = excluded.revision";
    let (sync, health) = (SyncStatus::Unknown, HealthStatus::Unknown);
    let a = application;
    let args = args![
        a.uid,
        &a.name.namespace,
        &a.name.name,
        &a.spec.project,
        json(&a.metadata)?,
        json(&a.spec)?,
        json(&a.origin)?,
        a.created_at,
        a.revision,
        SourceColumns::of(&SourceState::default()).to_json()?,
        rank::of_sync(sync),
        rank::of_health(health),
        rank::calm(sync, health),
    ];
    write.execute(text, args).await?;
    save_labels(write, application).await?;
    save_sources(write, application).await
}

async fn save_labels(write: &mut Write, application: &Application) -> Result<()> {
    write.execute("DELETE FROM application_labels WHERE application = $1", args![application.uid]).await?;
    for (name, value) in &application.metadata.labels {
        let text = "INSERT INTO application_labels (application, name, value) VALUES ($1, $2, $3)";
        write.execute(text, args![application.uid, name, value]).await?;
    }
    Ok(())
}

async fn save_sources(write: &mut Write, application: &Application) -> Result<()> {
    write.execute("DELETE FROM application_sources WHERE application = $1", args![application.uid]).await?;
    let spec = &application.spec;
    let single = spec.source.as_ref().filter(|_| spec.sources.is_empty());
    for source in single.into_iter().chain(&spec.sources) {
        let text = "INSERT INTO application_sources (application, url) VALUES ($1, $2) ON CONFLICT (application, url) DO NOTHING";
        write.execute(text, args![application.uid, repository_key(&source.repo_url)]).await?;
    }
    Ok(())
}

/// One spelling for equal repositories: lower-case host, no default port, no user, no trailing `.git` or slash. The path keeps its case.
fn repository_key(url: &str) -> String {
    let mut text = url.trim().to_owned();
    if let Ok(mut parsed) = url::Url::parse(&text) {
        // Neither can fail where the URL has a host; where it has none there is nothing to leave out.
        let _ = parsed.set_username("");
        let _ = parsed.set_password(None);
        text = parsed.into();
    } else if text.starts_with('/') {
        text.insert_str(0, "file://");
    }
    let text = text.trim_end_matches('/');
    text.strip_suffix(".git").unwrap_or(text).trim_end_matches('/').to_owned()
}

pub(super) async fn get(store: &SqlStore, name: &ApplicationName) -> Result<Option<Application>> {
    by_name(&mut store.db.read().await?, name).await
}

pub(super) async fn by_name(tx: &mut Tx, name: &ApplicationName) -> Result<Option<Application>> {
    let text = concat!("SELECT ", record_columns!(), " FROM applications a WHERE a.namespace = $1 AND a.name = $2");
    tx.optional(text, args![&name.namespace, &name.name]).await?.as_ref().map(record).transpose()
}

pub(super) async fn by_uid(tx: &mut Tx, uid: Uuid) -> Result<Option<Application>> {
    let text = concat!("SELECT ", record_columns!(), " FROM applications a WHERE a.uid = $1");
    tx.optional(text, args![uid]).await?.as_ref().map(record).transpose()
}

/// With every target, or with so many of the worst.
pub(super) async fn get_view(
    store: &SqlStore,
    name: &ApplicationName,
    worst: Option<u64>,
) -> Result<Option<ApplicationView>> {
    let mut tx = store.db.read().await?;
    let text = concat!(
        "SELECT ",
        record_columns!(),
        ", ",
        view_columns!(),
        " FROM applications a WHERE a.namespace = $1 AND a.name = $2"
    );
    let Some(row) = tx.optional(text, args![&name.namespace, &name.name]).await? else { return Ok(None) };
    let mut view = view(&row)?;
    let uid = view.application.uid;
    view.groups = target_views::groups(&mut tx, &[uid]).await?.remove(&uid).unwrap_or_default();
    view.targets = match worst {
        Some(most) => target_views::worst(&mut tx, &[uid], most).await?.remove(&uid).unwrap_or_default(),
        None => target_views::of_application(&mut tx, uid).await?,
    };
    Ok(Some(view))
}

pub(super) async fn names(store: &SqlStore, repository: Option<&str>) -> Result<Vec<(Uuid, ApplicationName)>> {
    let mut tx = store.db.read().await?;
    let rows = match repository {
        None => tx.all("SELECT uid, namespace, name FROM applications ORDER BY namespace, name", args![]).await?,
        Some(url) => {
            let text = "SELECT a.uid, a.namespace, a.name FROM application_sources s JOIN applications a ON a.uid = s.application
                WHERE s.url = $1 ORDER BY a.namespace, a.name";
            tx.all(text, args![repository_key(url)]).await?
        }
    };
    rows.iter().map(|row| Ok((row.uuid("uid")?, name(row)?))).collect()
}

/// Reads namespace and name.
pub(super) fn name(row: &Row) -> Result<ApplicationName> {
    Ok(ApplicationName { namespace: row.text("namespace")?, name: row.text("name")? })
}

fn record(row: &Row) -> Result<Application> {
    Ok(Application {
        uid: row.uuid("uid")?,
        name: name(row)?,
        metadata: row.json("metadata")?,
        spec: row.json("spec")?,
        origin: row.json("origin")?,
        created_at: row.time("created_at")?,
        deletion: row.opt_json("deletion")?,
        revision: row.number("record_revision")?,
    })
}

/// A view without its targets.
fn view(row: &Row) -> Result<ApplicationView> {
    Ok(ApplicationView {
        application: record(row)?,
        source: SourceColumns::read(row)?.with_time(row.opt_time("checked_at")?),
        hold: row.opt_json("held")?,
        sync: rank::sync(row)?,
        health: rank::health(row)?,
        groups: Vec::new(),
        targets: Vec::new(),
    })
}

/// Rolls an application's targets up to the worst of them, and puts it into the feed. A target that has not reported is not known, and nothing green or red is
/// shown for it; nor without targets.
pub(super) async fn touch(write: &mut Write, uid: Uuid) -> Result<()> {
    let unknown = (rank::of_sync(SyncStatus::Unknown), rank::of_health(HealthStatus::Unknown));
    let text = "SELECT COALESCE(MAX(COALESCE(s.sync, $2)), $2) AS sync, COALESCE(MAX(COALESCE(s.health, $3)), $3) AS health FROM targets t
        LEFT JOIN target_status s ON s.application = t.application AND s.cluster = t.cluster WHERE t.application = $1";
    let row = write.one(text, args![uid, unknown.0, unknown.1]).await?;
    let (sync, health) = (rank::sync(&row)?, rank::health(&row)?);
    let revision = write.next_revision();
    let text = "UPDATE applications SET sync = $2, health = $3, calm = $4, revision = $5 WHERE uid = $1";
    write
        .execute(text, args![uid, rank::of_sync(sync), rank::of_health(health), rank::calm(sync, health), revision])
        .await?;
    Ok(())
}

/// The application of a uid, which must be there.
pub(super) async fn must_exist(tx: &mut Tx, uid: Uuid) -> Result<Application> {
    by_uid(tx, uid).await?.ok_or_else(|| Error::not_found("application", uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_repository_are_one() {
        for given in [
            "https://git.example/Shop/web.git",
            "https://GIT.example:443/Shop/web/",
            "https://user:canary@git.example/Shop/web",
        ] {
            assert_eq!(repository_key(given), "https://git.example/Shop/web", "{given}");
        }
        assert_eq!(repository_key("/srv/web.git"), repository_key("file:///srv/web.git/"));
        assert_ne!(repository_key("https://git.example/shop/web"), repository_key("https://git.example/Shop/web"));
    }
}
