//! Freezes: what people stopped, and what that means for rows. A freeze and the rows that it stops are one transaction, one generation a cluster.

use std::collections::BTreeSet;

use uuid::Uuid;
use windlass_domain::application::{Application, ApplicationSpec};
use windlass_domain::digest::Digest;
use windlass_domain::history::{ApplicationEvent, EventKind, Freeze, FreezeScope, frozen};
use windlass_domain::name::ApplicationName;
use windlass_domain::target::{PauseKind, Paused, Removing, TargetRow, TargetSpec};
use windlass_domain::time::Timestamp;

use super::arg::{Arg, args};
use super::generation::Generations;
use super::row::{Row, json};
use super::tx::Tx;
use super::write::Write;
use super::{SqlStore, applications, clusters, events, target_rows};
use crate::error::{Error, Result};
use crate::model::ClusterPosition;

/// More freezes than that at once are no freezes but a policy.
const MOST: u64 = 1000;

pub(super) async fn all(store: &SqlStore) -> Result<Vec<Freeze>> {
    load(&mut store.db.read().await?).await
}

pub(super) async fn load(tx: &mut Tx) -> Result<Vec<Freeze>> {
    tx.all("SELECT record FROM freezes ORDER BY kind, name", args![])
        .await?
        .iter()
        .map(|row| row.json("record"))
        .collect()
}

/// Stops; a freeze of the same scope is replaced.
pub(super) async fn put(store: &SqlStore, freeze: &Freeze, now: Timestamp) -> Result<Vec<ClusterPosition>> {
    let mut write = store.write().await?;
    let scope = &freeze.scope;
    let count = write.one("SELECT COUNT(*) AS freezes FROM freezes", args![]).await?.number("freezes")?;
    if count >= MOST {
        return Err(Error::Invalid(format!(
            "there are {count} freezes; the limit is {MOST}: freeze a project, a cluster or everything"
        )));
    }
    let text = "INSERT INTO freezes (kind, name, record) VALUES ($1, $2, $3) ON CONFLICT (kind, name) DO UPDATE SET record = excluded.record";
    write.execute(text, args![scope.kind(), scope.name(), json(freeze)?]).await?;
    let event = event(EventKind::Frozen, scope, &freeze.by, format!("{scope} was frozen: {}", freeze.reason), now);
    finish(store, write, scope, &event).await
}

/// Goes on; `None` when nothing was frozen under this scope.
pub(super) async fn remove(
    store: &SqlStore,
    scope: &FreezeScope,
    by: &str,
    now: Timestamp,
) -> Result<Option<Vec<ClusterPosition>>> {
    let mut write = store.write().await?;
    let text = "DELETE FROM freezes WHERE kind = $1 AND name = $2";
    if write.execute(text, args![scope.kind(), scope.name()]).await? == 0 {
        return Ok(None);
    }
    let event = event(EventKind::Thawed, scope, by, format!("{scope} was thawed"), now);
    finish(store, write, scope, &event).await.map(Some)
}

fn event(kind: EventKind, scope: &FreezeScope, by: &str, message: String, at: Timestamp) -> ApplicationEvent {
    let application = match scope {
        FreezeScope::Application(name) => Some(name.clone()),
        _ => None,
    };
    let cluster = match scope {
        FreezeScope::Cluster(name) => name.clone(),
        _ => String::new(),
    };
    ApplicationEvent { at, by: by.to_owned(), kind, application, cluster, message, objects: vec![] }
}

async fn finish(
    store: &SqlStore,
    mut write: Write,
    scope: &FreezeScope,
    event: &ApplicationEvent,
) -> Result<Vec<ClusterPosition>> {
    events::record(&mut write, event).await?;
    let freezes = load(&mut write).await?;
    let mut generations = Generations::default();
    let mut touched = BTreeSet::new();
    for row in covered(&mut write, scope).await? {
        if let Some((application, cluster, row)) = paused_anew(&row, &freezes, event.at)? {
            generations.set(&mut write, cluster, &row).await?;
            touched.insert(application);
        }
    }
    for application in touched {
        applications::touch(&mut write, application).await?;
    }
    let positions = generations.finish(&mut write).await?;
    // Whoever watches learns of it, also where no row changed.
    write.next_revision();
    store.commit(write).await?;
    Ok(positions)
}

/// The targets of a scope with what decides about their pause.
async fn covered(tx: &mut Tx, scope: &FreezeScope) -> Result<Vec<Row>> {
    let (clause, args): (&str, Vec<Arg>) = match scope {
        FreezeScope::All => ("1 = 1", args![]),
        FreezeScope::Project(name) => ("a.project = $1", args![name]),
        FreezeScope::Cluster(name) => ("c.name = $1", args![name]),
        FreezeScope::Application(name) => ("a.namespace = $1 AND a.name = $2", args![&name.namespace, &name.name]),
    };
    let text = format!(
        "SELECT t.application, t.cluster, t.desired, t.operation, t.waits, a.namespace, a.name, a.project, a.spec, c.name AS cluster_name, s.summary
        FROM targets t JOIN applications a ON a.uid = t.application JOIN clusters c ON c.uid = t.cluster
        LEFT JOIN target_status s ON s.application = t.application AND s.cluster = t.cluster WHERE {clause}"
    );
    tx.all(text, args).await
}

/// The row of a target whose pause is another one now.
fn paused_anew(row: &Row, freezes: &[Freeze], now: Timestamp) -> Result<Option<(Uuid, Uuid, TargetRow)>> {
    let name = applications::name(row)?;
    let freeze = frozen(freezes, &name, &row.text("project")?, &row.text("cluster_name")?).map(Freeze::pause);
    let before = target_rows::read(row)?;
    let after = match before.clone() {
        TargetRow::Removing(removing) => TargetRow::Removing(Removing { paused: freeze, ..removing }),
        TargetRow::Present(spec) => {
            let paused = match freeze {
                Some(freeze) => Some(freeze),
                None if is_frozen(&spec) => {
                    let summary = row.opt_json::<windlass_domain::status::TargetSummary>("summary")?;
                    let synced = summary.and_then(|summary| summary.synced_bundle);
                    wait_again(&row.json::<ApplicationSpec>("spec")?, &name, spec.bundle, synced, now)
                }
                None => spec.paused.clone(),
            };
            TargetRow::Present(TargetSpec { paused, ..spec })
        }
    };
    let changed = (row.uuid("application")?, row.uuid("cluster")?, after);
    Ok(Some(changed).filter(|(_, _, after)| *after != before))
}

/// Whether a person stopped it.
pub(super) fn is_frozen(spec: &TargetSpec) -> bool {
    spec.paused.as_ref().is_some_and(|paused| paused.kind == PauseKind::Freeze)
}

/// A bundle that was not begun waits for the application's dependencies until the hub has looked at them.
pub(super) fn wait_again(
    spec: &ApplicationSpec,
    name: &ApplicationName,
    bundle: Digest,
    synced: Option<Digest>,
    now: Timestamp,
) -> Option<Paused> {
    if spec.depends_on.is_empty() || synced == Some(bundle) {
        return None;
    }
    let message = windlass_domain::dependency::message(&[]);
    Some(Paused { kind: PauseKind::DependsOn, by: name.to_string(), message, since: now })
}

/// What a freeze means for a row that is about to be written: whoever froze meanwhile is heeded. Keeps a stored freeze as it is where it still counts.
pub(super) async fn heed(
    write: &mut Write,
    freezes: &[Freeze],
    application: &Application,
    cluster: Uuid,
    spec: TargetSpec,
) -> Result<TargetSpec> {
    if freezes.is_empty() {
        let paused = spec.paused.filter(|paused| paused.kind != PauseKind::Freeze);
        return Ok(TargetSpec { paused, ..spec });
    }
    let cluster = clusters::name_of(write, cluster).await?;
    let paused = match frozen(freezes, &application.name, &application.spec.project, &cluster) {
        Some(freeze) => Some(freeze.pause()),
        None => spec.paused.filter(|paused| paused.kind != PauseKind::Freeze),
    };
    Ok(TargetSpec { paused, ..spec })
}
