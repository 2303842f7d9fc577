//! Operations.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{HookResult, OperationState, ResourceResult, ResultCode};
use windlass_domain::target::OperationOptions;
use windlass_domain::time::Timestamp;
use windlass_store::OperationRecord;

use super::Key;

/// One operation on one target.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationObject {
    pub(crate) id: Uuid,
    /// `namespace/name`.
    pub(crate) application: String,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// Who or what asked.
    pub(crate) by: String,
    /// For those that a person asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<OperationRequestView>,
    /// What the agent reported; absent before its first word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<OperationStateView>,
    pub(crate) revision: u64,
}

/// What was asked.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationRequestView {
    /// What it syncs to; a newer commit does not change it.
    pub(crate) bundle: String,
    pub(crate) prune: bool,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) requested_at: Timestamp,
    /// When it is over, finished or not.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) deadline: Timestamp,
    /// Whether it was asked to stop.
    pub(crate) terminate: bool,
    /// What it does otherwise than the application's settings say: only these objects, nothing written, and so on.
    #[schema(value_type = Object)]
    #[serde(skip_serializing_if = "OperationOptions::is_default")]
    pub(crate) options: OperationOptions,
}

/// How it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationStateView {
    pub(crate) id: Uuid,
    pub(crate) by: String,
    #[schema(value_type = String)]
    pub(crate) phase: OperationPhase,
    pub(crate) message: String,
    /// The commit.
    pub(crate) revision: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) started_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) results: Vec<ResultView>,
}

/// What it did to one object.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResultView {
    #[serde(flatten)]
    pub(crate) key: Key,
    #[schema(value_type = String)]
    pub(crate) status: ResultCode,
    pub(crate) message: String,
    /// Of a hook: `{phase, outcome}`, when it ran and what came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) hook: Option<HookResult>,
}

// === impl OperationObject ===

impl From<OperationRecord> for OperationObject {
    fn from(record: OperationRecord) -> Self {
        let OperationRecord { name, cluster_name, request, state, revision, .. } = record;
        let id = request.as_ref().map(|r| r.id).or_else(|| state.as_ref().map(|s| s.id)).unwrap_or_default();
        let by = request.as_ref().map(|r| &r.by).or_else(|| state.as_ref().map(|s| &s.by)).cloned().unwrap_or_default();
        let request = request.map(|request| OperationRequestView {
            bundle: request.bundle.to_string(),
            prune: request.prune,
            requested_at: request.requested_at,
            deadline: request.deadline,
            terminate: request.terminate,
            options: request.options,
        });
        let state = state.as_ref().map(OperationStateView::from);
        Self { id, application: name.to_string(), cluster: cluster_name, by, request, state, revision }
    }
}

// === impl OperationStateView ===

impl From<&OperationState> for OperationStateView {
    fn from(state: &OperationState) -> Self {
        Self {
            id: state.id,
            by: state.by.clone(),
            phase: state.phase,
            message: state.message.clone(),
            revision: state.revision.clone(),
            started_at: state.started_at,
            finished_at: state.finished_at,
            results: state.results.iter().map(ResultView::from).collect(),
        }
    }
}

// === impl ResultView ===

impl From<&ResourceResult> for ResultView {
    fn from(result: &ResourceResult) -> Self {
        let message = result.message.clone();
        Self { key: Key::from(&result.key), status: result.status, message, hook: result.hook }
    }
}
