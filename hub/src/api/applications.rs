//! Applications: one handler an action.

pub(crate) mod adopt;
pub(crate) mod approve;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod put;
pub(crate) mod refresh;
pub(crate) mod removal;
pub(crate) mod resources;
pub(crate) mod resume;
pub(crate) mod rollback;
pub(crate) mod sync;
pub(crate) mod targets;

use serde::Deserialize;
use utoipa::ToSchema;
use windlass_domain::application::Application;
use windlass_store::TargetView;

use super::Shared;
use super::error::{ApiError, Result};

/// A body that says nothing, or which cluster.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct OneCluster {
    /// Only on this cluster, by name; every cluster when absent.
    pub(crate) cluster: Option<String>,
}

/// The targets on the named clusters, or all of them; a name without a target is an error.
pub(super) async fn targets_on(
    shared: &Shared,
    application: &Application,
    clusters: &[String],
) -> Result<Vec<TargetView>> {
    let mut targets = shared.state.store.targets(application.uid).await?;
    if clusters.is_empty() {
        return Ok(targets);
    }
    for cluster in clusters {
        if !targets.iter().any(|target| target.cluster_name == *cluster) {
            let message = format!(
                "application {} has no target on cluster {cluster:?}; `windlass app get` shows its targets",
                application.name
            );
            return Err(ApiError::invalid("cluster", message));
        }
    }
    targets.retain(|target| clusters.contains(&target.cluster_name));
    Ok(targets)
}
