//! Deployments and events.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use windlass_domain::history::{ApplicationEvent, EventKind, HistoryEntry, RevisionHold};
use windlass_domain::target::{PauseKind, Paused};
use windlass_domain::time::Timestamp;

use super::Key;
use super::operation::ResultView;

/// One deployment on one target.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryObject {
    /// What `rollback` takes.
    id: u64,
    /// The cluster's name.
    cluster: String,
    revision: String,
    bundle: String,
    /// The spec's sources at that time.
    #[schema(value_type = Object)]
    sources: Value,
    by: String,
    /// Whether a commit came, and nobody asked.
    automated: bool,
    operation: Uuid,
    #[schema(value_type = String, format = DateTime)]
    deploy_started_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    deployed_at: Timestamp,
    /// What it did to each object.
    results: Vec<ResultView>,
}

/// What somebody did to an application.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventObject {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    by: String,
    #[schema(value_type = String)]
    kind: EventKind,
    /// The cluster's name, where it is about one.
    #[serde(skip_serializing_if = "String::is_empty")]
    cluster: String,
    message: String,
    /// Objects that it is about; the first thousand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<Key>,
}

/// A commit that an application is held at.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeldView {
    pub(crate) revision: String,
    /// The history entry that it was rolled back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<u64>,
    pub(crate) by: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) since: Timestamp,
    /// Only on these clusters, by uid; on all when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) clusters: Vec<Uuid>,
}

/// Why nothing is begun on a target.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PausedView {
    /// `Freeze` or `DependsOn`.
    #[schema(value_type = String)]
    pub(crate) kind: PauseKind,
    pub(crate) by: String,
    pub(crate) message: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) since: Timestamp,
}

// === impl HistoryObject ===

impl From<HistoryEntry> for HistoryObject {
    fn from(entry: HistoryEntry) -> Self {
        Self {
            id: entry.id,
            cluster: entry.cluster_name,
            revision: entry.revision,
            bundle: entry.bundle.to_string(),
            sources: entry.sources,
            by: entry.by,
            automated: entry.automated,
            operation: entry.operation,
            deploy_started_at: entry.started_at,
            deployed_at: entry.deployed_at,
            results: entry.results.iter().map(ResultView::from).collect(),
        }
    }
}

// === impl EventObject ===

impl From<ApplicationEvent> for EventObject {
    fn from(event: ApplicationEvent) -> Self {
        let ApplicationEvent { at, by, kind, application: _, cluster, message, objects } = event;
        Self { at, by, kind, cluster, message, keys: objects.iter().map(Key::from).collect() }
    }
}

// === impl HeldView ===

impl From<&RevisionHold> for HeldView {
    fn from(hold: &RevisionHold) -> Self {
        let RevisionHold { revision, bundle: _, entry, clusters, by, since } = hold.clone();
        Self { revision, entry, by, since, clusters }
    }
}

// === impl PausedView ===

impl From<&Paused> for PausedView {
    fn from(paused: &Paused) -> Self {
        let Paused { kind, by, message, since } = paused.clone();
        Self { kind, by, message, since }
    }
}
