//! One target of which everything is well, and circumstances that change it, in the order in which they block.

use uuid::Uuid;

use super::super::*;
use crate::application::{ApplicationManifest, Automated, Cascade, Deletion, Origin, SyncPolicy};
use crate::cluster::ClusterFacts;
use crate::health::{Health, HealthStatus};
use crate::manifest::ResourceKey;
use crate::operation::OperationPhase;
use crate::status::{ConditionKind, Hold, OperationState, ResourceResult, ResultCode, SyncStatus};
use crate::target::OperationRequest;
use crate::time::from_millis;

const NOW: i64 = 1_000_000;

/// Everything that is known of one target: all is well, until a case changes it.
pub(super) struct Case {
    pub(super) application: Application,
    pub(super) revision: Option<&'static str>,
    pub(super) conditions: Vec<Condition>,
    pub(super) clusters: Vec<Cluster>,
    is_joined: bool,
    pub(super) spec: Option<TargetSpec>,
    pub(super) removing: Option<Removing>,
    pub(super) summary: Option<TargetSummary>,
    pub(super) held: Option<Digest>,
    connected: bool,
    pub(super) verified_at: Option<Timestamp>,
    pub(super) objects: Vec<ResourceStatus>,
    freezes: Vec<Freeze>,
    hold: Option<RevisionHold>,
    waits: Vec<Wait>,
}

/// A circumstance.
pub(super) type Change = fn(&mut Case);

pub(super) fn ago(seconds: i64) -> Timestamp {
    from_millis((NOW - seconds) * 1000)
}

pub(super) fn key(kind: &str, name: &str) -> ResourceKey {
    ResourceKey { group: String::new(), kind: kind.into(), namespace: "shop".into(), name: name.into() }
}

pub(super) fn condition(kind: ConditionKind, message: &str) -> Condition {
    Condition { kind, message: message.into(), since: ago(60) }
}

pub(super) fn object(name: &str, sync: SyncStatus, health: HealthStatus, message: &str) -> ResourceStatus {
    ResourceStatus {
        key: key("ConfigMap", name),
        version: "v1".into(),
        sync,
        health: Some(Health::new(health, "")),
        requires_pruning: false,
        message: message.into(),
    }
}

pub(super) fn operation(phase: OperationPhase) -> OperationState {
    let failed = ResourceResult {
        key: key("ConfigMap", "bad"),
        status: ResultCode::SyncFailed,
        message: "data is immutable.".into(),
        hook: None,
    };
    OperationState {
        id: Uuid::from_u128(1),
        by: "automated".into(),
        phase,
        message: "1 of 2 actions carried out".into(),
        revision: "c0ffee0123".into(),
        started_at: ago(30),
        finished_at: None,
        results: if phase == OperationPhase::Failed { vec![failed] } else { vec![] },
    }
}

pub(super) fn automated(prune: bool, self_heal: bool) -> Option<SyncPolicy> {
    let automated = Automated { prune, self_heal, ..Automated::default() };
    Some(SyncPolicy { automated: Some(automated), ..SyncPolicy::default() })
}

pub(super) fn frozen_by_ann(case: &mut Case) {
    let scope = crate::history::FreezeScope::Cluster("eu-1".into());
    let freeze = Freeze { scope, reason: "incident 7".into(), by: "ann".into(), since: ago(180) };
    case.spec.as_mut().expect("a row").paused = Some(freeze.pause());
    case.freezes.push(freeze);
}

pub(super) fn annotated(case: &mut Case) {
    let paused = condition(ConditionKind::WritesFrozen, "paused in the cluster: namespace shop is annotated");
    case.summary().conditions.push(paused);
}

pub(super) fn waits_for_db(case: &mut Case) {
    let paused = crate::target::Paused {
        kind: crate::target::PauseKind::DependsOn,
        by: "argocd/web".into(),
        message: "waits for argocd/db to be Synced and Healthy".into(),
        since: ago(20),
    };
    case.spec.as_mut().expect("a row").paused = Some(paused);
    case.waits = vec![
        Wait { on: "argocd/db".into(), why: "it is Synced and Progressing on eu-1".into() },
        Wait { on: "nope".into(), why: "there is no such application".into() },
    ];
}

pub(super) fn window_closed(case: &mut Case) {
    let closed = condition(ConditionKind::SyncWindowClosed, "a deny window of project shop is open");
    case.summary().conditions.push(closed);
}

pub(super) fn rolled_back(case: &mut Case) {
    let spec = case.spec.as_mut().expect("a row");
    case.hold = Some(RevisionHold {
        revision: spec.revision.clone(),
        bundle: spec.bundle,
        entry: Some(3),
        clusters: vec![],
        by: "ann".into(),
        since: ago(90),
    });
    case.revision = Some("beef0123");
}

// === impl Case ===

impl Case {
    pub(super) fn new(changes: &[Change]) -> Self {
        let bundle = Digest::of(b"bundle");
        let mut case = Self {
            application: application(),
            revision: Some("c0ffee0123"),
            conditions: vec![],
            clusters: vec![cluster("eu-1")],
            is_joined: true,
            spec: Some(spec(bundle)),
            removing: None,
            summary: Some(summary(bundle)),
            held: Some(bundle),
            connected: true,
            verified_at: Some(ago(12)),
            objects: vec![],
            freezes: vec![],
            hold: None,
            waits: vec![],
        };
        changes.iter().for_each(|change| change(&mut case));
        case
    }

    pub(super) fn facts(&self) -> ApplicationFacts<'_> {
        ApplicationFacts {
            application: &self.application,
            revision: self.revision,
            conditions: &self.conditions,
            freezes: &self.freezes,
            hold: self.hold.as_ref(),
            clusters: &self.clusters,
            now: ago(0),
        }
    }

    pub(super) fn why(&self) -> Explanation {
        let target = TargetFacts {
            cluster: "eu-1",
            is_joined: self.is_joined,
            spec: self.spec.as_ref(),
            removing: self.removing.as_ref(),
            summary: self.summary.as_ref(),
            held: self.held,
            freshness: Freshness::at(self.verified_at, self.connected, ago(0)),
            objects: &self.objects,
            waits: &self.waits,
        };
        why(&self.facts(), Some(&target))
    }

    pub(super) fn summary(&mut self) -> &mut TargetSummary {
        self.summary.as_mut().expect("a summary")
    }
}

pub(super) fn application() -> Application {
    let manifest = serde_json::json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"},
        "spec": {
            "source": {"repoURL": "https://git.example/x"}, "destination": {"name": "eu-1"},
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
        },
    });
    let manifest = ApplicationManifest::parse(&manifest).expect("an application");
    Application {
        uid: Uuid::from_u128(9),
        name: manifest.name,
        metadata: manifest.metadata,
        spec: manifest.spec,
        origin: Origin::Api,
        created_at: ago(600),
        deletion: None,
        revision: 1,
    }
}

pub(super) fn cluster(name: &str) -> Cluster {
    Cluster {
        uid: Uuid::from_u128(name.len() as u128),
        name: name.into(),
        labels: [("env".to_owned(), "prod".to_owned())].into(),
        server_aliases: vec![],
        facts: Some(ClusterFacts::default()),
        created_at: ago(600),
        revision: 1,
    }
}

pub(super) fn spec(bundle: Digest) -> TargetSpec {
    TargetSpec {
        revision: "c0ffee0123".into(),
        default_namespace: "shop".into(),
        ..TargetSpec::of(Uuid::from_u128(9), application().name, bundle, Digest::of(b"settings"))
    }
}

pub(super) fn summary(bundle: Digest) -> TargetSummary {
    TargetSummary {
        revision: "c0ffee0123".into(),
        bundle: Some(bundle),
        synced_revision: Some("c0ffee0123".into()),
        synced_bundle: Some(bundle),
        operation: Some(operation(OperationPhase::Succeeded)),
        ..TargetSummary::of(SyncStatus::Synced, HealthStatus::Healthy)
    }
}

// === circumstances, in the order in which they block ===

pub(super) fn deleted(case: &mut Case) {
    let deletion = Deletion { requested_at: ago(200), cascade: Cascade::Foreground, by: "admin".into() };
    case.application.deletion = Some(deletion);
}

pub(super) fn leaving(case: &mut Case) {
    let (application, name) = (Uuid::from_u128(9), case.application.name.clone());
    case.spec = None;
    case.removing = Some(Removing {
        application,
        name,
        cascade: Cascade::Foreground,
        by: "admin".into(),
        unasked: false,
        deletion_confirmed: false,
        confirm: false,
        paused: None,
    });
}

pub(super) fn no_cluster(case: &mut Case) {
    case.application.spec.destination.name = "nope".into();
}

pub(super) fn no_match(case: &mut Case) {
    case.application.spec.destination = serde_json::from_value(serde_json::json!({
        "clusterSelector": {"matchLabels": {"env": "dev"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]},
    }))
    .expect("a destination");
}

pub(super) fn bad_spec(case: &mut Case) {
    case.conditions.push(condition(ConditionKind::InvalidSpecError, "project \"shop\" does not allow it"));
}

pub(super) fn bad_source(case: &mut Case) {
    case.conditions.push(condition(ConditionKind::ComparisonError, "app/a.yaml: line 3, column 1: not YAML"));
}

pub(super) fn leavers_held(case: &mut Case) {
    case.conditions.push(condition(ConditionKind::PruneHeld, "4 of 8 clusters would leave"));
}

pub(super) fn fenced(case: &mut Case) {
    case.summary().conditions.push(condition(ConditionKind::InvalidSpecError, "kind Node is not allowed"));
}

pub(super) fn held(case: &mut Case) {
    let hold = Hold { reason: "3 of 4 objects would be deleted".into(), set: Digest::of(b""), count: 3, keys: vec![] };
    case.summary().hold = Some(hold);
    case.summary().sync = SyncStatus::OutOfSync;
    case.summary().conditions.push(condition(ConditionKind::PruneHeld, "held"));
}

pub(super) fn not_joined(case: &mut Case) {
    (case.is_joined, case.connected, case.verified_at, case.summary) = (false, false, None, None);
}

pub(super) fn offline(case: &mut Case) {
    (case.connected, case.verified_at) = (false, Some(ago(300)));
}

pub(super) fn stale(case: &mut Case) {
    case.verified_at = Some(ago(240));
}

pub(super) fn unverified(case: &mut Case) {
    case.verified_at = None;
}

pub(super) fn disk_full(case: &mut Case) {
    case.summary().conditions.push(condition(ConditionKind::StorageError, "no space left on device"));
}

pub(super) fn frozen(case: &mut Case) {
    case.summary().conditions.push(condition(ConditionKind::Frozen, "the hub no longer lists it"));
}

pub(super) fn new_commit(case: &mut Case) {
    let spec = case.spec.as_mut().expect("a row");
    (spec.bundle, spec.revision) = (Digest::of(b"newer"), "beef0123".into());
}

pub(super) fn arrived(case: &mut Case) {
    new_commit(case);
    case.held = Some(Digest::of(b"newer"));
}

pub(super) fn sync_asked(case: &mut Case) {
    let request = OperationRequest {
        id: Uuid::from_u128(2),
        bundle: Digest::of(b"bundle"),
        prune: false,
        by: "admin".into(),
        requested_at: ago(3),
        deadline: ago(-600),
        terminate: false,
        options: Default::default(),
    };
    case.spec.as_mut().expect("a row").operation = Some(request);
}

pub(super) fn syncing(case: &mut Case) {
    case.summary().operation = Some(operation(OperationPhase::Running));
}

pub(super) fn sync_failed(case: &mut Case) {
    case.summary().operation = Some(operation(OperationPhase::Failed));
    case.summary().sync = SyncStatus::OutOfSync;
}

pub(super) fn not_ours(case: &mut Case) {
    let message =
        "ConfigMap shop/a belongs to argocd:shop; it was left alone: `windlass app adopt argocd/web` takes it over";
    case.summary().conditions.push(condition(ConditionKind::SharedResourceWarning, message));
    case.summary().sync = SyncStatus::OutOfSync;
}

pub(super) fn differs(case: &mut Case) {
    case.summary().sync = SyncStatus::OutOfSync;
    case.objects.push(object("a", SyncStatus::OutOfSync, HealthStatus::Healthy, "changed in the cluster: data.x"));
}

pub(super) fn extra(case: &mut Case) {
    case.summary().sync = SyncStatus::OutOfSync;
    let object = object("old", SyncStatus::OutOfSync, HealthStatus::Healthy, "no longer in git");
    case.objects.push(ResourceStatus { requires_pruning: true, ..object });
}

pub(super) fn manual(case: &mut Case) {
    case.application.spec.sync_policy = None;
}

pub(super) fn without_prune(case: &mut Case) {
    case.application.spec.sync_policy = automated(false, true);
}

pub(super) fn without_heal(case: &mut Case) {
    case.application.spec.sync_policy = automated(true, false);
}

pub(super) fn not_compared(case: &mut Case) {
    case.summary().sync = SyncStatus::Unknown;
    case.objects.push(object("a", SyncStatus::Unknown, HealthStatus::Healthy, "being compared by a dry run"));
}

pub(super) fn unhealthy(case: &mut Case, health: HealthStatus, why: &str) {
    case.summary().health = health;
    case.objects.push(object("pod", SyncStatus::Synced, health, why));
}

pub(super) fn degraded(case: &mut Case) {
    unhealthy(case, HealthStatus::Degraded, "CrashLoopBackOff");
}

pub(super) fn progressing(case: &mut Case) {
    unhealthy(case, HealthStatus::Progressing, "1 of 3 replicas are ready");
}

pub(super) fn git_away(case: &mut Case) {
    case.conditions.push(condition(ConditionKind::SourceStale, "git.example: connection refused"));
}
