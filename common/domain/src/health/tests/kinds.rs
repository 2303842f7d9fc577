use std::collections::BTreeSet;

use super::*;

/// Fixture and message; the status is in the name.
pub(super) const CASES: &[(&str, &str)] = &[
    ("deployment/healthy", ""),
    ("deployment/healthy-zero", ""),
    ("deployment/healthy-deleting-hook", ""),
    ("deployment/suspended", "Deployment is paused"),
    (
        "deployment/progressing-unobserved",
        "Waiting for rollout to finish: observed deployment generation less than desired generation (since 2026-11-23T10:00:00Z)",
    ),
    (
        "deployment/progressing-no-status",
        "Waiting for rollout to finish: observed deployment generation less than desired generation (since 2026-11-23T10:00:00Z)",
    ),
    ("deployment/progressing-updating", "Waiting for rollout to finish: 1 out of 3 new replicas have been updated..."),
    ("deployment/progressing-old-replicas", "Waiting for rollout to finish: 1 old replicas are pending termination..."),
    (
        "deployment/progressing-unavailable",
        "Waiting for rollout to finish: 1 of 3 updated replicas are available... (since 2026-11-23T10:00:00Z)",
    ),
    ("deployment/progressing-deleting", "Pending deletion"),
    ("deployment/degraded-deadline", "Deployment \"web\" exceeded its progress deadline (since 2026-11-23T10:00:00Z)"),
    ("deployment/unknown-malformed", "status.replicas is not an integer"),
    ("replica_set/healthy", ""),
    ("replica_set/progressing", "Waiting for rollout to finish: 1 out of 2 new replicas are available..."),
    (
        "replica_set/progressing-unobserved",
        "Waiting for rollout to finish: observed replica set generation less than desired generation (since 2026-11-23T10:00:00Z)",
    ),
    (
        "replica_set/degraded",
        "pods \"web-6c7f5d9b8-\" is forbidden: exceeded quota: small (since 2026-11-23T10:00:00Z)",
    ),
    ("stateful_set/healthy", "partitioned roll out complete: 3 new pods have been updated..."),
    ("stateful_set/healthy-on-delete", "statefulset has 3 ready pods"),
    ("stateful_set/healthy-partition", "partitioned roll out complete: 1 new pods have been updated..."),
    ("stateful_set/healthy-no-block", "statefulset rolling update complete 3 pods at revision db-5d8f..."),
    ("stateful_set/progressing-not-ready", "Waiting for 2 pods to be ready..."),
    (
        "stateful_set/progressing-unobserved",
        "Waiting for statefulset spec update to be observed... (since 2026-11-23T10:00:00Z)",
    ),
    (
        "stateful_set/progressing-new",
        "Waiting for statefulset spec update to be observed... (since 2026-11-23T10:00:00Z)",
    ),
    (
        "stateful_set/progressing-partition",
        "Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated...",
    ),
    (
        "stateful_set/progressing-revision",
        "waiting for statefulset rolling update to complete 1 pods at revision db-77aa...",
    ),
    ("daemon_set/healthy", ""),
    ("daemon_set/healthy-on-delete", "daemon set 1 out of 4 new pods have been updated"),
    (
        "daemon_set/progressing-updating",
        "Waiting for daemon set \"node-agent\" rollout to finish: 2 out of 4 new pods have been updated...",
    ),
    (
        "daemon_set/progressing-unavailable",
        "Waiting for daemon set \"node-agent\" rollout to finish: 3 of 4 updated pods are available...",
    ),
    (
        "daemon_set/progressing-unobserved",
        "Waiting for rollout to finish: observed daemon set generation less than desired generation (since 2026-11-23T10:00:00Z)",
    ),
    ("pod/healthy", ""),
    ("pod/healthy-succeeded", ""),
    ("pod/progressing-pending", "containers with unready status: [web] (since 2026-11-23T10:00:00Z)"),
    ("pod/progressing-not-ready", "containers with unready status: [web] (since 2026-11-23T10:00:00Z)"),
    ("pod/progressing-never", "Waiting for the pod to complete (since 2026-11-23T10:00:00Z)"),
    ("pod/progressing-hook-pull", "containers with unready status: [web] (since 2026-11-23T10:00:00Z)"),
    ("pod/degraded-never-pull-asked", "Back-off pulling image \"shop/none\" (since 2026-11-23T10:00:00Z)"),
    (
        "pod/degraded-crash-loop",
        "back-off 5m0s restarting failed container=web pod=task_shop(0) (since 2026-11-23T10:00:00Z)",
    ),
    ("pod/degraded-config-error", "secret \"db\" not found (since 2026-11-23T10:00:00Z)"),
    ("pod/degraded-restarted", "containers with unready status: [web] (since 2026-11-23T10:00:00Z)"),
    ("pod/degraded-oom", "OOMKilled (since 2026-11-23T10:00:00Z)"),
    ("pod/degraded-exit-code", "container \"web\" failed with exit code 3 (since 2026-11-23T10:00:00Z)"),
    ("pod/degraded-evicted", "The node was low on resource: memory. (since 2026-11-23T10:00:00Z)"),
    ("pod/progressing-unschedulable", "0/3 nodes are available: 3 Insufficient cpu. (since 2026-11-23T10:00:00Z)"),
    ("pod/unknown", "status.phase is \"Unknown\""),
    ("service/healthy", ""),
    ("service/healthy-load-balancer", ""),
    ("service/progressing", "Waiting for the load balancer to get an address (since 2026-11-23T10:00:00Z)"),
    ("ingress/healthy", ""),
    ("ingress/progressing", "Waiting for the ingress controller to assign an address (since 2026-11-23T10:00:00Z)"),
    (
        "ingress/progressing-empty",
        "Waiting for the ingress controller to assign an address (since 2026-11-23T10:00:00Z)",
    ),
    ("pvc/healthy", ""),
    ("pvc/progressing", "Waiting for a volume to be bound (since 2026-11-23T10:00:00Z)"),
    ("pvc/degraded", "The bound volume no longer exists"),
    ("pvc/unknown", "status.phase is \"\""),
    ("job/healthy", "Reached expected number of succeeded pods"),
    ("job/progressing", "Waiting for the job to complete (since 2026-11-23T10:00:00Z)"),
    ("job/progressing-resumed", "Waiting for the job to complete (since 2026-11-23T10:00:00Z)"),
    ("job/suspended", "Job suspended"),
    ("job/degraded", "Job has reached the specified backoff limit (since 2026-11-23T10:00:00Z)"),
    ("cron_job/healthy", "CronJob has completed its last execution successfully"),
    ("cron_job/healthy-suspended", "CronJob is suspended"),
    ("cron_job/healthy-running", "The job is running. Its last execution may not have been successful"),
    ("cron_job/healthy-never", "The CronJob never completed successfully. It may not be healthy"),
    ("cron_job/healthy-unscheduled", "CronJob has not been scheduled yet"),
    ("cron_job/progressing", "Waiting for CronJob (since 2026-11-23T10:00:00Z)"),
    ("cron_job/degraded", "CronJob has not completed its last execution successfully (since 2026-11-23T03:00:00Z)"),
    ("hpa/healthy", "recommended size matches current size"),
    ("hpa/healthy-v1", "recommended size matches current size"),
    (
        "hpa/degraded-metric",
        "the HPA was unable to compute the replica count: unable to get metrics for resource cpu (since 2026-11-23T10:00:00Z)",
    ),
    ("hpa/degraded-v1", "the HPA was unable to compute the replica count: unable to get metrics for resource cpu"),
    (
        "hpa/degraded-scale",
        "the HPA controller was unable to get the target's current scale: deployments.apps \"web\" not found (since 2026-11-23T10:00:00Z)",
    ),
    ("hpa/progressing", "Waiting to Autoscale (since 2026-11-23T10:00:00Z)"),
    ("hpa/progressing-v1", "Waiting to Autoscale (since 2026-11-23T10:00:00Z)"),
    (
        "hpa/unknown-v1",
        "metadata.annotations[autoscaling.alpha.kubernetes.io/conditions] is not a JSON list of conditions",
    ),
    ("api_service/healthy", "Passed: all checks passed"),
    (
        "api_service/progressing",
        "MissingEndpoints: endpoints for service/metrics-server in \"kube-system\" have no addresses with port name \"https\" (since 2026-11-23T10:00:00Z)",
    ),
    ("api_service/progressing-new", "Waiting to be processed (since 2026-11-23T10:00:00Z)"),
    ("pdb/healthy", "PodDisruptionBudget has SufficientPods"),
    ("pdb/healthy-insufficient", "PodDisruptionBudget has InsufficientPods"),
    ("pdb/degraded", "PodDisruptionBudget has SyncFailed (since 2026-11-23T10:00:00Z)"),
    ("pdb/progressing", "Waiting for status (since 2026-11-23T10:00:00Z)"),
    ("crd/healthy", "CRD is healthy"),
    ("crd/progressing", "Status conditions not found (since 2026-11-23T10:00:00Z)"),
    (
        "crd/progressing-terminating",
        "CRD is terminating: CustomResource deletion is in progress (since 2026-11-23T10:00:00Z)",
    ),
    (
        "crd/degraded-names",
        "CRD names have not been accepted: \"gadgets\" is already in use (since 2026-11-23T10:00:00Z)",
    ),
    ("crd/degraded-not-established", "CRD is not established"),
    (
        "crd/degraded-schema",
        "Schema violations found: spec.validation.openAPIV3Schema.type: Required value: must not be empty at the root (since 2026-11-23T10:00:00Z)",
    ),
    ("workflow/progressing", ""),
    ("workflow/healthy", ""),
    ("workflow/degraded", "child 'main' failed (since 2026-11-23T10:00:00Z)"),
    ("workflow/progressing-new", ""),
    ("workflow/degraded-error", "pod deleted"),
    ("workflow/unknown", "status.phase is \"Odd\""),
    ("rollout/healthy", ""),
    ("rollout/suspended", "CanaryPauseStep"),
    ("rollout/progressing", "more replicas need to be updated"),
    ("rollout/progressing-unobserved", "Waiting for rollout spec update to be observed (since 2026-11-23T10:00:00Z)"),
    ("rollout/progressing-new", "Waiting for rollout spec update to be observed (since 2026-11-23T10:00:00Z)"),
    ("rollout/degraded", "ProgressDeadlineExceeded: ReplicaSet \"web-7d\" has timed out progressing."),
    ("rollout/unknown", "status.phase is \"Odd\""),
];

#[test]
fn each_fixture_is_judged() {
    let mut wrong = Vec::new();
    for (name, message) in CASES {
        let health = assess(&read(name)).expect("a check");
        if health != Health::new(status_in_name(name), *message) {
            wrong.push(format!("{name}\t{}\t{}", health.status, health.message));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What an apiserver returns has its times: whatever is waited for or wrong says since when.
#[test]
fn every_kind_says_since_when() {
    let silent = CASES.iter().filter_map(|(name, message)| {
        let mut object = read(name);
        let metadata = &mut object["metadata"];
        if metadata["creationTimestamp"].is_null() {
            metadata["creationTimestamp"] = json!("2026-11-23T08:00:00Z");
        }
        metadata["managedFields"] = json!([
            {"manager": "windlass", "time": "2026-11-23T09:00:00Z"},
            {"manager": "controller", "time": "2026-11-23T09:30:00Z", "subresource": "status"},
        ]);
        let health = assess(&object)?;
        let matters = matches!(health.status, HealthStatus::Progressing | HealthStatus::Degraded);
        let says = health.message.contains("(since 20") || health.message == "Pending deletion" || message.is_empty();
        (matters && !says).then(|| format!("{name}: {}", health.message))
    });
    let silent: Vec<String> = silent.collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn every_fixture_is_in_the_table() {
    let listed: BTreeSet<String> = CASES.iter().chain(custom::CASES).map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(listed, fixtures());
}

#[allow(clippy::disallowed_methods)]
fn fixtures() -> BTreeSet<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/health");
    let entries = |dir: &std::path::Path| {
        std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path())
    };
    let files = entries(&root).flat_map(|kind| entries(&kind).collect::<Vec<_>>());
    let name =
        |file: std::path::PathBuf| file.strip_prefix(&root).expect("below").with_extension("").display().to_string();
    files.map(name).collect()
}
