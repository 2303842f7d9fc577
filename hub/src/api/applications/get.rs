//! `GET /applications/{namespace}/{name}`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use windlass_domain::application::Application;
use windlass_domain::name::ApplicationName;

use crate::api::Shared;
use crate::api::caller::Named;
use crate::api::error::{ApiError, Result};
use crate::api::view::ApplicationObject;

/// One application with its targets.
#[utoipa::path(get, path = "/api/v1/applications/{namespace}/{name}", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = ApplicationObject), (status = 404, body = crate::api::error::Problem)))]
pub(crate) async fn get(
    State(shared): State<Shared>,
    Named(application): Named<Application>,
) -> Result<(HeaderMap, Json<ApplicationObject>)> {
    let object = object(&shared, &application.name).await?;
    Ok((etag(object.item.revision), Json(object)))
}

pub(super) async fn object(shared: &Shared, name: &ApplicationName) -> Result<ApplicationObject> {
    let view = shared.state.store.application_view(name).await?;
    let view = view.ok_or_else(|| ApiError::not_found("application", &name.to_string()))?;
    Ok(ApplicationObject::of(&view, shared.state.clock.now()))
}

/// The revision, as `If-Match` takes it back.
pub(super) fn etag(revision: u64) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("\"{revision}\"")).ok();
    value.map(|value| (header::ETAG, value)).into_iter().collect()
}
