//! `POST /clusters` and `POST /clusters/{name}/token`: the record, and the token by which one agent joins it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::SignedDuration;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;
use windlass_domain::identity::{JoinFile, JoinToken};
use windlass_domain::install::InstallOptions;
use windlass_domain::name;
use windlass_domain::time::Timestamp;
use windlass_store::{ClusterView, Labels, NewCluster, NewJoinToken};

use super::{check_aliases, check_labels, install, object};
use crate::api::caller::{Caller, Named};
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;
use crate::api::token::random;
use crate::api::view::{Installation, Joining};
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
    /// Also a manifest that installs the agent, and a link that gives it out once: {profile, namespaces, serviceAccount, image, registry, pullSecrets, proxy,
    /// replicas}, all optional.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    install: Option<InstallOptions>,
}

/// How long.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct TokenBody {
    /// How long the join token is valid: 3600 by default, 86400 at most.
    token_seconds: Option<u32>,
    /// As for a new cluster.
    #[schema(value_type = Option<Object>)]
    install: Option<InstallOptions>,
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
    check_install(body.install.as_ref())?;
    let new = NewCluster { uid: Uuid::new_v4(), name, labels: body.labels, server_aliases: body.server_aliases };
    let cluster = shared.state.store.create_cluster(new, shared.state.clock.now()).await?;
    shared.state.desired.clusters_changed();
    Ok((StatusCode::CREATED, Json(joining(&shared, &cluster.name, cluster.uid, lifetime, body.install).await?)))
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
    check_install(body.install.as_ref())?;
    Ok((
        StatusCode::CREATED,
        Json(joining(&shared, &view.cluster.name, view.cluster.uid, lifetime, body.install).await?),
    ))
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

fn check_install(options: Option<&InstallOptions>) -> Result<()> {
    let checked = options.map_or(Ok(()), InstallOptions::check);
    checked.map_err(|error| ApiError::invalid(&format!("install.{}", error.option), error.to_string()))
}

async fn joining(
    shared: &Shared,
    name: &str,
    cluster: Uuid,
    lifetime: SignedDuration,
    options: Option<InstallOptions>,
) -> Result<Joining> {
    let state = &shared.state;
    let now = state.clock.now();
    let expires_at: Timestamp = now.saturating_add(lifetime).unwrap_or(now);
    let token = JoinToken::new(new_id(&state.clock), random().map_err(ApiError::internal)?);
    let record = NewJoinToken { id: token.id, cluster, secret_hash: token.secret_hash(), expires_at };
    state.store.put_join_token(&record).await?;
    let proxy = options.as_ref().and_then(|options| options.proxy.clone());
    let join = install::join_file(&state.advertised, &state.authority, cluster, &token, proxy);
    let install = match options {
        Some(options) => Some(installation(shared, &options, &token, &join).await?),
        None => None,
    };
    Ok(Joining { cluster: object(shared, name).await?, join, install, expires_at })
}

/// The manifest now, and the same for who comes with the link.
async fn installation(
    shared: &Shared,
    options: &InstallOptions,
    token: &JoinToken,
    join: &JoinFile,
) -> Result<Installation> {
    let kept = serde_json::to_string(options).map_err(ApiError::internal)?;
    shared.state.store.put_install(token.id, &kept).await?;
    let advertised = &shared.state.advertised;
    let manifest = install::manifest(options, advertised, join).map_err(ApiError::internal)?;
    Ok(Installation { url: install::link(advertised, token), manifest })
}
