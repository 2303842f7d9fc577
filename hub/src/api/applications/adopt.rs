//! `POST /applications/{namespace}/{name}/adopt`: a person's word that objects of another owner may be taken over.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::application::Application;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::target::Adoption;
use windlass_store::{Amendment, ListQuery, TargetView};

use super::sync::amend;
use super::targets_on;
use crate::api::Shared;
use crate::api::caller::{Caller, Named};
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;
use crate::api::view::Key;

/// The most objects that one call takes over.
const LIMIT: usize = 10_000;

/// Agents name the next step in the message of every object that they refuse for its owner; nothing else does.
const REFUSED: &str = "app adopt";

/// What to take over.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct AdoptBody {
    /// Only on this cluster, by name.
    cluster: Option<String>,
    /// Exactly these objects; those that agents refused for their owner, when empty.
    keys: Vec<Key>,
}

/// What may be taken over.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Adopted {
    adopted: Vec<AdoptedSet>,
}

/// One target's objects.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AdoptedSet {
    /// The cluster's name.
    cluster: String,
    keys: Vec<Key>,
}

/// Allows objects that belong to another application, hub or tool to be taken over.
#[utoipa::path(post, path = "/api/v1/applications/{namespace}/{name}/adopt", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path)), request_body = AdoptBody,
    responses((status = 200, body = Adopted), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn adopt(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    Body(body): Body<AdoptBody>,
) -> Result<Json<Adopted>> {
    let clusters: Vec<String> = body.cluster.iter().cloned().collect();
    let mut adopted = Vec::new();
    for target in targets_on(&shared, &application, &clusters).await? {
        if target.spec.is_none() {
            continue;
        }
        let keys = wanted(&shared, &application, &target, &body.keys).await?;
        if keys.is_empty() {
            continue;
        }
        let shown = keys.iter().map(Key::from).collect();
        let adoption = Adoption { keys, by: caller.name().to_owned() };
        amend(&shared, &application, &target, Amendment::Adopt(adoption)).await?;
        adopted.push(AdoptedSet { cluster: target.cluster_name, keys: shown });
    }
    if adopted.is_empty() {
        let message = format!(
            "application {} has no object that belongs to another owner; there is nothing to adopt",
            application.name
        );
        return Err(ApiError::conflict(message));
    }
    Ok(Json(Adopted { adopted }))
}

async fn wanted(
    shared: &Shared,
    application: &Application,
    target: &TargetView,
    keys: &[Key],
) -> Result<Vec<ResourceKey>> {
    if !keys.is_empty() {
        return Ok(keys.iter().cloned().map(ResourceKey::from).collect());
    }
    let mut found = Vec::new();
    let mut query = ListQuery { limit: 1000, ..ListQuery::default() };
    loop {
        let page = shared.state.store.list_resources(application.uid, Some(target.cluster), &query).await?;
        let refused = page.items.into_iter().filter(|(_, resource)| resource.message.contains(REFUSED));
        found.extend(refused.map(|(_, resource)| resource.key));
        if found.len() > LIMIT {
            let message =
                format!("more than the limit of {LIMIT} objects would be taken over in one call; name them in keys");
            return Err(ApiError::invalid("keys", message));
        }
        let Some(next) = page.next else { return Ok(found) };
        query.after = Some(next);
    }
}
