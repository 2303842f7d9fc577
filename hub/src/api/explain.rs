//! `GET /applications/{namespace}/{name}/explain`: why each target is as it is.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use windlass_domain::application::Application;
use windlass_domain::cluster::Cluster;
use windlass_domain::dependency::Wait;
use windlass_domain::explain::{ApplicationFacts, Explanation, TargetFacts, Verdict, kept_on, why, why_not_on};
use windlass_domain::health::HealthStatus;
use windlass_domain::name::ApplicationName;
use windlass_domain::status::{Freshness, ResourceStatus, SyncStatus};
use windlass_domain::target::PauseKind;
use windlass_domain::time::Timestamp;
use windlass_store::{ListQuery, TargetView};

use super::caller::{Caller, Named};
use super::error::{ApiError, Result};
use super::input::Parameters;
use super::{Shared, route};
use crate::desired::pause;

/// Objects make a sentence more precise; of larger applications and fleets, a part of them does.
const PAGES: usize = 10;
const TARGETS_WITH_OBJECTS: usize = 100;

/// Why an application is as it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explained {
    /// namespace/name
    application: String,
    /// One a target, what needs attention first; a single one without a cluster when there is no target.
    targets: Vec<ExplainedTarget>,
}

/// Why one target is as it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplainedTarget {
    /// The cluster's name; absent when the application has no target.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    /// A short code: which rule answered.
    #[schema(value_type = String)]
    verdict: Verdict,
    /// The same in one sentence.
    sentence: String,
    /// Since when, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// The command that looks closer or settles it.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Explains an application, on one cluster or on all.
#[utoipa::path(get, path = "/api/v1/applications/{namespace}/{name}/explain", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path), ("cluster" = Option<String>, Query)),
    responses((status = 200, body = Explained), (status = 404, body = crate::api::error::Problem)))]
pub(crate) async fn explain(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    parameters: Parameters,
) -> Result<Json<Explained>> {
    let wanted = parameters.only(&["cluster"])?.text("cluster");
    let store = &shared.state.store;
    let view = store.application_view(&application.name).await?;
    let view = view.ok_or_else(|| ApiError::not_found("application", &application.name.to_string()))?;
    let clusters = store.clusters().await?;
    let freezes = store.freezes().await?;
    let facts = ApplicationFacts {
        application: &view.application,
        revision: view.source.revision.as_deref(),
        conditions: &view.source.conditions,
        freezes: &freezes,
        hold: view.hold.as_ref(),
        clusters: &clusters,
        now: shared.state.clock.now(),
    };
    let joined: HashSet<Uuid> = clusters.iter().filter(|c| c.facts.is_some()).map(|c| c.uid).collect();
    let targets = view.targets.iter().filter(|t| wanted.as_ref().is_none_or(|name| *name == t.cluster_name));
    let dependencies = match view.targets.iter().any(waits_for_others) {
        true => pause::states(&**store, &view.application, facts.now).await?,
        false => vec![],
    };
    let mut explained = Vec::new();
    let mut looked = 0;
    for target in targets {
        let objects = if has_questions(target) && looked < TARGETS_WITH_OBJECTS {
            looked += 1;
            objects(&shared, &view.application, target).await?
        } else {
            vec![]
        };
        let waits = match (&target.spec, waits_for_others(target)) {
            (Some(spec), true) => {
                visible(
                    &shared,
                    &caller,
                    pause::waits(&view.application, &spec.revision, target.cluster, &dependencies),
                )
                .await?
            }
            _ => vec![],
        };
        let target_facts = facts_of(target, joined.contains(&target.cluster), (&objects, &waits), facts.now);
        explained.push(ExplainedTarget::of(Some(&target.cluster_name), why(&facts, Some(&target_facts))));
    }
    for cluster in &clusters {
        let asked = wanted.as_ref().is_none_or(|name| *name == cluster.name);
        let listed = view.targets.iter().any(|target| target.cluster == cluster.uid);
        let may = || caller.may(route::CLUSTERS, route::GET, &cluster.name);
        if asked && !listed && keeps(&shared, cluster.uid, view.application.uid) && may() {
            explained.push(ExplainedTarget::of(Some(&cluster.name), kept_on(&cluster.name)));
        }
    }
    explained.sort_by_key(|target| (target.verdict, target.cluster.clone()));
    if explained.is_empty() {
        explained.push(match &wanted {
            Some(name) => ExplainedTarget::of(Some(name), why_not_on(&facts, name, seen(&caller, &clusters, name))),
            None => ExplainedTarget::of(None, why(&facts, None)),
        });
    }
    Ok(Json(Explained { application: view.application.name.to_string(), targets: explained }))
}

/// Whether a cluster's agent says that it keeps the application although the hub does not list it there.
fn keeps(shared: &Shared, cluster: Uuid, application: Uuid) -> bool {
    shared.state.registry.frozen_on(cluster).iter().any(|frozen| frozen.application == application)
}

fn waits_for_others(target: &TargetView) -> bool {
    let paused = target.spec.as_ref().and_then(|spec| spec.paused.as_ref());
    paused.is_some_and(|paused| paused.kind == PauseKind::DependsOn)
}

/// How an application stands is said to those who may see it; that something waits for it is known from its dependant's spec.
async fn visible(shared: &Shared, caller: &Caller, waits: Vec<Wait>) -> Result<Vec<Wait>> {
    let mut seen = Vec::with_capacity(waits.len());
    for wait in waits {
        let named = ApplicationName::parse(&wait.on).ok();
        let application = match &named {
            Some(name) => shared.state.store.application(name).await?,
            None => None,
        };
        let may = application.is_some_and(|application| caller.may_application(route::GET, &application));
        seen.push(if may { wait } else { Wait { why: "it is not ready, or does not exist".to_owned(), ..wait } });
    }
    Ok(seen)
}

/// The cluster, when the caller may know that it exists.
fn seen<'a>(caller: &Caller, clusters: &'a [Cluster], name: &str) -> Option<&'a Cluster> {
    clusters.iter().find(|cluster| cluster.name == name).filter(|_| caller.may(route::CLUSTERS, route::GET, name))
}

/// Whether there is something that an object may explain.
fn has_questions(target: &TargetView) -> bool {
    let is_fine = |summary: &windlass_domain::status::TargetSummary| {
        summary.sync == SyncStatus::Synced && summary.health == HealthStatus::Healthy
    };
    target.summary.as_ref().is_some_and(|summary| target.removing.is_some() || !is_fine(summary))
}

/// The target's objects that are not fine; every one, when it is on its way out.
async fn objects(shared: &Shared, application: &Application, target: &TargetView) -> Result<Vec<ResourceStatus>> {
    let mut found = Vec::new();
    let mut query = ListQuery { limit: 1000, ..ListQuery::default() };
    for _ in 0..PAGES {
        let page = shared.state.store.list_resources(application.uid, Some(target.cluster), &query).await?;
        let objects = page.items.into_iter().map(|(_, object)| object);
        found.extend(objects.filter(|object| target.removing.is_some() || !is_fine(object)));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    Ok(found)
}

fn is_fine(object: &ResourceStatus) -> bool {
    let is_healthy = object.health.as_ref().is_none_or(|health| health.status == HealthStatus::Healthy);
    object.sync == SyncStatus::Synced && is_healthy
}

fn facts_of<'a>(
    target: &'a TargetView,
    is_joined: bool,
    (objects, waits): (&'a [ResourceStatus], &'a [Wait]),
    now: Timestamp,
) -> TargetFacts<'a> {
    TargetFacts {
        cluster: &target.cluster_name,
        is_joined,
        spec: target.spec.as_ref(),
        removing: target.removing.as_ref(),
        summary: target.summary.as_ref(),
        held: target.held,
        freshness: Freshness::at(target.verified_at, target.connected, now),
        objects,
        waits,
    }
}

// === impl ExplainedTarget ===

impl ExplainedTarget {
    fn of(cluster: Option<&str>, explanation: Explanation) -> Self {
        let Explanation { verdict, sentence, since, next } = explanation;
        Self { cluster: cluster.map(str::to_owned), verdict, sentence, since, next }
    }
}
