//! `GET /applications/{namespace}/{name}/live/resource`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use windlass_domain::application::Application;
use windlass_domain::question::{Objects, What};

use super::{At, SELECTORS, selector};
use crate::api::Shared;
use crate::api::caller::Named;
use crate::api::error::{ApiError, Result};
use crate::api::input::Parameters;

/// Objects as they are in the cluster.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiveObjects {
    /// The cluster's name.
    cluster: String,
    /// Whole manifests; values of Secrets are masked.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
    /// There are more than one answer holds: select fewer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

/// Live objects of an application, asked of the cluster now. Values of Secrets are masked.
#[utoipa::path(get, path = "/api/v1/applications/{namespace}/{name}/live/resource", tag = "live",
    params(
        ("namespace" = String, Path), ("name" = String, Path),
        ("cluster" = Option<String>, Query, description = "May be left out where the application is on one cluster"),
        ("group" = Option<String>, Query, description = "API group; empty for the core group"),
        ("kind" = String, Query),
        ("resourceNamespace" = Option<String>, Query), ("resourceName" = Option<String>, Query),
    ),
    responses((status = 200, body = LiveObjects), (status = 503, body = crate::api::error::Problem)))]
pub(crate) async fn resource(
    State(shared): State<Shared>,
    Named(application): Named<Application>,
    parameters: Parameters,
) -> Result<Json<LiveObjects>> {
    let parameters = parameters.only(&[&["cluster"], &SELECTORS[..]].concat())?;
    let selector = selector(&parameters);
    if selector.kind.is_none() {
        return Err(ApiError::invalid("kind", "kind is missing: which objects are wanted?"));
    }
    let at = At::of(&shared, &application, parameters.text("cluster")).await?;
    let Objects { items, truncated } = at.ask(What::GetResource(selector)).await?;
    Ok(Json(LiveObjects { cluster: at.cluster().to_owned(), items, truncated }))
}
