//! Projects.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use windlass_domain::project::AppProject;
use windlass_domain::time::Timestamp;

/// A project.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectObject {
    pub(crate) uid: Uuid,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    /// The revision of its last change; `If-Match` takes it. 0: `default`, as the hub made it.
    pub(crate) revision: u64,
    /// Absent for `default`, which is as old as the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) created_at: Option<Timestamp>,
    /// Fields of its spec that are kept as they were given and that this version does not enforce.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_enforced: Vec<String>,
    /// The Argo CD AppProject, as it was given.
    #[schema(value_type = Object)]
    pub(crate) manifest: Value,
}

// === impl ProjectObject ===

impl ProjectObject {
    pub(crate) fn of(project: &AppProject) -> Self {
        Self {
            uid: project.uid,
            name: project.name.clone(),
            description: project.spec.description.clone(),
            revision: project.revision,
            created_at: Some(project.created_at).filter(|at| at.as_millisecond() > 0),
            not_enforced: project.spec.not_enforced().into_iter().map(str::to_owned).collect(),
            manifest: project.to_value(),
        }
    }
}
