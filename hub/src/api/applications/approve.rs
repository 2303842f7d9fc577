//! `POST /applications/{namespace}/{name}/approve`: a person's word that exact sets of objects may be deleted, on all clusters in one call.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::application::Application;
use windlass_domain::history::{ApplicationEvent, EventKind};
use windlass_domain::status::Hold;
use windlass_domain::target::{Approval, TargetSpec};
use windlass_store::{Amendment, TargetView};

use super::sync::amend;
use super::sync::body::count;
use super::targets_on;
use crate::api::Shared;
use crate::api::caller::{Caller, Named};
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;
use crate::api::view::Key;

/// Which holds.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct ApproveBody {
    /// Only on this cluster, by name; every hold of the application when absent.
    cluster: Option<String>,
    /// The set that was shown (`hold.set`); where another one is held, it stays. Without it, what is held now is approved.
    set: Option<String>,
    /// The sets that were shown, by cluster: exactly these are approved. A cluster with another one stays held and is listed.
    sets: Option<BTreeMap<String, String>>,
}

/// What was approved.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Approved {
    approved: Vec<ApprovedSet>,
    /// Where it stays held, and why: another set than the one that was shown, or a newer commit on its way.
    differing: Vec<Differing>,
}

/// One target's exact set.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApprovedSet {
    /// The cluster's name.
    cluster: String,
    /// The commit that was synced before; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// The commit that it is approved for; a new one voids it.
    revision: String,
    set: String,
    count: u64,
    /// The first hundred.
    keys: Vec<Key>,
}

/// A target that stays held.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Differing {
    /// The cluster's name.
    cluster: String,
    why: String,
}

type Held<'a> = (&'a TargetView, &'a TargetSpec, &'a Hold);

/// Approves the deletions that are held. One approval is for one application, from its synced to its desired commit, on all its clusters.
#[utoipa::path(post, path = "/api/v1/applications/{namespace}/{name}/approve", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path)), request_body = ApproveBody,
    responses((status = 200, body = Approved), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn approve(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    Body(body): Body<ApproveBody>,
) -> Result<Json<Approved>> {
    count("sets", body.sets.as_ref().map_or(0, BTreeMap::len), 10_000)?;
    let clusters: Vec<String> = body.cluster.iter().cloned().collect();
    let targets = targets_on(&shared, &application, &clusters).await?;
    let held: Vec<Held<'_>> = targets.iter().filter_map(held).collect();
    if held.is_empty() {
        return Err(ApiError::conflict(format!(
            "application {} holds no deletions; there is nothing to approve",
            application.name
        )));
    }
    let (mut approved, mut differing) = (Vec::new(), Vec::new());
    for held in held {
        match approve_one(&shared, &caller, &application, &body, held).await {
            Ok(set) => approved.push(set),
            Err(error) if error.is_conflict() => {
                let why = error.message().to_owned();
                differing.push(Differing { cluster: held.0.cluster_name.clone(), why });
            }
            Err(error) => return Err(error),
        }
    }
    match differing.first() {
        Some(first) if approved.is_empty() => Err(ApiError::conflict(first.why.clone())),
        _ => Ok(Json(Approved { approved, differing })),
    }
}

async fn approve_one(
    shared: &Shared,
    caller: &Caller,
    application: &Application,
    body: &ApproveBody,
    (target, spec, hold): Held<'_>,
) -> Result<ApprovedSet> {
    check(body, target, spec, hold)?;
    let approval = Approval { bundle: spec.bundle, set: hold.set, by: caller.name().to_owned() };
    amend(shared, application, target, Amendment::Approve(approval)).await?;
    let message =
        format!("{} deletions approved on cluster {} for commit {}", hold.count, target.cluster_name, spec.revision);
    let event = ApplicationEvent {
        at: shared.state.clock.now(),
        by: caller.name().to_owned(),
        kind: EventKind::Approved,
        application: Some(application.name.clone()),
        cluster: target.cluster_name.clone(),
        message,
        objects: hold.keys.clone(),
    };
    shared.state.store.log_event(&event).await?;
    Ok(ApprovedSet {
        cluster: target.cluster_name.clone(),
        from: target.summary.as_ref().and_then(|summary| summary.synced_revision.clone()),
        revision: spec.revision.clone(),
        set: hold.set.to_string(),
        count: hold.count,
        keys: hold.keys.iter().map(Key::from).collect(),
    })
}

fn held(target: &TargetView) -> Option<Held<'_>> {
    Some((target, target.spec.as_ref()?, target.summary.as_ref()?.hold.as_ref()?))
}

/// What is approved is what was shown: not what a newer commit holds, nor what the cluster has gained since.
fn check(body: &ApproveBody, target: &TargetView, spec: &TargetSpec, hold: &Hold) -> Result<()> {
    let cluster = &target.cluster_name;
    if target.summary.as_ref().and_then(|summary| summary.bundle) != Some(spec.bundle) {
        let message = format!(
            "on cluster {cluster:?} a newer commit is on its way, which may hold something else; look again when it has arrived"
        );
        return Err(ApiError::conflict(message));
    }
    let set = hold.set.to_string();
    let shown = match &body.sets {
        Some(sets) => sets.get(cluster) == Some(&set),
        None => body.set.as_ref().is_none_or(|shown| *shown == set),
    };
    if !shown {
        let message = format!(
            "on cluster {cluster:?} another set of {} objects is held now; look at it and approve that one",
            hold.count
        );
        return Err(ApiError::conflict(message));
    }
    Ok(())
}
