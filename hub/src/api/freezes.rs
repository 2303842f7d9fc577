//! `/freezes`: stopping all writes of everything, a project, a cluster or an application, and letting them go on.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::history::{Freeze, FreezeScope};
use windlass_domain::name::{ApplicationName, subdomain};
use windlass_domain::time::Timestamp;

use super::caller::{Caller, application_object};
use super::error::{ApiError, Result};
use super::input::{Body, Parameters};
use super::{Shared, route};

/// The most characters of a reason.
const LONGEST: usize = 1000;

/// What to stop, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FreezeBody {
    /// `all`, `project`, `cluster` or `application`.
    kind: String,
    /// The name; namespace/name of an application; empty for `all`.
    #[serde(default)]
    name: String,
    /// For whoever meets it; it must not be empty.
    reason: String,
}

/// A freeze.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FreezeObject {
    /// `all`, `project`, `cluster` or `application`.
    kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    reason: String,
    by: String,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// What was frozen or thawed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Changed {
    /// On how many clusters targets stopped or go on.
    clusters: usize,
}

/// Every freeze that the caller may see.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Freezes {
    items: Vec<FreezeObject>,
}

/// Every freeze; there are at most a thousand.
#[utoipa::path(get, path = "/api/v1/freezes", tag = "freezes", responses((status = 200, body = Freezes)))]
pub(crate) async fn list(State(shared): State<Shared>, caller: Caller) -> Result<Json<Freezes>> {
    let mut items = Vec::new();
    for freeze in shared.state.store.freezes().await? {
        if may_see(&shared, &caller, &freeze.scope).await? {
            items.push(FreezeObject::from(freeze));
        }
    }
    Ok(Json(Freezes { items }))
}

/// Stops all writes; watching goes on. What comes into its scope later is stopped too. Another reason replaces the one before.
#[utoipa::path(put, path = "/api/v1/freezes", tag = "freezes", request_body = FreezeBody,
    responses((status = 200, body = Changed), (status = 400, body = super::error::Problem)))]
pub(crate) async fn put(
    State(shared): State<Shared>,
    caller: Caller,
    Body(body): Body<FreezeBody>,
) -> Result<Json<Changed>> {
    let scope = scope(&body.kind, &body.name)?;
    allow(&shared, &caller, &scope).await?;
    let reason = body.reason.trim();
    let count = reason.chars().count();
    if !(1..=LONGEST).contains(&count) || reason.chars().any(char::is_control) {
        let message = format!(
            "reason has {count} characters; give one of 1 to {LONGEST} on one line: whoever meets the freeze reads it"
        );
        return Err(ApiError::invalid("reason", message));
    }
    must_exist(&shared, &scope).await?;
    let now = shared.state.clock.now();
    let freeze = Freeze { scope, reason: reason.to_owned(), by: caller.name().to_owned(), since: now };
    let positions = shared.state.store.put_freeze(&freeze, now).await?;
    shared.state.registry.notify(&positions);
    Ok(Json(Changed { clusters: positions.len() }))
}

/// Lets writes go on.
#[utoipa::path(delete, path = "/api/v1/freezes", tag = "freezes",
    params(("kind" = String, Query, description = "all, project, cluster or application"), ("name" = Option<String>, Query)),
    responses((status = 200, body = Changed), (status = 404, body = super::error::Problem)))]
pub(crate) async fn delete(
    State(shared): State<Shared>,
    caller: Caller,
    parameters: Parameters,
) -> Result<(StatusCode, Json<Changed>)> {
    let parameters = parameters.only(&["kind", "name"])?;
    let scope = scope(&parameters.text("kind").unwrap_or_default(), &parameters.text("name").unwrap_or_default())?;
    allow(&shared, &caller, &scope).await?;
    let now = shared.state.clock.now();
    let positions = shared.state.store.remove_freeze(&scope, caller.name(), now).await?;
    let Some(positions) = positions else {
        return Err(ApiError::not_found("freeze", &scope.to_string()));
    };
    shared.state.registry.notify(&positions);
    Ok((StatusCode::OK, Json(Changed { clusters: positions.len() })))
}

fn scope(kind: &str, name: &str) -> Result<FreezeScope> {
    let invalid = |error: windlass_domain::name::InvalidName| ApiError::invalid("name", error.to_string());
    Ok(match kind {
        "all" if name.is_empty() => FreezeScope::All,
        "all" => return Err(ApiError::invalid("name", "everything has no name; leave it empty")),
        "project" => FreezeScope::Project(subdomain("project", name).map_err(invalid)?),
        "cluster" => FreezeScope::Cluster(subdomain("cluster", name).map_err(invalid)?),
        "application" => FreezeScope::Application(ApplicationName::parse(name).map_err(invalid)?),
        _ => return Err(ApiError::invalid("kind", "kind must be all, project, cluster or application")),
    })
}

/// Who may stop what: whoever may sync an application, or change the project or cluster; everything, whoever may sync every application.
async fn allow(shared: &Shared, caller: &Caller, scope: &FreezeScope) -> Result<()> {
    match scope {
        FreezeScope::All => {
            caller.check(route::APPLICATIONS, route::SYNC, "*");
            match caller.may_all(route::APPLICATIONS, route::SYNC) {
                true => Ok(()),
                false => Err(ApiError::forbidden(route::APPLICATIONS, route::SYNC)),
            }
        }
        FreezeScope::Project(name) => caller.require(route::PROJECTS, route::UPDATE, name),
        FreezeScope::Cluster(name) => caller.require(route::CLUSTERS, route::UPDATE, name),
        FreezeScope::Application(name) => {
            // An application that is gone has no project any more: only a grant on everything reaches its freeze.
            let application = shared.state.store.application(name).await?;
            let object = application.as_ref().map_or_else(String::new, application_object);
            if caller.check(route::APPLICATIONS, route::SYNC, &object) {
                return Ok(());
            }
            let visible = application.is_some() && caller.may(route::APPLICATIONS, route::GET, &object);
            Err(match visible {
                true => ApiError::forbidden(route::APPLICATIONS, route::SYNC),
                false => ApiError::not_found("application", &name.to_string()),
            })
        }
    }
}

/// A freeze of a name that nothing has would be a typing error that stops nothing.
async fn must_exist(shared: &Shared, scope: &FreezeScope) -> Result<()> {
    let store = &shared.state.store;
    let exists = match scope {
        FreezeScope::All => true,
        FreezeScope::Project(name) => store.project(name).await?.is_some(),
        FreezeScope::Cluster(name) => store.cluster_view(name).await?.is_some(),
        FreezeScope::Application(name) => store.application(name).await?.is_some(),
    };
    if exists { Ok(()) } else { Err(ApiError::not_found(scope.kind(), &scope.name())) }
}

async fn may_see(shared: &Shared, caller: &Caller, scope: &FreezeScope) -> Result<bool> {
    Ok(match scope {
        FreezeScope::All => true,
        FreezeScope::Project(name) => caller.may(route::PROJECTS, route::GET, name),
        FreezeScope::Cluster(name) => caller.may(route::CLUSTERS, route::GET, name),
        FreezeScope::Application(name) => {
            let application = shared.state.store.application(name).await?;
            let object = application.as_ref().map_or_else(String::new, application_object);
            caller.may(route::APPLICATIONS, route::GET, &object)
        }
    })
}

// === impl FreezeObject ===

impl From<Freeze> for FreezeObject {
    fn from(freeze: Freeze) -> Self {
        let Freeze { scope, reason, by, since } = freeze;
        Self { kind: scope.kind().to_owned(), name: scope.name(), reason, by, since }
    }
}
