//! How well one live object does, by the rules of Argo CD, and what that makes of the whole.
//!
//! One file per kind, each a pure function of the object. Of Kubernetes' own kinds, one without a file has no check: it is neither healthy nor
//! unhealthy and counts for nothing. Every other kind is judged as its API documents its status (`custom.rs`), or by its conditions and generations
//! (`conditions.rs`), as far as it has any. The rules are those of Argo CD's own checks and, for every other kind, kstatus'. This module knows nothing of sync status:
//! an object that is missing or different is not less healthy for it.

mod aggregate;
mod api_service;
mod conditions;
mod crd;
mod cron_job;
mod custom;
mod daemon_set;
mod deployment;
mod hpa;
mod ingress;
mod job;
mod part;
mod pdb;
mod pod;
mod pvc;
mod replica_set;
mod rollout;
mod service;
mod since;
mod stateful_set;
mod workflow;

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use aggregate::{Contribution, aggregate, is_ignored};

use crate::manifest::group_of;
use part::{Malformed, Part};

/// How well something does, from best to worst: the worst of several is their maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HealthStatus {
    /// Does what it should.
    Healthy,
    /// Told not to work, such as a paused Deployment.
    Suspended,
    /// Not healthy yet, and may still become so.
    Progressing,
    /// Not there.
    Missing,
    /// Failed, or did not become healthy in its time.
    Degraded,
    /// Could not be judged.
    Unknown,
}

/// The health of one object, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// How well it does.
    pub status: HealthStatus,
    /// What is waited for or went wrong; may be empty when healthy. Never holds a field's value that could be secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// A check of one kind: its rules in order, the first that applies decides.
type Check = fn(Part<'_>) -> Result<Health, Malformed>;

const HOOK_FINALIZER: &str = "argocd.argoproj.io/hook-finalizer";

/// The health of a live object; `None` where its kind has no check, or its status says nothing that is understood: it counts for nothing.
///
/// An object that is being deleted is Progressing whatever its kind, unless it is a hook that is only held by our finalizer. A field of the
/// wrong type makes it Unknown, with the field named. Does not look at `ignore-healthcheck`: see [`is_ignored`].
pub fn assess(object: &Value) -> Option<Health> {
    if let Some(deletion) = pending_deletion(object) {
        return Some(deletion);
    }
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    let (group, kind) = (group_of(text("apiVersion")), text("kind"));
    match check_of(group, kind) {
        Some(check) => Some(since::told_of_built_in(or_unknown(check(Part::of(object))), object)),
        None if conditions::is_built_in(group) => None,
        None => match custom::check(group, kind, &Part::of(object)) {
            Some(health) => Some(since::told(or_unknown(health), object)),
            None => conditions::check(&Part::of(object)).map(|health| since::told(health, object)),
        },
    }
}

/// The health of an object that is being deleted, whatever else is said of its kind.
pub fn pending_deletion(object: &Value) -> Option<Health> {
    is_being_deleted(object).then(|| Health::progressing("Pending deletion"))
}

/// Every kind that has a check of its own: (group, kind), `*` for a family. Kinds that are not listed are judged by their conditions.
pub fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUILT_IN.iter().map(|(group, kind, _)| (*group, *kind)).chain(custom::kinds())
}

fn or_unknown(health: Result<Health, Malformed>) -> Health {
    health.unwrap_or_else(|malformed| Health::new(HealthStatus::Unknown, malformed.to_string()))
}

fn is_being_deleted(object: &Value) -> bool {
    let is_set = object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null());
    let finalizers = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    is_set && !finalizers.into_iter().flatten().any(|finalizer| finalizer == HOOK_FINALIZER)
}

fn check_of(group: &str, kind: &str) -> Option<Check> {
    BUILT_IN.iter().find(|(of, named, _)| *of == group && *named == kind).map(|(_, _, check)| *check)
}

/// Kinds whose rules are Argo CD's own.
const BUILT_IN: &[(&str, &str, Check)] = &[
    ("apps", "Deployment", deployment::check),
    ("apps", "ReplicaSet", replica_set::check),
    ("apps", "StatefulSet", stateful_set::check),
    ("apps", "DaemonSet", daemon_set::check),
    ("", "Pod", pod::check),
    ("", "Service", service::check),
    ("", "PersistentVolumeClaim", pvc::check),
    ("batch", "Job", job::check),
    ("batch", "CronJob", cron_job::check),
    ("networking.k8s.io", "Ingress", ingress::check),
    ("extensions", "Ingress", ingress::check),
    ("autoscaling", "HorizontalPodAutoscaler", hpa::check),
    ("apiregistration.k8s.io", "APIService", api_service::check),
    ("policy", "PodDisruptionBudget", pdb::check),
    ("apiextensions.k8s.io", "CustomResourceDefinition", crd::check),
    ("argoproj.io", "Workflow", workflow::check),
    ("argoproj.io", "Rollout", rollout::check),
];

// === impl Health ===

impl Health {
    /// A status with its reason.
    pub fn new(status: HealthStatus, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn healthy(message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Healthy, message)
    }

    fn progressing(message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Progressing, message)
    }

    fn degraded(message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Degraded, message)
    }
}

// === impl HealthStatus ===

impl HealthStatus {
    /// The word that Argo CD uses, and that all our outputs do.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Suspended => "Suspended",
            Self::Progressing => "Progressing",
            Self::Missing => "Missing",
            Self::Degraded => "Degraded",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
