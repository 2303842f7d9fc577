//! `GET /applications/{namespace}/{name}/resources`.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use windlass_domain::application::Application;

use super::targets_on;
use crate::api::Shared;
use crate::api::caller::Named;
use crate::api::error::Result;
use crate::api::input::Parameters;
use crate::api::view::{Page, ResourceObject};

/// A page of an application's objects, on one cluster or on all.
#[utoipa::path(get, path = "/api/v1/applications/{namespace}/{name}/resources", tag = "applications",
    params(
        ("namespace" = String, Path), ("name" = String, Path),
        ("cluster" = Option<String>, Query), ("search" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query),
    ),
    responses((status = 200, body = Page<ResourceObject>)))]
pub(crate) async fn resources(
    State(shared): State<Shared>,
    Named(application): Named<Application>,
    parameters: Parameters,
) -> Result<Json<Page<ResourceObject>>> {
    let parameters = parameters.only(&["cluster", "search", "limit", "after"])?;
    let wanted: Vec<String> = parameters.text("cluster").into_iter().collect();
    let targets = targets_on(&shared, &application, &wanted).await?;
    let cluster = targets.first().filter(|_| !wanted.is_empty()).map(|target| target.cluster);
    let names: HashMap<_, _> = targets.iter().map(|target| (target.cluster, target.cluster_name.as_str())).collect();
    let page = shared.state.store.list_resources(application.uid, cluster, &parameters.list()?).await?;
    let show = |(cluster, status)| ResourceObject::of(names.get(&cluster).copied().unwrap_or_default(), status);
    Ok(Json(Page::of(page, show)))
}
