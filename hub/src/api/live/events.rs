//! `GET /applications/{namespace}/{name}/live/events`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use windlass_domain::application::Application;
use windlass_domain::question::{Events, What};

use super::{At, SELECTORS, selector};
use crate::api::Shared;
use crate::api::caller::Named;
use crate::api::error::Result;
use crate::api::input::Parameters;

/// What Kubernetes says of an application's objects.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiveEvents {
    /// The cluster's name.
    cluster: String,
    /// `items`, the newest first: each with object, type, reason, message, count, firstAt, lastAt, source. `truncated`: there are older ones.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    events: Events,
}

/// Kubernetes' events about an application's objects and what they own, asked of the cluster now. What people did is in `/events`.
#[utoipa::path(get, path = "/api/v1/applications/{namespace}/{name}/live/events", tag = "live",
    params(
        ("namespace" = String, Path), ("name" = String, Path),
        ("cluster" = Option<String>, Query, description = "May be left out where the application is on one cluster"),
        ("group" = Option<String>, Query), ("kind" = Option<String>, Query),
        ("resourceNamespace" = Option<String>, Query), ("resourceName" = Option<String>, Query),
    ),
    responses((status = 200, body = LiveEvents), (status = 503, body = crate::api::error::Problem)))]
pub(crate) async fn events(
    State(shared): State<Shared>,
    Named(application): Named<Application>,
    parameters: Parameters,
) -> Result<Json<LiveEvents>> {
    let parameters = parameters.only(&[&["cluster"], &SELECTORS[..]].concat())?;
    let at = At::of(&shared, &application, parameters.text("cluster")).await?;
    let events = at.ask(What::GetEvents(selector(&parameters))).await?;
    Ok(Json(LiveEvents { cluster: at.cluster().to_owned(), events }))
}
