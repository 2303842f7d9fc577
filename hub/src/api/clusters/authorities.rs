//! `GET /authorities` and `POST /authorities`: the certificate authority above every agent, and replacing it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::identity::trust::{self, Advance, Holder, Wish};
use windlass_domain::time::Timestamp;

use crate::api::caller::Caller;
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;
use crate::api::{Shared, route};

/// What is to be done.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct RotateBody {
    /// Retire the old authority; without it, a new one is made.
    retire: bool,
    /// Also when clusters have not acknowledged: they must join again.
    force: bool,
}

/// The authorities and how far a rotation is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Authorities {
    items: Vec<AuthorityView>,
    /// The one that signs agents' certificates now.
    signing: u64,
    /// When that one ends.
    #[schema(value_type = String, format = DateTime)]
    not_after: Timestamp,
    /// Clusters that have joined.
    clusters: usize,
    /// Clusters that do not use a certificate of the newest authority yet; the first thousand.
    missing: Vec<MissingView>,
    /// Pins of those that are trusted.
    pins: Vec<String>,
}

/// One authority.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthorityView {
    number: u64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    retired_at: Option<Timestamp>,
}

/// A cluster that has not acknowledged.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MissingView {
    cluster: String,
    /// The authority of the certificate that it uses.
    authority: u64,
    connected: bool,
}

const MOST: usize = 1000;

/// The authorities, and which clusters a rotation waits for.
#[utoipa::path(get, path = "/api/v1/authorities", tag = "clusters", responses((status = 200, body = Authorities)))]
pub(crate) async fn list(State(shared): State<Shared>, caller: Caller) -> Result<Json<Authorities>> {
    caller.require(route::CLUSTERS, route::GET, "*")?;
    Ok(Json(shown(&shared).await?))
}

/// Makes a new authority, or retires the old one. `missing` of the answer names those that were left behind.
#[utoipa::path(post, path = "/api/v1/authorities", tag = "clusters", request_body = RotateBody,
    responses((status = 200, body = Authorities), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn rotate(
    State(shared): State<Shared>,
    caller: Caller,
    Body(body): Body<RotateBody>,
) -> Result<Json<Authorities>> {
    caller.require(route::CLUSTERS, route::UPDATE, "*")?;
    let state = &shared.state;
    let (entries, holders, now) =
        (state.store.authorities().await?, state.store.authority_holders().await?, state.clock.now());
    let wish = if body.retire { Wish::Retire { force: body.force } } else { Wish::Begin };
    match trust::advance(&entries, &holders, wish, now).map_err(|error| ApiError::conflict(error.to_string()))? {
        Advance::Make(number) => {
            state.authority.add(state.store.as_ref(), number, caller.name()).await.map_err(ApiError::internal)?;
            tracing::warn!(number, by = caller.name(), "a new certificate authority was made");
            Ok(Json(shown(&shared).await?))
        }
        Advance::Wait(missing) => {
            let names: Vec<_> = missing.iter().take(20).map(|holder| holder.cluster.as_str()).collect();
            let more = missing.len().saturating_sub(names.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Err(ApiError::conflict(format!(
                "{} of {} clusters have not acknowledged the new authority: {}{more}. Wait until their agents are back, or retire with force: they must join again then",
                missing.len(),
                holders.len(),
                names.join(", ")
            )))
        }
        Advance::Retire { numbers, without } => {
            // Read before: afterwards nothing tells those who were left behind from those who join late.
            let answer = Authorities { missing: missing(&without), ..shown(&shared).await? };
            state.store.retire_authorities(&numbers, now).await?;
            state.authority.reload(state.store.as_ref()).await.map_err(ApiError::internal)?;
            state.registry.recheck_all();
            tracing::warn!(
                ?numbers,
                without = without.len(),
                by = caller.name(),
                "certificate authorities were retired"
            );
            let Authorities { items, signing, pins, not_after, .. } = shown(&shared).await?;
            Ok(Json(Authorities { items, signing, pins, not_after, ..answer }))
        }
    }
}

async fn shown(shared: &Shared) -> Result<Authorities> {
    let state = &shared.state;
    let (entries, holders) = (state.store.authorities().await?, state.store.authority_holders().await?);
    let items = entries.iter().map(|entry| AuthorityView {
        number: entry.number,
        created_at: entry.created_at,
        by: entry.by.clone(),
        retired_at: entry.retired_at,
    });
    Ok(Authorities {
        items: items.collect(),
        signing: state.authority.signing(),
        not_after: state.authority.not_after(),
        clusters: holders.len(),
        missing: missing(&trust::missing(&entries, &holders)),
        pins: state.authority.pins().into_iter().map(String::from).collect(),
    })
}

fn missing(holders: &[Holder]) -> Vec<MissingView> {
    let view = |holder: &Holder| MissingView {
        cluster: holder.cluster.clone(),
        authority: holder.authority,
        connected: holder.connected,
    };
    holders.iter().take(MOST).map(view).collect()
}
