//! `POST /applications/{namespace}/{name}/sync` and `/terminate`: operations are records, not messages.

use axum::Json;
use axum::extract::State;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use windlass_domain::application::Application;
use windlass_domain::digest::Digest;
use windlass_domain::target::OperationRequest;
use windlass_store::{Amendment, TargetView};

use super::{OneCluster, targets_on};
use crate::api::caller::{Caller, Named};
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;
use crate::api::{Shared, new_id};

/// How long a manual operation may take, waiting for the agent included.
const DEADLINE: SignedDuration = SignedDuration::from_mins(10);

/// What to sync.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct SyncBody {
    /// Whether objects that left git are deleted; it never overrides a hold.
    prune: bool,
    /// Only on these clusters, by name; every cluster when empty.
    clusters: Vec<String>,
}

/// The operations that were started, or asked to stop. Operations that could not be have an error instead of an id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operations {
    operations: Vec<Started>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Started {
    /// The cluster's name.
    cluster: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// The commit that it syncs to.
    revision: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Starts one operation on each target. It syncs to the bundle that is desired now, whatever is committed while it runs.
#[utoipa::path(post, path = "/api/v1/applications/{namespace}/{name}/sync", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path)), request_body = SyncBody,
    responses((status = 200, body = Operations), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn sync(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    Body(body): Body<SyncBody>,
) -> Result<Json<Operations>> {
    let targets = targets_on(&shared, &application, &body.clusters).await?;
    let targets: Vec<_> = targets.iter().filter_map(|target| Some((target, target.spec.as_ref()?))).collect();
    if targets.is_empty() {
        let message = format!(
            "application {} has nothing to sync: no commit of it is rendered for a cluster yet; its conditions say why",
            application.name
        );
        return Err(ApiError::conflict(message));
    }
    let mut attempts = Vec::new();
    for (target, spec) in targets {
        let request = request(&shared, &caller, spec.bundle, body.prune);
        let (id, amendment) = (request.id, Amendment::Operation(request));
        attempts.push((target, Some(id), amend(&shared, &application, target, amendment).await));
    }
    answer(attempts)
}

/// Asks running manual operations to stop: what was begun is finished, nothing new is.
#[utoipa::path(post, path = "/api/v1/applications/{namespace}/{name}/terminate", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path)), request_body = OneCluster,
    responses((status = 200, body = Operations), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn terminate(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    Body(body): Body<OneCluster>,
) -> Result<Json<Operations>> {
    let clusters: Vec<String> = body.cluster.into_iter().collect();
    let targets = targets_on(&shared, &application, &clusters).await?;
    let mut attempts = Vec::new();
    for target in &targets {
        let Some(id) = target.spec.as_ref().and_then(|spec| spec.operation.as_ref()).map(|operation| operation.id)
        else {
            continue;
        };
        let amendment = Amendment::Terminate { id, by: caller.name().to_owned() };
        attempts.push((target, Some(id), amend(&shared, &application, target, amendment).await));
    }
    if attempts.is_empty() {
        return Err(ApiError::conflict(format!(
            "application {} has no operation that could be stopped",
            application.name
        )));
    }
    answer(attempts)
}

/// Changes one target's row and wakes its session.
pub(super) async fn amend(
    shared: &Shared,
    application: &Application,
    target: &TargetView,
    amendment: Amendment,
) -> Result<()> {
    let position =
        shared.state.store.amend_target(application.uid, target.cluster, amendment, shared.state.clock.now()).await?;
    shared.state.registry.notify(&[position]);
    Ok(())
}

fn request(shared: &Shared, caller: &Caller, bundle: Digest, prune: bool) -> OperationRequest {
    let now = shared.state.clock.now();
    OperationRequest {
        id: new_id(&shared.state.clock),
        bundle,
        prune,
        by: caller.name().to_owned(),
        requested_at: now,
        deadline: now.saturating_add(DEADLINE).unwrap_or(now),
        terminate: false,
    }
}

/// An error only when nothing could be done.
fn answer(attempts: Vec<(&TargetView, Option<Uuid>, Result<()>)>) -> Result<Json<Operations>> {
    if attempts.iter().all(|(_, _, result)| result.is_err())
        && let Some((_, _, Err(error))) = attempts.first()
    {
        return Err(error.clone());
    }
    let started = |(target, id, result): (&TargetView, Option<Uuid>, Result<()>)| Started {
        cluster: target.cluster_name.clone(),
        id: id.filter(|_| result.is_ok()),
        revision: target.spec.as_ref().map(|spec| spec.revision.clone()).unwrap_or_default(),
        error: result.err().map(|error| error.message().to_owned()),
    };
    Ok(Json(Operations { operations: attempts.into_iter().map(started).collect() }))
}
