//! `POST /clusters` and `POST /clusters/{name}/token`: the record, and the token by which one agent joins it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::SignedDuration;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;
use windlass_domain::identity::{JoinFile, JoinToken};
use windlass_domain::name;
use windlass_domain::time::Timestamp;
use windlass_store::{ClusterView, Labels, NewCluster, NewJoinToken};

use super::{check_aliases, check_labels, object};
use crate::api::caller::{Caller, Named};
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;
use crate::api::token::random;
use crate::api::view::Joining;
use crate::api::{Shared, new_id, route};

const DEFAULT_SECONDS: u32 = 3600;
const MOST_SECONDS: u32 = 24 * 3600;

/// A new cluster.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateBody {
    /// Unique name for people; it never authenticates.
    name: String,
    #[serde(default)]
    labels: Labels,
    /// Addresses by which `destination.server` may mean it.
    #[serde(default)]
    server_aliases: Vec<String>,
    /// How long the join token is valid: 3600 by default, 86400 at most.
    #[serde(default)]
    token_seconds: Option<u32>,
}

/// How long.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct TokenBody {
    /// How long the join token is valid: 3600 by default, 86400 at most.
    token_seconds: Option<u32>,
}

/// Creates a cluster and the join token for its agent. The token is shown this once.
#[utoipa::path(post, path = "/api/v1/clusters", tag = "clusters", request_body = CreateBody,
    responses((status = 201, body = Joining), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    Body(body): Body<CreateBody>,
) -> Result<(StatusCode, Json<Joining>)> {
    caller.require(route::CLUSTERS, route::CREATE, &body.name)?;
    let name =
        name::subdomain("cluster name", &body.name).map_err(|error| ApiError::invalid("name", error.to_string()))?;
    check_labels(&body.labels)?;
    check_aliases(&body.server_aliases)?;
    let lifetime = lifetime(body.token_seconds)?;
    let new = NewCluster { uid: Uuid::new_v4(), name, labels: body.labels, server_aliases: body.server_aliases };
    let cluster = shared.state.store.create_cluster(new, shared.state.clock.now()).await?;
    shared.state.desired.clusters_changed();
    Ok((StatusCode::CREATED, Json(joining(&shared, &cluster.name, cluster.uid, lifetime).await?)))
}

/// Makes a new join token; one that was not used yet is void from now on.
#[utoipa::path(post, path = "/api/v1/clusters/{name}/token", tag = "clusters", params(("name" = String, Path)), request_body = TokenBody,
    responses((status = 201, body = Joining)))]
pub(crate) async fn token(
    State(shared): State<Shared>,
    Named(view): Named<ClusterView>,
    Body(body): Body<TokenBody>,
) -> Result<(StatusCode, Json<Joining>)> {
    let lifetime = lifetime(body.token_seconds)?;
    Ok((StatusCode::CREATED, Json(joining(&shared, &view.cluster.name, view.cluster.uid, lifetime).await?)))
}

fn lifetime(seconds: Option<u32>) -> Result<SignedDuration> {
    let seconds = seconds.unwrap_or(DEFAULT_SECONDS);
    if !(1..=MOST_SECONDS).contains(&seconds) {
        return Err(ApiError::invalid(
            "tokenSeconds",
            format!("tokenSeconds is {seconds}; it must be from 1 to {MOST_SECONDS}"),
        ));
    }
    Ok(SignedDuration::from_secs(seconds.into()))
}

async fn joining(shared: &Shared, name: &str, cluster: Uuid, lifetime: SignedDuration) -> Result<Joining> {
    let state = &shared.state;
    let now = state.clock.now();
    let expires_at: Timestamp = now.saturating_add(lifetime).unwrap_or(now);
    let token = JoinToken::new(new_id(&state.clock), random().map_err(ApiError::internal)?);
    let record = NewJoinToken { id: token.id, cluster, secret_hash: token.secret_hash(), expires_at };
    state.store.put_join_token(&record).await?;
    let join = JoinFile {
        version: 1,
        hub: state.advertised.api_url.clone(),
        agents: state.advertised.agents_address.clone(),
        cluster,
        token: token.expose(),
        pins: vec![state.authority.pin()],
    };
    Ok(Joining { cluster: object(shared, name).await?, join, expires_at })
}
