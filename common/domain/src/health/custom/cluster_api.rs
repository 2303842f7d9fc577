//! Cluster API: a condition's `severity` (v1beta1) says whether it will pass; `failureMessage` says that it will not.

use super::super::part::{Malformed, Part};
use super::super::{Health, HealthStatus};
use super::Entry;
use super::rule::{stopped, unobserved};

const GROUP: &str = "cluster.x-k8s.io";

pub(super) const KINDS: &[Entry] = &[
    Entry::own(GROUP, "Cluster", check),
    Entry::own(GROUP, "Machine", check),
    Entry::own(GROUP, "MachineSet", check),
    Entry::own(GROUP, "MachineDeployment", check),
    Entry::own(GROUP, "MachinePool", check),
    Entry::own(GROUP, "MachineHealthCheck", check),
    Entry::own("controlplane.cluster.x-k8s.io", "KubeadmControlPlane", check),
    Entry::own("addons.cluster.x-k8s.io", "HelmChartProxy", check),
    Entry::own("infrastructure.cluster.x-k8s.io", "*", check),
    Entry::own("bootstrap.cluster.x-k8s.io", "*", check),
];

/// Phases of all its kinds; a condition that says more comes first.
const GOOD: &[&str] = &["Provisioned", "Running", "running", "Ready"];
/// The condition that sums the others up: v1beta2's before v1beta1's.
const SUMMARIES: &[&str] = &["Available", "Ready", "RemediationAllowed"];

fn check(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(stopped) = stopped(&object, &["spec.paused"])? {
        return Ok(stopped);
    }
    if let Some(waiting) = unobserved(&object)? {
        return Ok(waiting);
    }
    for field in ["status.failureMessage", "status.failureReason", "status.deprecated.v1beta1.failureMessage"] {
        let failure = object.text(field)?;
        if !failure.is_empty() {
            return Ok(Health::degraded(failure));
        }
    }
    let phase = object.text("status.phase")?;
    if phase.eq_ignore_ascii_case("failed") {
        return Ok(Health::degraded("status.phase is Failed"));
    }
    match summary(&object)? {
        Some(health) if health.status != HealthStatus::Healthy => Ok(health),
        said => by_phase(phase, said),
    }
}

fn by_phase(phase: &str, said: Option<Health>) -> Result<Health, Malformed> {
    Ok(match (phase, said) {
        ("", Some(health)) => health,
        ("", None) => Health::progressing("Waiting for its controller"),
        (phase, health) if GOOD.contains(&phase) => health.unwrap_or_else(|| Health::healthy("")),
        (phase, _) => Health::progressing(format!("status.phase is {phase}")),
    })
}

fn summary(object: &Part<'_>) -> Result<Option<Health>, Malformed> {
    let conditions = object.list("status.conditions")?;
    for name in SUMMARIES {
        for part in &conditions {
            if part.text("type")? == *name {
                return judge(part).map(Some);
            }
        }
    }
    Ok(None)
}

fn judge(part: &Part<'_>) -> Result<Health, Malformed> {
    let condition = super::super::part::Condition::of(part)?;
    Ok(match (condition.status, part.text("severity")?) {
        ("True", _) => Health::healthy(condition.message),
        ("False", "Error") => Health::degraded(condition.words()),
        ("False", _) if condition.kind == "RemediationAllowed" => Health::degraded(condition.words()),
        _ => Health::progressing(condition.words_since()),
    })
}
