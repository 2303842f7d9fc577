//! One case a rule, and the order among them.

use uuid::Uuid;

use super::*;
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
struct Case {
    application: Application,
    revision: Option<&'static str>,
    conditions: Vec<Condition>,
    clusters: Vec<Cluster>,
    is_joined: bool,
    spec: Option<TargetSpec>,
    removing: Option<Removing>,
    summary: Option<TargetSummary>,
    held: Option<Digest>,
    connected: bool,
    verified_at: Option<Timestamp>,
    objects: Vec<ResourceStatus>,
}

/// A circumstance.
type Change = fn(&mut Case);

fn ago(seconds: i64) -> Timestamp {
    from_millis((NOW - seconds) * 1000)
}

fn key(kind: &str, name: &str) -> ResourceKey {
    ResourceKey { group: String::new(), kind: kind.into(), namespace: "shop".into(), name: name.into() }
}

fn condition(kind: ConditionKind, message: &str) -> Condition {
    Condition { kind, message: message.into(), since: ago(60) }
}

fn object(name: &str, sync: SyncStatus, health: HealthStatus, message: &str) -> ResourceStatus {
    ResourceStatus {
        key: key("ConfigMap", name),
        version: "v1".into(),
        sync,
        health: Some(Health::new(health, "")),
        requires_pruning: false,
        message: message.into(),
    }
}

fn operation(phase: OperationPhase) -> OperationState {
    let failed = ResourceResult {
        key: key("ConfigMap", "bad"),
        status: ResultCode::SyncFailed,
        message: "data is immutable.".into(),
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

fn automated(prune: bool, self_heal: bool) -> Option<SyncPolicy> {
    let automated = Automated { prune, self_heal, ..Automated::default() };
    Some(SyncPolicy { automated: Some(automated), ..SyncPolicy::default() })
}

// === impl Case ===

impl Case {
    fn new(changes: &[Change]) -> Self {
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
        };
        changes.iter().for_each(|change| change(&mut case));
        case
    }

    fn facts(&self) -> ApplicationFacts<'_> {
        ApplicationFacts {
            application: &self.application,
            revision: self.revision,
            conditions: &self.conditions,
            clusters: &self.clusters,
            now: ago(0),
        }
    }

    fn why(&self) -> Explanation {
        let target = TargetFacts {
            cluster: "eu-1",
            is_joined: self.is_joined,
            spec: self.spec.as_ref(),
            removing: self.removing.as_ref(),
            summary: self.summary.as_ref(),
            held: self.held,
            freshness: Freshness::at(self.verified_at, self.connected, ago(0)),
            objects: &self.objects,
        };
        why(&self.facts(), Some(&target))
    }

    fn summary(&mut self) -> &mut TargetSummary {
        self.summary.as_mut().expect("a summary")
    }
}

fn application() -> Application {
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

fn cluster(name: &str) -> Cluster {
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

fn spec(bundle: Digest) -> TargetSpec {
    TargetSpec {
        application: Uuid::from_u128(9),
        name: application().name,
        bundle,
        settings: Digest::of(b"settings"),
        revision: "c0ffee0123".into(),
        default_namespace: "shop".into(),
        operation: None,
        approval: None,
        adoption: None,
    }
}

fn summary(bundle: Digest) -> TargetSummary {
    TargetSummary {
        sync: SyncStatus::Synced,
        health: HealthStatus::Healthy,
        health_message: String::new(),
        revision: "c0ffee0123".into(),
        bundle: Some(bundle),
        synced_revision: Some("c0ffee0123".into()),
        synced_bundle: Some(bundle),
        conditions: vec![],
        hold: None,
        operation: Some(operation(OperationPhase::Succeeded)),
        removed: false,
    }
}

// === circumstances, in the order in which they block ===

fn deleted(case: &mut Case) {
    let deletion = Deletion { requested_at: ago(200), cascade: Cascade::Foreground, by: "admin".into() };
    case.application.deletion = Some(deletion);
}

fn leaving(case: &mut Case) {
    let (application, name) = (Uuid::from_u128(9), case.application.name.clone());
    case.spec = None;
    case.removing = Some(Removing { application, name, cascade: Cascade::Foreground, by: "admin".into() });
}

fn no_cluster(case: &mut Case) {
    case.application.spec.destination.name = "nope".into();
}

fn no_match(case: &mut Case) {
    case.application.spec.destination = serde_json::from_value(serde_json::json!({
        "clusterSelector": {"matchLabels": {"env": "dev"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]},
    }))
    .expect("a destination");
}

fn bad_spec(case: &mut Case) {
    case.conditions.push(condition(ConditionKind::InvalidSpecError, "project \"shop\" does not allow it"));
}

fn bad_source(case: &mut Case) {
    case.conditions.push(condition(ConditionKind::ComparisonError, "app/a.yaml: line 3, column 1: not YAML"));
}

fn leavers_held(case: &mut Case) {
    case.conditions.push(condition(ConditionKind::PruneHeld, "4 of 8 clusters would leave"));
}

fn fenced(case: &mut Case) {
    case.summary().conditions.push(condition(ConditionKind::InvalidSpecError, "kind Node is not allowed"));
}

fn held(case: &mut Case) {
    let hold = Hold { reason: "3 of 4 objects would be deleted".into(), set: Digest::of(b""), count: 3, keys: vec![] };
    case.summary().hold = Some(hold);
    case.summary().sync = SyncStatus::OutOfSync;
    case.summary().conditions.push(condition(ConditionKind::PruneHeld, "held"));
}

fn not_joined(case: &mut Case) {
    (case.is_joined, case.connected, case.verified_at, case.summary) = (false, false, None, None);
}

fn offline(case: &mut Case) {
    (case.connected, case.verified_at) = (false, Some(ago(300)));
}

fn stale(case: &mut Case) {
    case.verified_at = Some(ago(240));
}

fn unverified(case: &mut Case) {
    case.verified_at = None;
}

fn disk_full(case: &mut Case) {
    case.summary().conditions.push(condition(ConditionKind::StorageError, "no space left on device"));
}

fn frozen(case: &mut Case) {
    case.summary().conditions.push(condition(ConditionKind::Frozen, "the hub no longer lists it"));
}

fn new_commit(case: &mut Case) {
    let spec = case.spec.as_mut().expect("a row");
    (spec.bundle, spec.revision) = (Digest::of(b"newer"), "beef0123".into());
}

fn arrived(case: &mut Case) {
    new_commit(case);
    case.held = Some(Digest::of(b"newer"));
}

fn sync_asked(case: &mut Case) {
    let request = OperationRequest {
        id: Uuid::from_u128(2),
        bundle: Digest::of(b"bundle"),
        prune: false,
        by: "admin".into(),
        requested_at: ago(3),
        deadline: ago(-600),
        terminate: false,
    };
    case.spec.as_mut().expect("a row").operation = Some(request);
}

fn syncing(case: &mut Case) {
    case.summary().operation = Some(operation(OperationPhase::Running));
}

fn sync_failed(case: &mut Case) {
    case.summary().operation = Some(operation(OperationPhase::Failed));
    case.summary().sync = SyncStatus::OutOfSync;
}

fn not_ours(case: &mut Case) {
    let message =
        "ConfigMap shop/a belongs to argocd:shop; it was left alone: `windlass app adopt argocd/web` takes it over";
    case.summary().conditions.push(condition(ConditionKind::SharedResourceWarning, message));
    case.summary().sync = SyncStatus::OutOfSync;
}

fn differs(case: &mut Case) {
    case.summary().sync = SyncStatus::OutOfSync;
    case.objects.push(object("a", SyncStatus::OutOfSync, HealthStatus::Healthy, "changed in the cluster: data.x"));
}

fn extra(case: &mut Case) {
    case.summary().sync = SyncStatus::OutOfSync;
    let object = object("old", SyncStatus::OutOfSync, HealthStatus::Healthy, "no longer in git");
    case.objects.push(ResourceStatus { requires_pruning: true, ..object });
}

fn manual(case: &mut Case) {
    case.application.spec.sync_policy = None;
}

fn without_prune(case: &mut Case) {
    case.application.spec.sync_policy = automated(false, true);
}

fn without_heal(case: &mut Case) {
    case.application.spec.sync_policy = automated(true, false);
}

fn not_compared(case: &mut Case) {
    case.summary().sync = SyncStatus::Unknown;
    case.objects.push(object("a", SyncStatus::Unknown, HealthStatus::Healthy, "being compared by a dry run"));
}

fn unhealthy(case: &mut Case, health: HealthStatus, why: &str) {
    case.summary().health = health;
    case.objects.push(object("pod", SyncStatus::Synced, health, why));
}

fn degraded(case: &mut Case) {
    unhealthy(case, HealthStatus::Degraded, "CrashLoopBackOff");
}

fn progressing(case: &mut Case) {
    unhealthy(case, HealthStatus::Progressing, "1 of 3 replicas are ready");
}

fn git_away(case: &mut Case) {
    case.conditions.push(condition(ConditionKind::SourceStale, "git.example: connection refused"));
}

#[test]
fn every_rule_names_the_thing_the_cause_and_the_next_step() {
    use Verdict as V;
    let cases: &[(&[Change], V, &str, &str)] = &[
        (&[], V::InSync, "in sync with commit c0ffee0 and healthy on cluster eu-1, proven 12s ago", ""),
        (
            &[deleted, leaving, differs],
            V::Removing,
            "the application is being deleted with its objects, as admin asked 3m ago; left are ConfigMap shop/a (changed in the cluster: data.x)",
            "windlass app resources web --cluster eu-1",
        ),
        (
            &[leaving, offline],
            V::Removing,
            "the application no longer goes to cluster eu-1, and is being removed from it; that waits for the agent of cluster eu-1, which is not connected",
            "windlass cluster get eu-1",
        ),
        (&[leaving, sync_failed], V::Removing, "ConfigMap shop/bad: data is immutable", "resources web"),
        (&[no_cluster], V::NoCluster, "no cluster is named \"nope\"", "windlass cluster list -o wide"),
        (&[no_match], V::NoCluster, "asks for (env=dev, tier in (a,b))", "windlass cluster list -o wide"),
        (&[bad_spec], V::InvalidSpec, "and commit c0ffee0 stays: project \"shop\" does not allow it", ""),
        (&[bad_source], V::SourceFailed, "and commit c0ffee0 stays: app/a.yaml: line 3", "windlass app refresh web"),
        (&[leavers_held], V::Held, "4 of 8 clusters would leave", "windlass cluster list"),
        (&[fenced], V::InvalidSpec, "the agent of cluster eu-1 refuses it: kind Node is not allowed", ""),
        (
            &[held],
            V::Held,
            "3 deletions wait for an approval: 3 of 4 objects would be deleted",
            "windlass app approve web --cluster eu-1",
        ),
        (
            &[not_joined],
            V::NotJoined,
            "no agent has joined cluster eu-1 yet; commit c0ffee0 waits for it",
            "windlass cluster token eu-1 -o join.json",
        ),
        (
            &[offline],
            V::Offline,
            "the agent of cluster eu-1 is not connected: what it reported was last proven 5m ago, Synced and Healthy then",
            "windlass cluster get eu-1",
        ),
        (&[offline, new_commit], V::Offline, "last proven 5m ago, and commit beef012 waits for it", ""),
        (&[stale], V::Stale, "is connected, but what it reported was last proven 4m ago", "windlass cluster get eu-1"),
        (&[unverified], V::NotVerified, "its first report is not proven yet", "windlass cluster get eu-1"),
        (&[disk_full], V::StorageError, "cannot keep its own copy: no space left on device", "windlass cluster get"),
        (&[frozen], V::Frozen, "it is frozen on cluster eu-1: the hub no longer lists it", ""),
        (
            &[new_commit],
            V::OnItsWay,
            "commit beef012 is on its way to the agent of cluster eu-1; it still works on commit c0ffee0",
            "windlass app wait web --cluster eu-1",
        ),
        (
            &[arrived],
            V::OnItsWay,
            "commit beef012 has arrived at the agent of cluster eu-1, which has not reported",
            "",
        ),
        (&[sync_asked], V::SyncRequested, "the sync that admin asked for 3s ago has not begun", "operation get 0000"),
        (
            &[syncing],
            V::Syncing,
            "a sync to commit c0ffee0 has been running for 30s on cluster eu-1: 1 of 2 actions carried out",
            "windlass app wait web --cluster eu-1",
        ),
        (
            &[sync_failed],
            V::SyncFailed,
            "the sync to commit c0ffee0 failed 30s ago on cluster eu-1: ConfigMap shop/bad: data is immutable",
            "windlass app sync web --cluster eu-1",
        ),
        (
            &[not_ours],
            V::NotOurs,
            "ConfigMap shop/a belongs to argocd:shop, and was left alone",
            "windlass app adopt web --cluster eu-1",
        ),
        (
            &[manual, differs],
            V::WaitsForSync,
            "synced by hand, and not as commit c0ffee0 says: ConfigMap shop/a (changed in the cluster: data.x)",
            "windlass app sync web --cluster eu-1",
        ),
        (&[manual, extra], V::WaitsForSync, "ConfigMap shop/old", "windlass app sync web --cluster eu-1 --prune"),
        (&[without_prune, extra], V::PruneOff, "does not prune: ConfigMap shop/old (no longer in git)", "--prune"),
        (&[without_heal, differs], V::HealOff, "does not heal: ConfigMap shop/a", "windlass app sync web"),
        (&[differs, extra], V::OutOfSync, "ConfigMap shop/a (changed in the cluster: data.x) and 1 more", "resources"),
        (&[not_compared], V::Unknown, "is not known: ConfigMap shop/a (being compared by a dry run)", "resources"),
        (&[degraded], V::Degraded, "and degraded: ConfigMap shop/pod (CrashLoopBackOff)", "windlass app resources web"),
        (&[progressing], V::Progressing, "and progressing: ConfigMap shop/pod (1 of 3", "windlass app wait web"),
        (&[git_away], V::SourceStale, "healthy on cluster eu-1, but git could not be asked for a newer one: git", ""),
    ];
    for (changes, verdict, sentence, next) in cases {
        let explanation = Case::new(changes).why();
        assert_eq!(explanation.verdict, *verdict, "{explanation:?}");
        assert!(explanation.sentence.contains(sentence), "{sentence:?} is not in {explanation:?}");
        assert!(explanation.next.unwrap_or_default().contains(next), "{:?}", Case::new(changes).why());
        assert!(!explanation.sentence.ends_with('.') && !explanation.sentence.contains('\n'));
    }
}

#[test]
fn what_blocks_first_is_said_first() {
    use Verdict as V;
    // Everything at once: each is said once everything before it is settled.
    let all: &[(Change, V)] = &[
        (leaving, V::Removing),
        (no_cluster, V::NoCluster),
        (bad_spec, V::InvalidSpec),
        (bad_source, V::SourceFailed),
        (leavers_held, V::Held),
        (fenced, V::InvalidSpec),
        (held, V::Held),
        (offline, V::Offline),
        (stale, V::Stale),
        (disk_full, V::StorageError),
        (frozen, V::Frozen),
        (new_commit, V::OnItsWay),
        (sync_asked, V::SyncRequested),
        (syncing, V::Syncing),
        (sync_failed, V::SyncFailed),
        (not_ours, V::NotOurs),
        (differs, V::OutOfSync),
        (not_compared, V::Unknown),
        (degraded, V::Degraded),
        (git_away, V::SourceStale),
    ];
    for pair in all.windows(2) {
        let [(first, verdict), (second, _)] = pair else { continue };
        if matches!(verdict, V::Held | V::Offline | V::Syncing | V::OutOfSync) {
            continue; // they exclude what follows, or are told below
        }
        // The later one is set first, so that the earlier one has the last word over shared facts.
        assert_eq!(Case::new(&[*second, *first]).why().verdict, *verdict);
    }
    for (changes, verdict) in [
        (&[held, bad_source] as &[Change], V::SourceFailed),
        (&[held, offline], V::Held),
        (&[held, sync_failed], V::Held),
        (&[offline, new_commit], V::Offline),
        (&[offline, sync_failed], V::Offline),
        (&[sync_asked, syncing], V::SyncRequested),
        (&[sync_failed, syncing], V::Syncing),
        (&[differs, degraded], V::OutOfSync),
        (&[degraded, git_away], V::Degraded),
        // A hold of the older bundle is no hold of the newer one.
        (&[held, new_commit], V::OnItsWay),
        // What failed and came right since is no matter.
        (&[sync_failed, |case| case.summary().sync = SyncStatus::Synced], V::InSync),
    ] {
        assert_eq!(Case::new(changes).why().verdict, verdict, "{:?}", Case::new(changes).why());
    }
}

#[test]
fn a_hold_counts_where_something_would_prune() {
    let unheld: Change = |case| case.summary().conditions.clear();
    assert_eq!(Case::new(&[held, unheld, manual, differs, extra]).why().verdict, Verdict::WaitsForSync);
    assert_eq!(Case::new(&[held, unheld, manual, extra]).why().verdict, Verdict::Held);
}

#[test]
fn an_application_without_a_target_says_why() {
    let verdict = |changes: &[Change]| why(&Case::new(changes).facts(), None).verdict;
    assert_eq!(verdict(&[]), Verdict::NotCompiled);
    assert_eq!(verdict(&[bad_source]), Verdict::SourceFailed);
    assert_eq!(verdict(&[no_match, bad_source]), Verdict::NoCluster);
    assert_eq!(verdict(&[deleted, no_match]), Verdict::Removing);
    let case = Case::new(&[git_away]);
    assert!(why(&case.facts(), None).sentence.contains("connection refused"));
}

#[test]
fn a_cluster_that_is_no_target_is_told_from_one_that_waits() {
    let mut case = Case::new(&[]);
    let other = cluster("us-east");
    case.clusters.push(other.clone());
    let explanation = why_not_on(&case.facts(), "us-east", Some(&other));
    assert_eq!(explanation.verdict, Verdict::NotATarget);
    assert_eq!(explanation.sentence, "it does not go to cluster \"us-east\": its destination is cluster \"eu-1\"");
    assert_eq!(why_not_on(&case.facts(), "nope", None).verdict, Verdict::NotATarget);
    assert_eq!(why_not_on(&case.facts(), "eu-1", Some(&cluster("eu-1"))).verdict, Verdict::NotCompiled);
    assert_eq!(why_not_on(&case.facts(), "eu-1", None).verdict, Verdict::NotCompiled, "it is named, seen or not");
    bad_source(&mut case);
    assert_eq!(why_not_on(&case.facts(), "eu-1", Some(&cluster("eu-1"))).verdict, Verdict::SourceFailed);
}

#[test]
fn a_sentence_is_one_line_of_limited_length_whatever_it_is_made_of() {
    let noisy: Change = |case| {
        case.conditions
            .push(condition(ConditionKind::ComparisonError, &format!("a\n\u{1b}[31m b{}", "x".repeat(5_000))));
    };
    let sentence = Case::new(&[noisy]).why().sentence;
    assert!(sentence.contains("a [31m b") && sentence.chars().count() <= 601, "{sentence}");
}
