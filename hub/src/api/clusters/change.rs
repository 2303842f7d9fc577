//! `PATCH /clusters/{name}` and `DELETE /clusters/{name}`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use windlass_domain::identity::record::{Event, Word};
use windlass_store::{ClusterView, IdentityEvent};

use super::{check_address, check_aliases, check_labels, object};
use crate::api::Shared;
use crate::api::caller::{Caller, Named};
use crate::api::error::Result;
use crate::api::input::{Body, Parameters};
use crate::api::view::ClusterObject;

/// What to change; absent parts stay.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct ChangeBody {
    /// Labels to set; null removes one. Others stay.
    labels: BTreeMap<String, Option<String>>,
    /// All addresses by which `destination.server` may mean it.
    server_aliases: Option<Vec<String>>,
    /// `host:port` where its agent is to connect from now on; empty for what the hub says to everybody now. Its session ends, and it is told at the next.
    agents_address: Option<String>,
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
    if let Some(address) = &body.agents_address {
        check_address(address)?;
    }
    shared.state.store.update_cluster(&cluster.name, labels, aliases, shared.state.clock.now()).await?;
    if let Some(address) = body.agents_address {
        let address = if address.is_empty() { &shared.state.advertised.agents_address } else { &address };
        shared.state.store.set_agents_address(cluster.uid, Some(address)).await?;
        shared.state.registry.disconnect(cluster.uid, "the agent is told another address of the hub when it is back");
    }
    shared.state.desired.clusters_changed();
    Ok(Json(object(&shared, &cluster.name).await?))
}

/// Removes a cluster, its tokens, its certificates (revoked for good) and its desired state; its session ends. Objects in it are left as they are. With
/// `cascade=true` its agent deletes them first: 202 is answered, and the cluster goes when they have gone.
#[utoipa::path(delete, path = "/api/v1/clusters/{name}", tag = "clusters", params(("name" = String, Path), ("cascade" = Option<bool>, Query)),
    responses((status = 202), (status = 204)))]
pub(crate) async fn delete(
    State(shared): State<Shared>,
    caller: Caller,
    Named(view): Named<ClusterView>,
    parameters: Parameters,
) -> Result<StatusCode> {
    let cascade: Option<bool> = parameters.only(&["cascade"])?.parsed("cascade", "true or false")?;
    let (state, name) = (&shared.state, &view.cluster.name);
    if cascade == Some(true) {
        let moved = state.store.remove_cluster(name, caller.name(), state.clock.now()).await?;
        state.registry.notify(&moved);
        state.desired.clusters_changed();
        return Ok(StatusCode::ACCEPTED);
    }
    let now = state.clock.now();
    let word = Word { by: caller.name().to_owned(), at: now, reason: "removed".into() };
    let event = Event::Revoked { word, serial: None };
    state.store.change_identity(view.cluster.uid, &IdentityEvent { event, from: String::new() }, now).await?;
    super::trust::write_down(&shared, &view, caller.name(), "removed").await?;
    state.store.delete_cluster(name).await?;
    state.registry.disconnect(view.cluster.uid, "the cluster was removed from the hub");
    state.desired.clusters_changed();
    Ok(StatusCode::NO_CONTENT)
}
