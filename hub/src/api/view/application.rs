//! Applications.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;
use windlass_domain::application::{Application, Cascade, Origin};
use windlass_domain::health::HealthStatus;
use windlass_domain::status::{self, ConditionKind, SyncStatus};
use windlass_domain::time::Timestamp;
use windlass_store::{ApplicationView, TargetGroup};

use super::{Condition, FreshnessView, HeldView, TargetCount, TargetObject};

/// An application as lists show it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApplicationItem {
    pub(crate) uid: Uuid,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) project: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// The revision of its last change; `If-Match` takes it.
    pub(crate) revision: u64,
    pub(crate) source: SourceView,
    pub(crate) status: StatusView,
    /// All its targets by state, worst first.
    pub(crate) target_counts: Vec<TargetCount>,
    /// Its targets, worst first. In lists and watches at most twenty of them (fewer on pages of more than a hundred): `GET .../targets` has all, in pages.
    pub(crate) targets: Vec<TargetObject>,
    /// Set while a person holds it at a commit, whatever git says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<HeldView>,
    /// Its only writer.
    #[schema(value_type = String)]
    pub(crate) origin: Origin,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// Set once its deletion was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deletion: Option<DeletionView>,
}

/// One application in full.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApplicationObject {
    #[serde(flatten)]
    pub(crate) item: ApplicationItem,
    /// The Argo CD Application, as it was given.
    #[schema(value_type = Object)]
    pub(crate) manifest: Value,
}

/// Where it comes from, and how that stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceView {
    #[serde(rename = "repoURL")]
    pub(crate) repo_url: String,
    pub(crate) path: String,
    pub(crate) target_revision: String,
    /// The commit of the current bundle; absent before the first render.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<String>,
    /// The full name of the branch, tag or other ref that `targetRevision` resolved to; absent where it names a commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resolved_ref: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bundle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) checked_at: Option<Timestamp>,
}

/// The worst over the targets.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusView {
    #[schema(value_type = String)]
    pub(crate) sync: SyncStatus,
    #[schema(value_type = String)]
    pub(crate) health: HealthStatus,
    pub(crate) freshness: FreshnessView,
    /// The hub's and every agent's.
    pub(crate) conditions: Vec<Condition>,
}

/// A deletion that was asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletionView {
    #[schema(value_type = String, format = DateTime)]
    pub(crate) requested_at: Timestamp,
    #[schema(value_type = String)]
    pub(crate) cascade: Cascade,
    pub(crate) by: String,
}

/// What a refresh led to.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Refreshed {
    /// The commit of the current bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<String>,
    /// Whether anything is different now.
    pub(crate) changed: bool,
    /// The hub's conditions; a render that failed is among them.
    pub(crate) conditions: Vec<Condition>,
}

// === impl ApplicationItem ===

impl ApplicationItem {
    pub(crate) fn of(view: &ApplicationView, now: Timestamp) -> Self {
        let application = &view.application;
        let mut targets: Vec<_> = view.targets.iter().map(|target| TargetObject::of(target, now)).collect();
        targets.sort_by(|a, b| (b.health, b.sync, &a.cluster).cmp(&(a.health, a.sync, &b.cluster)));
        Self {
            uid: application.uid,
            namespace: application.name.namespace.clone(),
            name: application.name.name.clone(),
            project: application.spec.project.clone(),
            labels: application.metadata.labels.clone(),
            revision: application.revision,
            source: SourceView::of(view),
            status: StatusView::of(view, &targets, now),
            target_counts: target_counts(&view.groups),
            targets,
            held: view.hold.as_ref().map(HeldView::from),
            origin: application.origin,
            created_at: application.created_at,
            deletion: application.deletion.as_ref().map(|deletion| DeletionView {
                requested_at: deletion.requested_at,
                cascade: deletion.cascade,
                by: deletion.by.clone(),
            }),
        }
    }
}

// === impl ApplicationObject ===

impl ApplicationObject {
    pub(crate) fn of(view: &ApplicationView, now: Timestamp) -> Self {
        Self { item: ApplicationItem::of(view, now), manifest: view.application.to_value() }
    }
}

// === impl SourceView ===

impl SourceView {
    fn of(view: &ApplicationView) -> Self {
        let source = first_source(&view.application);
        let state = &view.source;
        Self {
            repo_url: source.map(|s| s.repo_url.clone()).unwrap_or_default(),
            path: source.map(|s| s.path.clone()).unwrap_or_default(),
            target_revision: source.map(|s| s.target_revision.clone()).unwrap_or_default(),
            resolved_ref: view.source.resolved.clone(),
            revision: state.revision.clone(),
            subject: state.subject.clone(),
            bundle: state.bundle.map(|bundle| bundle.to_string()),
            checked_at: state.checked_at,
        }
    }
}

fn first_source(application: &Application) -> Option<&windlass_domain::application::ApplicationSource> {
    application.spec.sources.first().or(application.spec.source.as_ref())
}

// === impl StatusView ===

impl StatusView {
    /// By all targets; conditions of those that are listed.
    fn of(view: &ApplicationView, targets: &[TargetObject], now: Timestamp) -> Self {
        let hub = view.source.conditions.iter().map(|condition| Condition::of(condition, None));
        let proofs = view.groups.iter().map(|group| FreshnessView::at(group.verified_at, group.connected, now));
        Self {
            sync: view.sync,
            health: view.health,
            freshness: FreshnessView::worst(proofs),
            conditions: hub
                .chain(held(view))
                .chain(targets.iter().flat_map(|target| target.conditions.clone()))
                .collect(),
        }
    }
}

fn held(view: &ApplicationView) -> Option<Condition> {
    let hold = view.hold.as_ref()?;
    let message = hold.sentence(&view.application.name);
    let held = status::Condition { kind: ConditionKind::HeldAtRevision, message, since: hold.since };
    Some(Condition::of(&held, None))
}

/// Sessions aside.
fn target_counts(groups: &[TargetGroup]) -> Vec<TargetCount> {
    let mut counts: Vec<TargetCount> = Vec::new();
    for group in groups {
        match counts.iter_mut().find(|count| (count.sync, count.health) == (group.sync, group.health)) {
            Some(count) => count.count += group.count,
            None => counts.push(TargetCount { sync: group.sync, health: group.health, count: group.count }),
        }
    }
    counts
}
