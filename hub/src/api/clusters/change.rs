//! `PATCH /clusters/{name}` and `DELETE /clusters/{name}`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use windlass_store::ClusterView;

use super::{check_aliases, check_labels, object};
use crate::api::Shared;
use crate::api::caller::Named;
use crate::api::error::Result;
use crate::api::input::Body;
use crate::api::view::ClusterObject;

/// What to change; absent parts stay.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct ChangeBody {
    /// Labels to set; null removes one. Others stay.
    labels: BTreeMap<String, Option<String>>,
    /// All addresses by which `destination.server` may mean it.
    server_aliases: Option<Vec<String>>,
}

/// Changes labels and aliases. Applications with a selector may come or go by it.
#[utoipa::path(patch, path = "/api/v1/clusters/{name}", tag = "clusters", params(("name" = String, Path)), request_body = ChangeBody,
    responses((status = 200, body = ClusterObject)))]
pub(crate) async fn change(
    State(shared): State<Shared>,
    Named(view): Named<ClusterView>,
    Body(body): Body<ChangeBody>,
) -> Result<Json<ClusterObject>> {
    let cluster = view.cluster;
    let mut labels = cluster.labels;
    for (key, value) in body.labels {
        match value {
            Some(value) => labels.insert(key, value),
            None => labels.remove(&key),
        };
    }
    let aliases = body.server_aliases.unwrap_or(cluster.server_aliases);
    check_labels(&labels)?;
    check_aliases(&aliases)?;
    shared.state.store.update_cluster(&cluster.name, labels, aliases, shared.state.clock.now()).await?;
    shared.state.desired.clusters_changed();
    Ok(Json(object(&shared, &cluster.name).await?))
}

/// Removes a cluster, its tokens, its certificates and its desired state; its session ends. Objects in it are left as they are.
#[utoipa::path(delete, path = "/api/v1/clusters/{name}", tag = "clusters", params(("name" = String, Path)), responses((status = 204)))]
pub(crate) async fn delete(State(shared): State<Shared>, Named(view): Named<ClusterView>) -> Result<StatusCode> {
    shared.state.store.delete_cluster(&view.cluster.name).await?;
    shared.state.registry.disconnect(view.cluster.uid, "the cluster was removed from the hub");
    shared.state.desired.clusters_changed();
    Ok(StatusCode::NO_CONTENT)
}
