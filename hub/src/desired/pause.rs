//! What a target's row waits for before anything is begun: a freeze by a person, or applications that its own depends on. The rules are
//! [`windlass_domain::dependency`]'s and [`windlass_domain::history::frozen`]'s; here their facts are read.

use std::collections::BTreeMap;

use uuid::Uuid;
use windlass_domain::application::Application;
use windlass_domain::dependency::{self, Dependency, DependencyState, DependencyTarget, Followed, Node, Wait, Waiting};
use windlass_domain::health::HealthStatus;
use windlass_domain::history::frozen;
use windlass_domain::name::ApplicationName;
use windlass_domain::status::{Freshness, SyncStatus};
use windlass_domain::target::{PauseKind, Paused, TargetSpec};
use windlass_domain::time::Timestamp;
use windlass_store::{ApplicationQuery, ApplicationView, Labels, ListQuery, Store, TargetView};

/// The most applications that one selector is followed to.
const MOST: usize = 1000;

/// Sets each row's pause. A bundle that was let through stays so: what its dependencies do afterwards is their own affair.
pub(super) async fn settle(
    store: &dyn Store,
    view: &ApplicationView,
    rows: &mut [(Uuid, TargetSpec)],
    names: impl Fn(Uuid) -> Option<String>,
    now: Timestamp,
) -> Result<(), windlass_store::Error> {
    let application = &view.application;
    let freezes = store.freezes().await?;
    let (mut dependencies, mut circle) = (None, None);
    for (cluster, row) in rows {
        let name = names(*cluster).unwrap_or_default();
        if let Some(freeze) = frozen(&freezes, &application.name, &application.spec.project, &name) {
            row.paused = Some(freeze.pause());
            continue;
        }
        row.paused = None;
        // What a person holds it at was asked for by name.
        let is_held = view.hold.as_ref().is_some_and(|hold| hold.covers(*cluster));
        if application.spec.depends_on.is_empty() || is_held {
            continue;
        }
        let stored = view.targets.iter().find(|target| target.cluster == *cluster);
        if let Some(decided) = decided(stored, row) {
            row.paused = decided;
            continue;
        }
        if dependencies.is_none() {
            dependencies = Some(states(store, application, now).await?);
            circle = circle_of(store, application).await?;
        }
        let waits = waits(application, &row.revision, *cluster, dependencies.as_deref().unwrap_or_default());
        row.paused = pause(application, &waits, circle.as_deref(), None, now);
    }
    Ok(())
}

/// What was decided for this bundle before; whoever waits is looked at by [`super::waits`].
fn decided(stored: Option<&TargetView>, row: &TargetSpec) -> Option<Option<Paused>> {
    let stored = stored?;
    let spec = stored.spec.as_ref().filter(|spec| spec.bundle == row.bundle)?;
    match &spec.paused {
        Some(paused) if paused.kind == PauseKind::Freeze => {
            let was_begun = stored.summary.as_ref().and_then(|summary| summary.synced_bundle) == Some(row.bundle);
            was_begun.then_some(None)
        }
        paused => Some(paused.clone()),
    }
}

/// A circle that the application is part of. None is written any more; an earlier version let through two that were written at the same moment.
pub(super) async fn circle_of(
    store: &dyn Store,
    application: &Application,
) -> Result<Option<Vec<ApplicationName>>, windlass_store::Error> {
    if application.spec.depends_on.is_empty() {
        return Ok(None);
    }
    let start = Node {
        name: application.name.clone(),
        labels: application.metadata.labels.clone(),
        depends_on: application.spec.depends_on.clone(),
    };
    Ok(dependency::circle(&start, &store.dependents().await?))
}

/// The pause that says what is waited for; `before` keeps its beginning while the same is waited for.
pub(super) fn pause(
    application: &Application,
    waits: &[Wait],
    circle: Option<&[ApplicationName]>,
    before: Option<&Paused>,
    now: Timestamp,
) -> Option<Paused> {
    if waits.is_empty() {
        return None;
    }
    let since = before.map_or(now, |before| before.since);
    let message = circle.map_or_else(|| dependency::message(waits), dependency::circle_message);
    Some(Paused { kind: PauseKind::DependsOn, by: application.name.to_string(), message, since })
}

/// What an application's target waits for.
pub(crate) fn waits(application: &Application, revision: &str, cluster: Uuid, found: &[DependencyState]) -> Vec<Wait> {
    let follows = followed(application);
    let depends_on = &application.spec.depends_on;
    dependency::waits(&Waiting { name: &application.name, depends_on, follows: &follows, revision }, cluster, found)
}

/// How the applications stand that one depends on.
pub(crate) async fn states(
    store: &dyn Store,
    application: &Application,
    now: Timestamp,
) -> Result<Vec<DependencyState>, windlass_store::Error> {
    let mut names = BTreeMap::new();
    for entry in &application.spec.depends_on {
        match entry {
            Dependency::Name(_) => names.extend(entry.name(&application.name).map(|name| (name, ()))),
            Dependency::Selector(selector) => {
                for (name, labels) in labelled(store, &selector.match_labels).await? {
                    if entry.matches(&application.name, &name, &labels) {
                        names.insert(name, ());
                    }
                }
            }
        }
    }
    let mut states = Vec::with_capacity(names.len());
    for name in names.into_keys() {
        if let Some(view) = store.application_view(&name).await? {
            states.push(state(&view, now));
        }
    }
    Ok(states)
}

async fn labelled(store: &dyn Store, labels: &Labels) -> Result<Vec<(ApplicationName, Labels)>, windlass_store::Error> {
    let list = ListQuery { limit: 1000, ..ListQuery::default() };
    let mut query = ApplicationQuery { list, labels: labels.clone(), ..ApplicationQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = store.list_applications(&query).await?;
        found.extend(page.items.into_iter().map(|view| (view.application.name, view.application.metadata.labels)));
        match page.next {
            Some(next) if found.len() < MOST => query.list.after = Some(next),
            _ => return Ok(found),
        }
    }
}

fn state(view: &ApplicationView, now: Timestamp) -> DependencyState {
    DependencyState {
        name: view.application.name.clone(),
        labels: view.application.metadata.labels.clone(),
        follows: followed(&view.application),
        revision: view.source.revision.clone(),
        deleting: view.application.deletion.is_some(),
        targets: view.targets.iter().map(|target| target_state(target, now)).collect(),
    }
}

fn target_state(target: &TargetView, now: Timestamp) -> DependencyTarget {
    let summary = target.summary.as_ref();
    let is_current = target.spec.as_ref().is_some_and(|spec| summary.is_some_and(|s| s.bundle == Some(spec.bundle)));
    let sync = summary.map_or(SyncStatus::Unknown, |summary| summary.sync);
    DependencyTarget {
        cluster: target.cluster,
        cluster_name: target.cluster_name.clone(),
        sync: if is_current { sync } else { sync.max(SyncStatus::OutOfSync) },
        health: summary.map_or(HealthStatus::Unknown, |summary| summary.health),
        stale: Freshness::at(target.verified_at, target.connected, now).stale,
    }
}

fn followed(application: &Application) -> Followed {
    let spec = &application.spec;
    let source = spec.sources.first().or(spec.source.as_ref());
    source.map(|source| (source.repo_url.clone(), source.target_revision.clone())).unwrap_or_default()
}
