//! Virtual machines, data processing on clusters, and nodes that come and go: KubeVirt, Ray, Spark, Flink, Karpenter, OpenShift's workloads.

use super::super::part::{Malformed, Part};
use super::super::{Health, HealthStatus};
use super::Entry;
use super::rule::{Phases, Summary, unobserved};

pub(super) const KINDS: &[Entry] = &[
    Entry::phases(
        "kubevirt.io",
        "VirtualMachine",
        Phases::of("status.printableStatus", &["Running"]).suspended(&["Stopped", "Paused"]).degraded(&[
            "CrashLoopBackOff",
            "ErrorUnschedulable",
            "ErrImagePull",
            "ImagePullBackOff",
            "ErrorPvcNotFound",
            "ErrorDataVolumeNotFound",
            "DataVolumeError",
        ]),
    ),
    Entry::phases(
        "kubevirt.io",
        "VirtualMachineInstance",
        Phases::of("status.phase", &["Running", "Succeeded"]).degraded(&["Failed", "Unknown"]),
    ),
    Entry::phases(
        "cdi.kubevirt.io",
        "DataVolume",
        Phases::of("status.phase", &["Succeeded"]).suspended(&["Paused"]).degraded(&["Failed", "Unknown"]),
    ),
    Entry::phases(
        "ray.io",
        "RayCluster",
        Phases::of("status.state", &["ready"])
            .stop(&["spec.suspend"])
            .suspended(&["suspended"])
            .degraded(&["failed", "unhealthy"]),
    ),
    Entry::phases(
        "ray.io",
        "RayJob",
        Phases::of("status.jobDeploymentStatus", &["Complete"])
            .stop(&["spec.suspend"])
            .suspended(&["Suspended"])
            .degraded(&["Failed", "ValidationFailed"]),
    ),
    Entry::own("ray.io", "RayService", ray_service),
    Entry::phases(
        "sparkoperator.k8s.io",
        "SparkApplication",
        Phases::of("status.applicationState.state", &["RUNNING", "COMPLETED"])
            .stop(&["spec.suspend"])
            .suspended(&["SUSPENDED"])
            .degraded(&["FAILED", "SUBMISSION_FAILED", "FAILING", "INVALIDATING", "UNKNOWN"])
            .messages(&["status.applicationState.errorMessage"]),
    ),
    Entry::phases(
        "sparkoperator.k8s.io",
        "ScheduledSparkApplication",
        Phases::of("status.scheduleState", &["Scheduled"]).stop(&["spec.suspend"]).degraded(&["FailedValidation"]),
    ),
    Entry::own("flink.apache.org", "FlinkDeployment", flink),
    Entry::summary("karpenter.sh", "NodePool", Summary::of(&["Ready"]).false_is_bad(&[])),
    Entry::summary("karpenter.sh", "NodeClaim", Summary::of(&["Ready"])),
    Entry::summary(
        "apps.openshift.io",
        "DeploymentConfig",
        Summary::of(&["Available"]).stop(&["spec.paused"]).fails(&["ProgressDeadlineExceeded"]),
    ),
    Entry::phases(
        "build.openshift.io",
        "Build",
        Phases::of("status.phase", &["Complete"]).degraded(&["Failed", "Error", "Cancelled"]),
    ),
    Entry::own("route.openshift.io", "Route", route),
];

/// The job's state where it has a job, the job manager's otherwise.
fn flink(object: Part<'_>) -> Result<Health, Malformed> {
    let error = object.text("status.error")?;
    Ok(match object.text("status.lifecycleState")? {
        "STABLE" => Health::healthy(""),
        "SUSPENDED" => Health::new(HealthStatus::Suspended, "status.lifecycleState is SUSPENDED"),
        "FAILED" | "ROLLED_BACK" => Health::degraded(or(error, "the job failed")),
        "" => Health::progressing("Waiting for status.lifecycleState"),
        state => Health::progressing(format!("status.lifecycleState is {state}")),
    })
}

/// Every router must have admitted it.
fn route(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(waiting) = unobserved(&object)? {
        return Ok(waiting);
    }
    let routers = object.list("status.ingress")?;
    if routers.is_empty() {
        return Ok(Health::progressing("Waiting for a router to admit it"));
    }
    for router in &routers {
        for part in router.list("conditions")? {
            let condition = super::super::part::Condition::of(&part)?;
            if condition.kind == "Admitted" && !condition.is_true() {
                let words = condition.words();
                return Ok(if condition.status == "False" {
                    Health::degraded(words)
                } else {
                    Health::progressing(words)
                });
            }
        }
    }
    Ok(Health::healthy(""))
}

fn or<'a>(message: &'a str, otherwise: &'a str) -> &'a str {
    if message.is_empty() { otherwise } else { message }
}

/// One of its applications may have failed while the cluster that serves it is ready.
fn ray_service(object: Part<'_>) -> Result<Health, Malformed> {
    for (name, application) in object.entries("status.activeServiceStatus.applicationStatuses")? {
        let status = application.text("status")?;
        if matches!(status, "DEPLOY_FAILED" | "UNHEALTHY") {
            let message = application.text("message")?;
            let words = if message.is_empty() { String::new() } else { format!(": {message}") };
            return Ok(Health::degraded(format!("application {name} is {status}{words}")));
        }
    }
    Summary::of(&["Ready"]).judge(&object)
}
