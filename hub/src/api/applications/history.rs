//! `GET /applications/{namespace}/{name}/history` and `/events`: what was deployed, and who did what.

use axum::Json;
use axum::extract::State;
use windlass_domain::application::Application;

use super::targets_on;
use crate::api::Shared;
use crate::api::caller::Named;
use crate::api::error::Result;
use crate::api::input::Parameters;
use crate::api::view::{EventObject, HistoryObject, Page};

/// A page of deployments, newest first. Targets that deployed the same bundle of the same commit have it under the same number.
#[utoipa::path(get, path = "/api/v1/applications/{namespace}/{name}/history", tag = "applications",
    params(
        ("namespace" = String, Path), ("name" = String, Path),
        ("cluster" = Option<String>, Query), ("search" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query),
    ),
    responses((status = 200, body = Page<HistoryObject>)))]
pub(crate) async fn history(
    State(shared): State<Shared>,
    Named(application): Named<Application>,
    parameters: Parameters,
) -> Result<Json<Page<HistoryObject>>> {
    let parameters = parameters.only(&["cluster", "search", "limit", "after"])?;
    let wanted: Vec<String> = parameters.text("cluster").into_iter().collect();
    let cluster = match wanted.is_empty() {
        true => None,
        false => targets_on(&shared, &application, &wanted).await?.first().map(|target| target.cluster),
    };
    let page = shared.state.store.history(application.uid, cluster, &parameters.list()?).await?;
    Ok(Json(Page::of(page, HistoryObject::from)))
}

/// A page of what people did to an application, newest first; freezes of projects, clusters and everything included.
#[utoipa::path(get, path = "/api/v1/applications/{namespace}/{name}/events", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<EventObject>)))]
pub(crate) async fn events(
    State(shared): State<Shared>,
    Named(application): Named<Application>,
    parameters: Parameters,
) -> Result<Json<Page<EventObject>>> {
    let query = parameters.only(&["limit", "after"])?.list()?;
    let page = shared.state.store.events(Some(&application.name), &query).await?;
    Ok(Json(Page::of(page, EventObject::from)))
}
