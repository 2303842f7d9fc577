//! The same for Kubernetes' own kinds. Some have no conditions; of them it is said since when their status has been as it is, which is when its controller
//! last wrote it.

use serde_json::Value;

use super::super::part::{Condition, Part};
use super::super::{Health, HealthStatus};
use super::{changed, created};

/// Where a kind says since when something has been so.
struct Clock {
    kind: &'static str,
    /// Conditions with the status in which they are to blame.
    conditions: &'static [(&'static str, &'static str)],
    /// Fields of the status.
    fields: &'static [&'static str],
    /// What it waits for, it has waited for since it was made.
    from_creation: bool,
}

const CLOCKS: &[Clock] = &[
    Clock::of("Deployment", &[("Progressing", "False"), ("Available", "False")]),
    Clock::of("ReplicaSet", &[("ReplicaFailure", "True")]),
    Clock::of("StatefulSet", &[]),
    Clock::of("DaemonSet", &[]),
    Clock::of("Pod", &[("Ready", "False")]).fields(&["startTime"]).or_creation(),
    Clock::of("Service", &[]).or_creation(),
    Clock::of("Ingress", &[]).or_creation(),
    Clock::of("PersistentVolumeClaim", &[]).or_creation(),
    Clock::of("Job", &[]).fields(&["startTime"]).or_creation(),
    Clock::of("CronJob", &[]).fields(&["lastScheduleTime"]).or_creation(),
    Clock::of("HorizontalPodAutoscaler", &[("ScalingActive", "False"), ("AbleToScale", "False")]).or_creation(),
    Clock::of("APIService", &[("Available", "False")]).or_creation(),
    Clock::of("PodDisruptionBudget", &[("DisruptionAllowed", "False")]).or_creation(),
    Clock::of("CustomResourceDefinition", &[("Established", "False")]).or_creation(),
    Clock::of("Workflow", &[]).fields(&["finishedAt", "startedAt"]).or_creation(),
    Clock::of("Rollout", &[("Progressing", "False"), ("Available", "False"), ("Healthy", "False")]),
];

/// Messages of an object whose controller has not looked at it since it was changed.
const UNSEEN: &[&str] = &["less than desired generation", "spec update to be observed"];

pub(super) fn time<'a>(health: &Health, object: &'a Value) -> Option<&'a str> {
    let status = object.get("status").unwrap_or(&Value::Null);
    if UNSEEN.iter().any(|words| health.message.contains(words)) {
        return changed(object).or_else(|| created(object));
    }
    let kind = object.get("kind").and_then(Value::as_str)?;
    let clock = CLOCKS.iter().find(|clock| clock.kind == kind)?;
    if health.status == HealthStatus::Degraded && kind == "Pod" {
        // What ended says when.
        let ended = ended(status);
        if ended.is_some() {
            return ended;
        }
    }
    let said = quoted(status, &health.message).or_else(|| clock.read(status)).or_else(|| written(object));
    let waits = clock.from_creation && health.status == HealthStatus::Progressing;
    said.or_else(|| created(object).filter(|_| waits))
}

/// When the condition changed whose words the message has.
fn quoted<'a>(status: &'a Value, message: &str) -> Option<&'a str> {
    let says = |c: &Condition<'_>| !c.message.is_empty() && !c.since.is_empty() && message.contains(c.message);
    conditions(status).find(says).map(|condition| condition.since)
}

fn conditions(status: &Value) -> impl Iterator<Item = Condition<'_>> {
    let listed = status.get("conditions").and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(|item| Condition::of(&Part::of(item)).ok())
}

/// When a container of a Pod last ended, those that run before the others included.
fn ended(status: &Value) -> Option<&str> {
    let lists = ["containerStatuses", "initContainerStatuses"];
    let containers = lists.iter().filter_map(|list| status.get(*list)?.as_array()).flatten();
    containers.filter_map(|container| container.pointer("/state/terminated/finishedAt")?.as_str()).max()
}

/// When its controller last wrote the status.
fn written(object: &Value) -> Option<&str> {
    let managers = object.pointer("/metadata/managedFields")?.as_array()?;
    let of_status = managers.iter().filter(|manager| manager.get("subresource").is_some_and(|of| of == "status"));
    of_status.filter_map(|manager| manager.get("time").and_then(Value::as_str)).max()
}

// === impl Clock ===

impl Clock {
    const fn of(kind: &'static str, conditions: &'static [(&'static str, &'static str)]) -> Self {
        Self { kind, conditions, fields: &[], from_creation: false }
    }

    const fn fields(mut self, fields: &'static [&'static str]) -> Self {
        self.fields = fields;
        self
    }

    const fn or_creation(mut self) -> Self {
        self.from_creation = true;
        self
    }

    fn read<'a>(&self, status: &'a Value) -> Option<&'a str> {
        let blamed = |(kind, wanted): &(&str, &str)| {
            let found = conditions(status).find(|c| c.kind == *kind && c.status == *wanted && !c.since.is_empty());
            found.map(|condition| condition.since)
        };
        let of_condition = self.conditions.iter().find_map(blamed);
        of_condition.or_else(|| self.fields.iter().find_map(|field| status.get(*field)?.as_str()))
    }
}
