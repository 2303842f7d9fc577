//! One application on one cluster.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use windlass_domain::application::Cascade;
use windlass_domain::health::HealthStatus;
use windlass_domain::status::{self, ConditionKind, SyncStatus, TargetSummary};
use windlass_domain::target::{PauseKind, Paused};
use windlass_domain::time::Timestamp;
use windlass_domain::window::{self, Window, Wish};
use windlass_store::TargetView;

use super::{Condition, FreshnessView, Key, OperationStateView, PausedView};

/// A target with its status.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetObject {
    pub(crate) cluster_uid: Uuid,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// `OutOfSync` also while a newer commit is on its way to the agent.
    #[schema(value_type = String)]
    pub(crate) sync: SyncStatus,
    #[schema(value_type = String)]
    pub(crate) health: HealthStatus,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) health_message: String,
    pub(crate) freshness: FreshnessView,
    /// Whether the agent's report is about what is desired now.
    pub(crate) current: bool,
    /// The commit that is desired; absent on the way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) desired_revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) desired_bundle: Option<String>,
    /// The commit that the report compares with; absent before the first report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bundle: Option<String>,
    /// The commit of the last operation that began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) synced_revision: Option<String>,
    pub(crate) conditions: Vec<Condition>,
    /// Deletions that wait for an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hold: Option<HoldView>,
    /// The running or last operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<OperationStateView>,
    /// An operation that a person asked for and that is not finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requested_operation: Option<Uuid>,
    /// Why nothing is begun: a freeze, or applications that this one waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) paused: Option<PausedView>,
    /// How the project's sync windows stand for it now; absent when none is about it, and in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sync_window: Option<SyncWindowView>,
    /// Set when the target is on its way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) removing: Option<Cascade>,
}

/// What the sync windows of a target allow now.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SyncWindowView {
    /// Whether commits are applied as they come.
    pub(crate) automated: bool,
    /// Whether a person may sync.
    pub(crate) manual: bool,
    /// What closes it; absent while nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<String>,
    /// When that may change next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) until: Option<Timestamp>,
}

/// Deletions that wait.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HoldView {
    pub(crate) reason: String,
    /// Names this exact set; an approval sends it back.
    pub(crate) set: String,
    pub(crate) count: u64,
    /// The first hundred.
    pub(crate) keys: Vec<Key>,
}

// === impl TargetObject ===

impl TargetObject {
    pub(crate) fn of(target: &TargetView, now: Timestamp) -> Self {
        let summary = target.summary.as_ref();
        let current = is_current(target);
        let text =
            |get: fn(&TargetSummary) -> &str| summary.map(get).filter(|text| !text.is_empty()).map(str::to_owned);
        let name = target.cluster_name.as_str();
        Self {
            cluster_uid: target.cluster,
            cluster: name.to_owned(),
            sync: effective_sync(summary, current),
            health: summary.map_or(HealthStatus::Unknown, |summary| summary.health),
            health_message: text(|s| &s.health_message).unwrap_or_default(),
            freshness: FreshnessView::at(target.verified_at, target.connected, now),
            current,
            desired_revision: target.spec.as_ref().map(|spec| spec.revision.clone()),
            desired_bundle: target.spec.as_ref().map(|spec| spec.bundle.to_string()),
            revision: text(|s| &s.revision),
            bundle: summary.and_then(|s| s.bundle).map(|bundle| bundle.to_string()),
            synced_revision: summary.and_then(|s| s.synced_revision.clone()),
            conditions: summary.map(|s| conditions(s, name)).into_iter().flatten().chain(paused(target)).collect(),
            hold: summary.and_then(|s| s.hold.as_ref()).map(HoldView::from),
            operation: summary.and_then(|s| s.operation.as_ref()).map(OperationStateView::from),
            requested_operation: target
                .spec
                .as_ref()
                .and_then(|spec| spec.operation.as_ref())
                .map(|operation| operation.id),
            paused: pause_of(target).map(PausedView::from),
            sync_window: None,
            removing: target.removing.as_ref().map(|removing| removing.cascade),
        }
    }
}

// === impl SyncWindowView ===

impl SyncWindowView {
    /// `None` without windows: nothing stands in the way.
    pub(crate) fn at(windows: &[Window], now: Timestamp) -> Option<Self> {
        let zones = |name: &str| jiff::tz::TimeZone::get(name).ok();
        let may = |wish| window::verdict(windows, wish, now, &zones);
        let (automated, manual) = (may(Wish::Automated), may(Wish::Manual));
        (!windows.is_empty()).then(|| Self {
            automated: automated.closed.is_none(),
            manual: manual.closed.is_none(),
            closed: automated.closed,
            until: automated.until,
        })
    }
}

fn is_current(target: &TargetView) -> bool {
    match (&target.spec, &target.summary) {
        (Some(spec), Some(summary)) => summary.bundle == Some(spec.bundle),
        (None, _) => target.removing.is_some(),
        (Some(_), None) => false,
    }
}

/// What was synced with an older bundle is not synced with the newer one.
fn effective_sync(summary: Option<&TargetSummary>, current: bool) -> SyncStatus {
    match summary {
        Some(summary) if current => summary.sync,
        Some(summary) => summary.sync.max(SyncStatus::OutOfSync),
        None => SyncStatus::Unknown,
    }
}

fn pause_of(target: &TargetView) -> Option<&Paused> {
    let removing = target.removing.as_ref().and_then(|removing| removing.paused.as_ref());
    target.spec.as_ref().and_then(|spec| spec.paused.as_ref()).or(removing)
}

/// What the hub makes wait.
fn paused(target: &TargetView) -> Option<Condition> {
    let paused = pause_of(target)?;
    let (kind, message) = match paused.kind {
        PauseKind::Freeze => (ConditionKind::WritesFrozen, format!("{} (by {})", paused.message, paused.by)),
        PauseKind::DependsOn => (ConditionKind::DependencyWait, paused.message.clone()),
    };
    // The agent says so too, once it has heard of it.
    let mut said = target.summary.iter().flat_map(|summary| &summary.conditions);
    if said.any(|condition| condition.kind == kind) {
        return None;
    }
    let condition = status::Condition { kind, message, since: paused.since };
    Some(Condition::of(&condition, Some(&target.cluster_name)))
}

fn conditions(summary: &TargetSummary, cluster: &str) -> Vec<Condition> {
    summary.conditions.iter().map(|condition| Condition::of(condition, Some(cluster))).collect()
}

// === impl HoldView ===

impl From<&status::Hold> for HoldView {
    fn from(hold: &status::Hold) -> Self {
        Self {
            reason: hold.reason.clone(),
            set: hold.set.to_string(),
            count: hold.count,
            keys: hold.keys.iter().map(Key::from).collect(),
        }
    }
}
