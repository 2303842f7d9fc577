//! `POST /applications/{namespace}/{name}/sync` and `/terminate`: operations are records, not messages.

pub(super) mod body;
mod choose;

use axum::Json;
use axum::extract::State;
use jiff::SignedDuration;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use windlass_domain::application::Application;
use windlass_domain::digest::Digest;
use windlass_domain::history::RevisionHold;
use windlass_domain::operation::OperationPhase;
use windlass_domain::target::{OperationOptions, OperationRequest, PauseKind, TargetSpec};
use windlass_store::{Amendment, TargetView};

use super::{OneCluster, targets_on};
use crate::api::caller::{Caller, Named};
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;
use crate::api::{Shared, new_id};
use body::SyncBody;

/// The operations that were started, or asked to stop. Operations that could not be have an error instead of an id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operations {
    operations: Vec<Started>,
    /// Set when the application is held at a commit from now on: newer ones wait until it is resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<String>,
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

/// What is to be brought to targets, as a person asked.
pub(super) struct Wanted {
    pub(super) prune: bool,
    pub(super) options: OperationOptions,
    pub(super) deadline: SignedDuration,
    /// Another bundle than the one that is desired.
    pub(super) at: Option<At>,
}

/// A bundle of a named commit, or of the history.
pub(super) struct At {
    pub(super) bundle: Digest,
    pub(super) revision: String,
    pub(super) entry: Option<u64>,
}

/// Starts one operation on each target. It brings the commit that is newest when it begins, or the named revision, whatever is committed while it runs.
///
/// A whole sync ends a hold. With a revision, the application is held there until it is resumed.
#[utoipa::path(post, path = "/api/v1/applications/{namespace}/{name}/sync", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path)), request_body = SyncBody,
    responses((status = 200, body = Operations), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn sync(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    Body(body): Body<SyncBody>,
) -> Result<Json<Operations>> {
    let mut options = body.options()?;
    let mut targets = targets_on(&shared, &application, &body.clusters).await?;
    if let Some(labels) = body.labels()? {
        options.resources.extend(choose::labelled(&shared, &targets, &labels).await?);
    }
    let at = match body.revision()? {
        None => None,
        Some(revision) => {
            let rendered = shared.state.desired.render_at(&application.name, revision).await?;
            Some(At { bundle: rendered.bundle, revision: rendered.revision, entry: None })
        }
    };
    if at.is_none() && !options.leaves_no_history() && release(&shared, &caller, &application, &targets, &body).await? {
        targets = targets_on(&shared, &application, &body.clusters).await?;
    }
    let wanted = Wanted { prune: body.prune, deadline: body.deadline(&application), options, at };
    start(&shared, &caller, &application, &targets, &body.clusters, &wanted).await
}

/// A whole sync follows git again, wherever a person held the application. Whether rows have moved by it.
async fn release(
    shared: &Shared,
    caller: &Caller,
    application: &Application,
    targets: &[TargetView],
    body: &SyncBody,
) -> Result<bool> {
    let view = shared.state.store.application_item(&application.name).await?;
    let Some(hold) = view.and_then(|view| view.hold) else { return Ok(false) };
    let is_part = !body.clusters.is_empty()
        && (hold.clusters.is_empty() || !hold.clusters.iter().all(|uid| targets.iter().any(|t| t.cluster == *uid)));
    if is_part {
        let message = format!(
            "application {} is held at commit {} on more clusters than these; `windlass app resume` ends that, or sync all of them",
            application.name, hold.revision
        );
        return Err(ApiError::conflict(message));
    }
    super::resume::release(shared, caller, application).await.map(|released| released.is_some())
}

/// Starts what is wanted; an application that is brought to another bundle is held there, in the same transaction.
pub(super) async fn start(
    shared: &Shared,
    caller: &Caller,
    application: &Application,
    targets: &[TargetView],
    clusters: &[String],
    wanted: &Wanted,
) -> Result<Json<Operations>> {
    let present: Vec<_> = targets.iter().filter_map(|target| Some((target, target.spec.as_ref()?))).collect();
    if present.is_empty() {
        let message = format!(
            "application {} has nothing to sync: no commit of it is rendered for a cluster yet; its conditions say why",
            application.name
        );
        return Err(ApiError::conflict(message));
    }
    match &wanted.at {
        // It is there already: nothing needs to be held for it.
        Some(at) if at.entry.is_none() && present.iter().all(|(_, spec)| spec.bundle == at.bundle) => {
            one_by_one(shared, caller, application, &present, wanted).await
        }
        Some(at) if !wanted.options.leaves_no_history() => {
            hold(shared, caller, application, &present, clusters, wanted, at).await
        }
        // An agent compares with one bundle at a time.
        Some(at) => Err(ApiError::conflict(format!(
            "application {} is at another commit than {}: a trial, or a part of it, is possible at the desired commit only; sync all of it, which holds it \
             there, or set targetRevision",
            application.name, at.revision
        ))),
        None => one_by_one(shared, caller, application, &present, wanted).await,
    }
}

async fn one_by_one(
    shared: &Shared,
    caller: &Caller,
    application: &Application,
    present: &[(&TargetView, &TargetSpec)],
    wanted: &Wanted,
) -> Result<Json<Operations>> {
    let mut attempts = Vec::new();
    for (target, spec) in present {
        let request = request(shared, caller, wanted, spec.bundle);
        let (id, amendment) = (request.id, Amendment::Operation(request));
        let result = match frozen(target) {
            Some(error) => Err(error),
            None => amend(shared, application, target, amendment).await,
        };
        attempts.push((*target, Some(id), result));
    }
    answer(attempts, wanted.at.as_ref().map(|at| at.revision.as_str()), None)
}

async fn hold(
    shared: &Shared,
    caller: &Caller,
    application: &Application,
    present: &[(&TargetView, &TargetSpec)],
    clusters: &[String],
    wanted: &Wanted,
    at: &At,
) -> Result<Json<Operations>> {
    let now = shared.state.clock.now();
    let clusters =
        if clusters.is_empty() { vec![] } else { present.iter().map(|(target, _)| target.cluster).collect() };
    let hold = RevisionHold {
        revision: at.revision.clone(),
        bundle: at.bundle,
        entry: at.entry,
        clusters,
        by: caller.name().to_owned(),
        since: now,
    };
    let mut attempts = Vec::new();
    let mut asked = Vec::new();
    for (target, _) in present {
        match frozen(target) {
            Some(error) => attempts.push((*target, None, Err(error))),
            None => {
                let request = request(shared, caller, wanted, at.bundle);
                attempts.push((*target, Some(request.id), Ok(())));
                asked.push((target.cluster, request));
            }
        }
    }
    let positions = shared.state.store.hold_revision(application.uid, &hold, &asked, now).await?;
    shared.state.registry.notify(&positions);
    answer(attempts, Some(&at.revision), Some(hold.sentence(&application.name)))
}

/// Nothing is begun on a frozen target, whoever asks.
fn frozen(target: &TargetView) -> Option<ApiError> {
    let paused = target.spec.as_ref()?.paused.as_ref().filter(|paused| paused.kind == PauseKind::Freeze)?;
    let message = format!("{}; {} stopped all writes: `windlass freezes`, `windlass thaw`", paused.message, paused.by);
    Some(ApiError::conflict(message))
}

/// Asks running operations to stop, whoever began them: what was begun is finished, nothing new is. An automated one is not begun again by itself until git,
/// the settings or a person changes something.
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
        let Some(id) = stoppable(target) else { continue };
        let amendment = Amendment::Terminate { id, by: caller.name().to_owned() };
        attempts.push((target, Some(id), amend(&shared, &application, target, amendment).await));
    }
    if attempts.is_empty() {
        return Err(ApiError::conflict(format!(
            "application {} has no operation that could be stopped",
            application.name
        )));
    }
    answer(attempts, None, None)
}

/// The operation of a target that can be asked to stop: the one that a person asked for, or the one that its agent runs by itself.
fn stoppable(target: &TargetView) -> Option<Uuid> {
    let spec = target.spec.as_ref()?;
    let running = target.summary.as_ref().and_then(|summary| summary.operation.as_ref());
    let running = running.filter(|op| matches!(op.phase, OperationPhase::Running | OperationPhase::Terminating));
    spec.operation.as_ref().map(|operation| operation.id).or_else(|| running.map(|operation| operation.id))
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

fn request(shared: &Shared, caller: &Caller, wanted: &Wanted, desired: Digest) -> OperationRequest {
    let now = shared.state.clock.now();
    OperationRequest {
        id: new_id(&shared.state.clock),
        bundle: wanted.at.as_ref().map_or(desired, |at| at.bundle),
        prune: wanted.prune,
        by: caller.name().to_owned(),
        requested_at: now,
        deadline: now.saturating_add(wanted.deadline).unwrap_or(now),
        terminate: false,
        options: wanted.options.clone(),
    }
}

/// An error only when nothing could be done.
fn answer(
    attempts: Vec<(&TargetView, Option<Uuid>, Result<()>)>,
    revision: Option<&str>,
    held: Option<String>,
) -> Result<Json<Operations>> {
    if held.is_none()
        && attempts.iter().all(|(_, _, result)| result.is_err())
        && let Some((_, _, Err(error))) = attempts.first()
    {
        return Err(error.clone());
    }
    let started = |(target, id, result): (&TargetView, Option<Uuid>, Result<()>)| {
        let desired = || target.spec.as_ref().map(|spec| spec.revision.clone()).unwrap_or_default();
        Started {
            cluster: target.cluster_name.clone(),
            id: id.filter(|_| result.is_ok()),
            revision: revision.map_or_else(desired, str::to_owned),
            error: result.err().map(|error| error.message().to_owned()),
        }
    };
    Ok(Json(Operations { operations: attempts.into_iter().map(started).collect(), held }))
}
