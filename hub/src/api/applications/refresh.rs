//! `POST /applications/{namespace}/{name}/refresh`.

use axum::Json;
use axum::extract::State;
use windlass_domain::application::Application;

use crate::api::Shared;
use crate::api::caller::Named;
use crate::api::error::Result;
use crate::api::view::{Condition, Refreshed};

/// Looks at the source now and answers when what it says is desired state. A source that cannot be rendered is no error but a condition.
#[utoipa::path(post, path = "/api/v1/applications/{namespace}/{name}/refresh", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = Refreshed)))]
pub(crate) async fn refresh(
    State(shared): State<Shared>,
    Named(application): Named<Application>,
) -> Result<Json<Refreshed>> {
    let refreshed = shared.state.desired.refresh(&application.name).await?;
    let conditions = refreshed.conditions.iter().map(|condition| Condition::of(condition, None)).collect();
    Ok(Json(Refreshed { revision: refreshed.revision, changed: refreshed.changed, conditions }))
}
