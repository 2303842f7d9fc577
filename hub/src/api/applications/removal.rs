//! `POST /applications/{namespace}/{name}/confirm-deletion` and `/abandon`: what a removal may need from a person.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::application::Application;

use super::{OneCluster, targets_on};
use crate::api::Shared;
use crate::api::caller::{Caller, Named};
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;
use crate::api::view::Key;

/// Where deletions were confirmed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Confirmed {
    /// Names of clusters.
    clusters: Vec<String>,
}

/// What is given up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AbandonBody {
    /// The cluster's name.
    cluster: String,
}

/// What was left.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Abandoned {
    cluster: String,
    /// How many objects its agent last reported.
    count: u64,
    /// The first thousand of them.
    keys: Vec<Key>,
    /// Whether the application is gone by it.
    gone: bool,
}

/// Confirms deletions that ask for it (`Prune=confirm`, `Delete=confirm`): those of the commits that are desired now, or of the removal.
#[utoipa::path(post, path = "/api/v1/applications/{namespace}/{name}/confirm-deletion", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path)), request_body = OneCluster,
    responses((status = 200, body = Confirmed), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn confirm_deletion(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    Body(body): Body<OneCluster>,
) -> Result<Json<Confirmed>> {
    let wanted: Vec<String> = body.cluster.into_iter().collect();
    let targets = targets_on(&shared, &application, &wanted).await?;
    let clusters: Vec<_> =
        if wanted.is_empty() { vec![] } else { targets.iter().map(|target| target.cluster).collect() };
    let now = shared.state.clock.now();
    let store = &shared.state.store;
    let positions = store.confirm_deletion(application.uid, &clusters, caller.name(), now).await?;
    shared.state.registry.notify(&positions);
    Ok(Json(Confirmed { clusters: targets.into_iter().map(|target| target.cluster_name).collect() }))
}

/// Gives up a target that is being removed, because its cluster will not come back: what its agent last reported is left, listed here and in the events.
#[utoipa::path(post, path = "/api/v1/applications/{namespace}/{name}/abandon", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path)), request_body = AbandonBody,
    responses((status = 200, body = Abandoned), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn abandon(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    Body(body): Body<AbandonBody>,
) -> Result<Json<Abandoned>> {
    let targets = targets_on(&shared, &application, std::slice::from_ref(&body.cluster)).await?;
    let target = targets.first().ok_or_else(|| ApiError::not_found("cluster", &body.cluster))?;
    let store = &shared.state.store;
    let left = store.abandon_target(application.uid, target.cluster, caller.name(), shared.state.clock.now()).await?;
    shared.state.registry.notify(&left.positions);
    shared.state.desired.application_changed(&application.name, 0);
    let gone = store.application(&application.name).await?.is_none_or(|now| now.uid != application.uid);
    let keys = left.objects.iter().map(Key::from).collect();
    Ok(Json(Abandoned { cluster: body.cluster, count: left.count, keys, gone }))
}
