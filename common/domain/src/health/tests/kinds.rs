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
        "Waiting for rollout to finish: observed deployment generation less than desired generation",
    ),
    (
        "deployment/progressing-no-status",
        "Waiting for rollout to finish: observed deployment generation less than desired generation",
    ),
    ("deployment/progressing-updating", "Waiting for rollout to finish: 1 out of 3 new replicas have been updated..."),
    ("deployment/progressing-old-replicas", "Waiting for rollout to finish: 1 old replicas are pending termination..."),
    ("deployment/progressing-unavailable", "Waiting for rollout to finish: 1 of 3 updated replicas are available..."),
    ("deployment/progressing-deleting", "Pending deletion"),
    ("deployment/degraded-deadline", "Deployment \"web\" exceeded its progress deadline"),
    ("deployment/unknown-malformed", "status.replicas is not an integer"),
    ("replica_set/healthy", ""),
    ("replica_set/progressing", "Waiting for rollout to finish: 1 out of 2 new replicas are available..."),
    (
        "replica_set/progressing-unobserved",
        "Waiting for rollout to finish: observed replica set generation less than desired generation",
    ),
    ("replica_set/degraded", "pods \"web-6c7f5d9b8-\" is forbidden: exceeded quota: small"),
    ("stateful_set/healthy", "partitioned roll out complete: 3 new pods have been updated..."),
    ("stateful_set/healthy-on-delete", "statefulset has 3 ready pods"),
    ("stateful_set/healthy-partition", "partitioned roll out complete: 1 new pods have been updated..."),
    ("stateful_set/healthy-no-block", "statefulset rolling update complete 3 pods at revision db-5d8f..."),
    ("stateful_set/progressing-not-ready", "Waiting for 2 pods to be ready..."),
    ("stateful_set/progressing-unobserved", "Waiting for statefulset spec update to be observed..."),
    ("stateful_set/progressing-new", "Waiting for statefulset spec update to be observed..."),
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
        "Waiting for rollout to finish: observed daemon set generation less than desired generation",
    ),
    ("pod/healthy", ""),
    ("pod/healthy-succeeded", ""),
    ("pod/progressing-pending", "containers with unready status: [web]"),
    ("pod/progressing-not-ready", "containers with unready status: [web]"),
    ("pod/progressing-never", "Waiting for the pod to complete"),
    ("pod/progressing-hook-pull", "containers with unready status: [web]"),
    ("pod/degraded-never-pull-asked", "Back-off pulling image \"shop/none\""),
    ("pod/degraded-crash-loop", "back-off 5m0s restarting failed container=web pod=task_shop(0)"),
    ("pod/degraded-config-error", "secret \"db\" not found"),
    ("pod/degraded-restarted", "containers with unready status: [web]"),
    ("pod/degraded-oom", "OOMKilled"),
    ("pod/degraded-exit-code", "container \"web\" failed with exit code 3"),
    ("pod/degraded-evicted", "The node was low on resource: memory."),
    ("pod/progressing-unschedulable", "0/3 nodes are available: 3 Insufficient cpu."),
    ("pod/unknown", "status.phase is \"Unknown\""),
    ("service/healthy", ""),
    ("service/healthy-load-balancer", ""),
    ("service/progressing", "Waiting for the load balancer to get an address"),
    ("ingress/healthy", ""),
    ("ingress/progressing", "Waiting for the ingress controller to assign an address"),
    ("ingress/progressing-empty", "Waiting for the ingress controller to assign an address"),
    ("pvc/healthy", ""),
    ("pvc/progressing", "Waiting for a volume to be bound"),
    ("pvc/degraded", "The bound volume no longer exists"),
    ("pvc/unknown", "status.phase is \"\""),
    ("job/healthy", "Reached expected number of succeeded pods"),
    ("job/progressing", "Waiting for the job to complete"),
    ("job/progressing-resumed", "Waiting for the job to complete"),
    ("job/suspended", "Job suspended"),
    ("job/degraded", "Job has reached the specified backoff limit"),
    ("cron_job/healthy", "CronJob has completed its last execution successfully"),
    ("cron_job/healthy-suspended", "CronJob is suspended"),
    ("cron_job/healthy-running", "The job is running. Its last execution may not have been successful"),
    ("cron_job/healthy-never", "The CronJob never completed successfully. It may not be healthy"),
    ("cron_job/healthy-unscheduled", "CronJob has not been scheduled yet"),
    ("cron_job/progressing", "Waiting for CronJob"),
    ("cron_job/degraded", "CronJob has not completed its last execution successfully"),
    ("hpa/healthy", "recommended size matches current size"),
    ("hpa/healthy-v1", "recommended size matches current size"),
    ("hpa/degraded-metric", "the HPA was unable to compute the replica count: unable to get metrics for resource cpu"),
    ("hpa/degraded-v1", "the HPA was unable to compute the replica count: unable to get metrics for resource cpu"),
    (
        "hpa/degraded-scale",
        "the HPA controller was unable to get the target's current scale: deployments.apps \"web\" not found",
    ),
    ("hpa/progressing", "Waiting to Autoscale"),
    ("hpa/progressing-v1", "Waiting to Autoscale"),
    (
        "hpa/unknown-v1",
        "metadata.annotations[autoscaling.alpha.kubernetes.io/conditions] is not a JSON list of conditions",
    ),
    ("api_service/healthy", "Passed: all checks passed"),
    (
        "api_service/progressing",
        "MissingEndpoints: endpoints for service/metrics-server in \"kube-system\" have no addresses with port name \"https\"",
    ),
    ("api_service/progressing-new", "Waiting to be processed"),
    ("pdb/healthy", "PodDisruptionBudget has SufficientPods"),
    ("pdb/healthy-insufficient", "PodDisruptionBudget has InsufficientPods"),
    ("pdb/degraded", "PodDisruptionBudget has SyncFailed"),
    ("pdb/progressing", "Waiting for status"),
    ("crd/healthy", "CRD is healthy"),
    ("crd/progressing", "Status conditions not found"),
    ("crd/progressing-terminating", "CRD is terminating: CustomResource deletion is in progress"),
    ("crd/degraded-names", "CRD names have not been accepted: \"gadgets\" is already in use"),
    ("crd/degraded-not-established", "CRD is not established"),
    (
        "crd/degraded-schema",
        "Schema violations found: spec.validation.openAPIV3Schema.type: Required value: must not be empty at the root",
    ),
    ("workflow/progressing", ""),
    ("workflow/healthy", ""),
    ("workflow/degraded", "child 'main' failed"),
    ("workflow/progressing-new", ""),
    ("workflow/degraded-error", "pod deleted"),
    ("workflow/unknown", "status.phase is \"Odd\""),
    ("rollout/healthy", ""),
    ("rollout/suspended", "CanaryPauseStep"),
    ("rollout/progressing", "more replicas need to be updated"),
    ("rollout/progressing-unobserved", "Waiting for rollout spec update to be observed"),
    ("rollout/progressing-new", "Waiting for rollout spec update to be observed"),
    ("rollout/degraded", "ProgressDeadlineExceeded: ReplicaSet \"web-7d\" has timed out progressing."),
    ("rollout/unknown", "status.phase is \"Odd\""),
];

#[test]
fn each_fixture_is_judged() {
    for (name, message) in CASES {
        let health = assess(&read(name)).expect("a check");
        assert_eq!(health, Health::new(status_in_name(name), *message), "{name}");
    }
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
