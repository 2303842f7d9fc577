//! `DELETE /applications/{namespace}/{name}`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use windlass_domain::application::{Application, Cascade};

use crate::api::Shared;
use crate::api::caller::{Caller, Named};
use crate::api::error::Result;
use crate::api::input::Parameters;

/// A deletion that was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deleting {
    /// What happens to the objects.
    #[schema(value_type = String)]
    cascade: Cascade,
    /// On how many clusters; 0: it is gone.
    clusters: usize,
}

/// Deletes an application. Its objects are treated as its finalizers say, or as `cascade` does; it goes when every cluster is done.
#[utoipa::path(delete, path = "/api/v1/applications/{namespace}/{name}", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path), ("cascade" = Option<String>, Query, description = "foreground, background or orphan")),
    responses((status = 202, body = Deleting)))]
pub(crate) async fn delete(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    parameters: Parameters,
) -> Result<(StatusCode, Json<Deleting>)> {
    let cascade = parameters.only(&["cascade"])?.named("cascade", "foreground, background, orphan")?;
    let cascade = cascade.unwrap_or_else(|| application.cascade_by_finalizers());
    let now = shared.state.clock.now();
    let positions = shared.state.store.delete_application(&application.name, cascade, caller.name(), now).await?;
    shared.state.registry.notify(&positions);
    shared.state.desired.application_changed(&application.name, 0);
    // Not the positions' number: a call that is made again moves nothing.
    let clusters = shared.state.store.targets(application.uid).await?.len();
    Ok((StatusCode::ACCEPTED, Json(Deleting { cascade, clusters })))
}
