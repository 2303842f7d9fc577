//! `/cluster-upgrades`: agents brought to another version, one cluster first.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use windlass_domain::cluster::Cluster;
use windlass_domain::install::is_image;
use windlass_domain::time::Timestamp;
use windlass_domain::upgrade::{
    Entry, Event, MOST_CLUSTERS, PATIENCE, PATIENCE_LIMITS, Stage, Standing, Upgrade, Wanted, step,
};
use windlass_store::{Expected, StoredUpgrade};

use crate::api::caller::Caller;
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;
use crate::api::{Shared, route};

/// Upgrades that are shown.
const SHOWN: u32 = 20;
const MOST_AT_ONCE: u32 = 100;
const LONGEST_VERSION: usize = 128;

/// What is wanted. Of `clusters`, `selector` and `all`, exactly one; of `image` and `version` at most one: without, the hub's own version.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct UpgradeBody {
    /// Names of clusters, in the order of their turns.
    clusters: Vec<String>,
    /// Labels that a cluster must have.
    selector: BTreeMap<String, String>,
    /// Every cluster.
    all: bool,
    /// The agents' new image, whole.
    image: Option<String>,
    /// Another tag of the image that each agent has.
    version: Option<String>,
    /// So many clusters at a time, once the first one is done; 1 by default.
    max_unavailable: Option<u32>,
    /// How long a new agent has to be in sync, before its cluster goes back to the old one.
    timeout_seconds: Option<u32>,
}

/// An upgrade and how far it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpgradeView {
    id: Uuid,
    /// The image, or `version TAG`.
    to: String,
    by: String,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    max_unavailable: u32,
    timeout_seconds: u32,
    /// `Running`, `Waiting` (for clusters that are away), `Done` or `Stopped`.
    phase: &'static str,
    /// Why no further cluster is begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
    clusters: Vec<ClusterUpgrade>,
}

/// Where a cluster is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClusterUpgrade {
    cluster: String,
    /// `Waiting`, `NotTouched`, `Upgrading`, `Done`, `Reverted`, `NotPossible` or `Lost`.
    stage: &'static str,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

/// The upgrades.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Upgrades {
    /// The newest first.
    items: Vec<UpgradeView>,
}

/// Begins an upgrade of agents: the first cluster alone, then so many at a time; it stops at the first that fails. 409 while another one changes agents.
#[utoipa::path(post, path = "/api/v1/cluster-upgrades", tag = "clusters", request_body = UpgradeBody,
    responses((status = 201, body = UpgradeView), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    Body(body): Body<UpgradeBody>,
) -> Result<(StatusCode, Json<UpgradeView>)> {
    let (store, now) = (&shared.state.store, shared.state.clock.now());
    let clusters = chosen(&body, store.clusters().await?)?;
    for cluster in &clusters {
        // Who may not see a cluster does not learn that it is there.
        if body.clusters.contains(&cluster.name) && !caller.may(route::CLUSTERS, route::GET, &cluster.name) {
            return Err(ApiError::not_found("cluster", &cluster.name));
        }
        caller.require(route::CLUSTERS, route::UPDATE, &cluster.name)?;
    }
    let upgrade = Upgrade {
        id: Uuid::new_v4(),
        to: wanted(&body)?,
        max_unavailable: limited("maxUnavailable", body.max_unavailable.unwrap_or(1), (1, MOST_AT_ONCE))?,
        patience_seconds: patience(&body)?,
        by: caller.name().to_owned(),
        started_at: now,
        clusters: clusters
            .into_iter()
            .map(|cluster| Entry { cluster: cluster.uid, name: cluster.name, stage: Stage::Waiting })
            .collect(),
        stopped: None,
    };
    if let Some(last) = store.upgrades(1).await?.pop().filter(|last| !last.upgrade.is_over()) {
        if last.upgrade.is_under_way() {
            let words = "another upgrade is changing agents right now: windlass cluster upgrade --status shows it, --stop ends it";
            return Err(ApiError::conflict(words));
        }
        stop(&shared, last, format!("{} began another upgrade", caller.name())).await?;
    }
    // Whoever has a session and the first turn is begun with at once: who looks sees it.
    let standing = |cluster| Standing { connected: shared.state.registry.is_connected(cluster), verified_at: None };
    let fleet = upgrade.clusters.iter().map(|entry| (entry.cluster, standing(entry.cluster))).collect();
    let upgrade = step(upgrade, &Event::Tick, &fleet, now);
    let stored = store.put_upgrade(&upgrade, Expected::Nothing).await?;
    tracing::info!(upgrade = %upgrade.id, to = ?upgrade.to, clusters = upgrade.clusters.len(), by = caller.name(), "an upgrade of agents was begun");
    Ok((StatusCode::CREATED, Json(view(&stored.upgrade, &shown(&caller)))))
}

/// The upgrades that are remembered, with the clusters that the caller may see.
#[utoipa::path(get, path = "/api/v1/cluster-upgrades", tag = "clusters", responses((status = 200, body = Upgrades)))]
pub(crate) async fn list(State(shared): State<Shared>, caller: Caller) -> Result<Json<Upgrades>> {
    let stored = shared.state.store.upgrades(SHOWN).await?;
    let items = stored.iter().map(|stored| view(&stored.upgrade, &shown(&caller)));
    Ok(Json(Upgrades { items: items.filter(|item| !item.clusters.is_empty()).collect() }))
}

/// Begins no further cluster; what was begun is finished, or taken back.
#[utoipa::path(post, path = "/api/v1/cluster-upgrades/{id}/stop", tag = "clusters", params(("id" = Uuid, Path)),
    responses((status = 200, body = UpgradeView), (status = 404, body = crate::api::error::Problem)))]
pub(crate) async fn stop_one(
    State(shared): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<UpgradeView>> {
    let stored = shared.state.store.upgrades(SHOWN).await?;
    let found = stored.into_iter().find(|stored| stored.upgrade.id.to_string() == id);
    let found = found.ok_or_else(|| ApiError::not_found("upgrade", &id))?;
    for entry in &found.upgrade.clusters {
        caller.require(route::CLUSTERS, route::UPDATE, &entry.name)?;
    }
    let stopped = stop(&shared, found, format!("{} stopped it", caller.name())).await?;
    Ok(Json(view(&stopped.upgrade, &shown(&caller))))
}

/// Where a cluster was in the newest upgrade that is about it.
pub(super) async fn of_cluster(shared: &Shared, cluster: Uuid) -> Result<Option<ClusterUpgradeOf>> {
    let stored = shared.state.store.upgrades(SHOWN).await?;
    let found = stored.iter().find_map(|stored| {
        let entry = stored.upgrade.clusters.iter().find(|entry| entry.cluster == cluster)?;
        let ClusterUpgrade { stage, message, .. } = of_entry(entry, &stored.upgrade);
        Some(ClusterUpgradeOf { id: stored.upgrade.id, to: words(&stored.upgrade.to), stage, message })
    });
    Ok(found)
}

/// What lists show of the newest upgrade: where it is under way, or went wrong.
pub(super) struct Newest(Option<Upgrade>);

impl Newest {
    pub(super) async fn read(shared: &Shared) -> Result<Self> {
        Ok(Self(shared.state.store.upgrades(1).await?.pop().map(|stored| stored.upgrade)))
    }

    pub(super) fn of(&self, cluster: Uuid) -> Option<ClusterUpgradeOf> {
        let upgrade = self.0.as_ref()?;
        let worth_it =
            |stage: &Stage| matches!(stage, Stage::Asked { .. } | Stage::Reverted { .. } | Stage::Lost { .. });
        let entry = upgrade.clusters.iter().find(|entry| entry.cluster == cluster && worth_it(&entry.stage))?;
        let ClusterUpgrade { stage, message, .. } = of_entry(entry, upgrade);
        Some(ClusterUpgradeOf { id: upgrade.id, to: words(&upgrade.to), stage, message })
    }
}

/// A cluster's last upgrade, as it is shown with the cluster.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClusterUpgradeOf {
    id: Uuid,
    to: String,
    /// As in the upgrade itself.
    stage: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

async fn stop(shared: &Shared, stored: StoredUpgrade, reason: String) -> Result<StoredUpgrade> {
    let now = shared.state.clock.now();
    let uids = stored.upgrade.clusters.iter().map(|entry| entry.cluster);
    let fleet = uids.map(|cluster| (cluster, Standing { connected: false, verified_at: None })).collect();
    let stopped = step(stored.upgrade, &Event::Stop { reason }, &fleet, now);
    Ok(shared.state.store.put_upgrade(&stopped, Expected::Revision(stored.revision)).await?)
}

fn chosen(body: &UpgradeBody, mut there: Vec<Cluster>) -> Result<Vec<Cluster>> {
    let ways = [!body.clusters.is_empty(), !body.selector.is_empty(), body.all];
    if ways.iter().filter(|way| **way).count() != 1 {
        return Err(ApiError::invalid("clusters", "say which: names, a selector, or all of them; one of the three"));
    }
    there.sort_by(|a, b| a.name.cmp(&b.name));
    let found: Vec<Cluster> = if body.clusters.is_empty() {
        let has = |cluster: &Cluster| body.selector.iter().all(|(key, value)| cluster.labels.get(key) == Some(value));
        there.into_iter().filter(has).collect()
    } else {
        let mut known: BTreeMap<String, Cluster> =
            there.into_iter().map(|cluster| (cluster.name.clone(), cluster)).collect();
        let distinct: BTreeSet<&String> = body.clusters.iter().collect();
        if distinct.len() != body.clusters.len() {
            return Err(ApiError::invalid("clusters", "a name is there twice"));
        }
        let find = |name: &String| known.remove(name).ok_or_else(|| ApiError::not_found("cluster", name));
        body.clusters.iter().map(find).collect::<Result<_>>()?
    };
    match found.len() {
        0 if body.all => Err(ApiError::invalid("all", "there is no cluster yet")),
        0 => Err(ApiError::invalid("selector", "no cluster has these labels")),
        count if count > MOST_CLUSTERS => {
            Err(ApiError::invalid("clusters", format!("{count} clusters are more than the limit of {MOST_CLUSTERS}")))
        }
        _ => Ok(found),
    }
}

fn wanted(body: &UpgradeBody) -> Result<Wanted> {
    match (&body.image, &body.version) {
        (Some(_), Some(_)) => Err(ApiError::invalid("version", "say an image or a version, not both")),
        (Some(image), None) if is_image(image) => Ok(Wanted::Image(image.clone())),
        (Some(_), None) => Err(ApiError::invalid("image", "an image is [host[:port]/]path[:tag][@digest]")),
        (None, Some(version)) if is_tag(version) => Ok(Wanted::Version(version.clone())),
        (None, Some(_)) => {
            Err(ApiError::invalid("version", "a version is a tag: letters, digits, '_', '-' and '.', at most 128"))
        }
        (None, None) => Ok(Wanted::Version(env!("CARGO_PKG_VERSION").to_owned())),
    }
}

fn is_tag(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    !text.is_empty() && text.len() <= LONGEST_VERSION && text.chars().all(plain) && !text.starts_with(['-', '.'])
}

fn patience(body: &UpgradeBody) -> Result<u32> {
    let seconds = |time: std::time::Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let limits = (seconds(PATIENCE_LIMITS.0), seconds(PATIENCE_LIMITS.1));
    limited("timeoutSeconds", body.timeout_seconds.unwrap_or_else(|| seconds(PATIENCE)), limits)
}

fn limited(name: &'static str, value: u32, (least, most): (u32, u32)) -> Result<u32> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(ApiError::invalid(name, format!("{name} is {least} to {most}, not {value}")))
}

fn shown(caller: &Caller) -> impl Fn(&str) -> bool + '_ {
    |cluster| caller.may(route::CLUSTERS, route::GET, cluster)
}

fn view(upgrade: &Upgrade, may_see: &impl Fn(&str) -> bool) -> UpgradeView {
    let visible: Vec<&Entry> = upgrade.clusters.iter().filter(|entry| may_see(&entry.name)).collect();
    // Names of clusters stand in the reason.
    let sees_all = visible.len() == upgrade.clusters.len();
    let stopped = upgrade.stopped.clone();
    UpgradeView {
        id: upgrade.id,
        to: words(&upgrade.to),
        by: upgrade.by.clone(),
        started_at: upgrade.started_at,
        max_unavailable: upgrade.max_unavailable,
        timeout_seconds: upgrade.patience_seconds,
        phase: phase(upgrade),
        stopped: stopped.map(|why| if sees_all { why } else { "a cluster failed".to_owned() }),
        clusters: visible.into_iter().map(|entry| of_entry(entry, upgrade)).collect(),
    }
}

fn phase(upgrade: &Upgrade) -> &'static str {
    match (upgrade.is_over(), upgrade.is_under_way(), &upgrade.stopped) {
        (true, _, None) => "Done",
        (true, _, Some(_)) => "Stopped",
        (false, true, _) => "Running",
        (false, false, _) => "Waiting",
    }
}

fn words(to: &Wanted) -> String {
    match to {
        Wanted::Image(image) => image.clone(),
        Wanted::Version(version) => format!("version {version}"),
    }
}

fn of_entry(entry: &Entry, upgrade: &Upgrade) -> ClusterUpgrade {
    let (stage, message) = match &entry.stage {
        Stage::Waiting if upgrade.stopped.is_some() => ("NotTouched", String::new()),
        Stage::Waiting => ("Waiting", String::new()),
        Stage::Asked { message, .. } => ("Upgrading", message.clone()),
        Stage::Done { image, .. } => ("Done", image.clone()),
        Stage::Reverted { reason } => ("Reverted", reason.clone()),
        Stage::NotPossible { reason } => ("NotPossible", reason.clone()),
        Stage::Lost { reason } => ("Lost", reason.clone()),
    };
    ClusterUpgrade { cluster: entry.name.clone(), stage, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_checked() {
        let body = |image: Option<&str>, version: Option<&str>| UpgradeBody {
            image: image.map(Into::into),
            version: version.map(Into::into),
            ..UpgradeBody::default()
        };
        let own = Wanted::Version(env!("CARGO_PKG_VERSION").into());
        for (body, want) in [
            (body(None, None), Some(own)),
            (body(Some("host:5000/agent:2"), None), Some(Wanted::Image("host:5000/agent:2".into()))),
            (body(None, Some("2.0-rc.1")), Some(Wanted::Version("2.0-rc.1".into()))),
            (body(Some("a b"), None), None),
            (body(None, Some("2/0")), None),
            (body(None, Some("")), None),
            (body(Some("agent"), Some("2")), None),
        ] {
            assert_eq!(wanted(&body).ok(), want, "{body:?}");
        }
        let slow = UpgradeBody { timeout_seconds: Some(1), ..UpgradeBody::default() };
        assert!(patience(&slow).is_err() && patience(&UpgradeBody::default()).is_ok_and(|seconds| seconds == 300));
    }
}
