//! `POST /applications/{namespace}/{name}/approve`: a person's word that one exact set of objects may be deleted.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::application::Application;
use windlass_domain::status::Hold;
use windlass_domain::target::{Approval, TargetSpec};
use windlass_store::{Amendment, TargetView};

use super::sync::amend;
use super::targets_on;
use crate::api::Shared;
use crate::api::caller::{Caller, Named};
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;
use crate::api::view::Key;

/// Which hold.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct ApproveBody {
    /// Only on this cluster, by name; every hold of the application when absent.
    cluster: Option<String>,
    /// The set that was shown (`hold.set`); another one is refused. Without it, what is held now is approved.
    set: Option<String>,
}

/// What was approved.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Approved {
    approved: Vec<ApprovedSet>,
}

/// One target's exact set.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApprovedSet {
    /// The cluster's name.
    cluster: String,
    /// The commit that it is approved for; a new one voids it.
    revision: String,
    set: String,
    count: u64,
    /// The first hundred.
    keys: Vec<Key>,
}

/// Approves the deletions that are held.
#[utoipa::path(post, path = "/api/v1/applications/{namespace}/{name}/approve", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path)), request_body = ApproveBody,
    responses((status = 200, body = Approved), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn approve(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    Body(body): Body<ApproveBody>,
) -> Result<Json<Approved>> {
    let clusters: Vec<String> = body.cluster.iter().cloned().collect();
    let targets = targets_on(&shared, &application, &clusters).await?;
    let held: Vec<_> = targets.iter().filter_map(held).collect();
    if held.is_empty() {
        return Err(ApiError::conflict(format!(
            "application {} holds no deletions; there is nothing to approve",
            application.name
        )));
    }
    for (target, spec, hold) in &held {
        check(&body, target, spec, hold)?;
    }
    let mut approved = Vec::new();
    for (target, spec, hold) in held {
        let approval = Approval { bundle: spec.bundle, set: hold.set, by: caller.name().to_owned() };
        amend(&shared, &application, target, Amendment::Approve(approval)).await?;
        approved.push(ApprovedSet {
            cluster: target.cluster_name.clone(),
            revision: spec.revision.clone(),
            set: hold.set.to_string(),
            count: hold.count,
            keys: hold.keys.iter().map(Key::from).collect(),
        });
    }
    Ok(Json(Approved { approved }))
}

fn held(target: &TargetView) -> Option<(&TargetView, &TargetSpec, &Hold)> {
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
    match &body.set {
        Some(set) if *set != hold.set.to_string() => {
            let message = format!(
                "on cluster {cluster:?} another set of {} objects is held now; look at it and approve that one",
                hold.count
            );
            Err(ApiError::conflict(message))
        }
        _ => Ok(()),
    }
}
