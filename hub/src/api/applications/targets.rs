//! `GET /applications/{namespace}/{name}/targets`.

use axum::Json;
use axum::extract::State;
use windlass_domain::application::Application;

use crate::api::Shared;
use crate::api::caller::Named;
use crate::api::error::Result;
use crate::api::input::Parameters;
use crate::api::view::{Page, TargetObject};

/// A page of an application's targets, worst first.
#[utoipa::path(get, path = "/api/v1/applications/{namespace}/{name}/targets", tag = "applications",
    params(
        ("namespace" = String, Path), ("name" = String, Path),
        ("search" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query),
    ),
    responses((status = 200, body = Page<TargetObject>)))]
pub(crate) async fn targets(
    State(shared): State<Shared>,
    Named(application): Named<Application>,
    parameters: Parameters,
) -> Result<Json<Page<TargetObject>>> {
    let parameters = parameters.only(&["search", "limit", "after"])?;
    let page = shared.state.store.list_targets(application.uid, &parameters.list()?).await?;
    let now = shared.state.clock.now();
    Ok(Json(Page::of(page, |target| TargetObject::of(&target, now))))
}
