//! `POST /applications/{namespace}/{name}/rollback`: back to what was deployed before, from the hub's own copy: git is not asked.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use windlass_domain::application::Application;
use windlass_domain::target::OperationOptions;

use super::sync::body::{count, deadline};
use super::sync::{At, Operations, Wanted, start};
use super::targets_on;
use crate::api::Shared;
use crate::api::caller::{Caller, Named};
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;

/// Back to what.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RollbackBody {
    /// The number of the history entry.
    id: u64,
    /// Whether objects that the entry did not have are deleted; it never overrides a hold.
    #[serde(default)]
    prune: bool,
    /// Only on these clusters, by name; every cluster when empty.
    #[serde(default)]
    clusters: Vec<String>,
}

/// Brings an application back to a history entry. It is held there until it is resumed, or synced as a whole.
#[utoipa::path(post, path = "/api/v1/applications/{namespace}/{name}/rollback", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path)), request_body = RollbackBody,
    responses((status = 200, body = Operations), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn rollback(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    Body(body): Body<RollbackBody>,
) -> Result<Json<Operations>> {
    count("clusters", body.clusters.len(), 1000)?;
    let entry = shared.state.store.deployment(application.uid, body.id).await?.ok_or_else(|| {
        let message = format!(
            "application {} has no history entry {}; `windlass app history` shows those that are kept",
            application.name, body.id
        );
        ApiError::invalid("id", message)
    })?;
    let targets = targets_on(&shared, &application, &body.clusters).await?;
    let wanted = Wanted {
        prune: body.prune,
        options: OperationOptions::default(),
        deadline: deadline(&application, None, 0),
        at: Some(At { bundle: entry.bundle, revision: entry.revision, entry: Some(entry.id) }),
    };
    start(&shared, &caller, &application, &targets, &body.clusters, &wanted).await
}
