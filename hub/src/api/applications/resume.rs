//! `POST /applications/{namespace}/{name}/resume`: the end of a hold.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::application::Application;

use crate::api::Shared;
use crate::api::caller::{Caller, Named};
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;

/// A body that says nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Nothing {}

/// Where it goes now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Resumed {
    /// On how many clusters something else is desired now.
    clusters: usize,
    /// The newest commit that is rendered; git is looked at next.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
}

/// Lets an application follow git again.
#[utoipa::path(post, path = "/api/v1/applications/{namespace}/{name}/resume", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path)), request_body = Nothing,
    responses((status = 200, body = Resumed), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn resume(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<Resumed>> {
    let Some(clusters) = release(&shared, &caller, &application).await? else {
        return Err(ApiError::conflict(format!("application {} is not held at a commit", application.name)));
    };
    let view = shared.state.store.application_item(&application.name).await?;
    Ok(Json(Resumed { clusters, revision: view.and_then(|view| view.source.revision) }))
}

/// Ends the hold, wakes the sessions, and has the source looked at; on how many clusters rows moved, `None` when nothing was held.
pub(super) async fn release(shared: &Shared, caller: &Caller, application: &Application) -> Result<Option<usize>> {
    let now = shared.state.clock.now();
    let released = shared.state.store.release_revision(application.uid, caller.name(), now).await?;
    let Some(positions) = released else { return Ok(None) };
    shared.state.registry.notify(&positions);
    shared.state.desired.application_changed(&application.name, 0);
    Ok(Some(positions.len()))
}
