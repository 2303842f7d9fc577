//! Since when something is waited for, or wrong, as far as the object itself says: the word that a message ends with.

mod built_in;

use serde_json::Value;

use super::part::{Condition, Part};
use super::{Health, HealthStatus};

/// How deep below `status` conditions are looked for: listeners, parents and members have their own.
const DEEP: usize = 5;
/// When something that runs began.
const BEGAN: &[&str] = &["startTime", "startedAt", "startTimestamp", "phaseTransitionTime"];
/// When something that ended did.
const ENDED: &[&str] = &["completionTime", "completionTimestamp", "finishedAt", "endTime", "phaseTransitionTime"];

/// The health with its time, where the object has one and the rule did not tell it.
pub(super) fn told(health: Health, object: &Value) -> Health {
    with(health, |health| time(health, object))
}

/// The same of one of Kubernetes' own kinds.
pub(super) fn told_of_built_in(health: Health, object: &Value) -> Health {
    with(health, |health| built_in::time(health, object))
}

fn with<'a>(health: Health, time: impl FnOnce(&Health) -> Option<&'a str>) -> Health {
    let matters = matches!(health.status, HealthStatus::Progressing | HealthStatus::Degraded);
    if !matters || health.message.is_empty() || health.message.contains("(since ") {
        return health;
    }
    match time(&health) {
        Some(time) => Health::new(health.status, format!("{} (since {time})", health.message)),
        None => health,
    }
}

fn time<'a>(health: &Health, object: &'a Value) -> Option<&'a str> {
    let status = object.get("status").unwrap_or(&Value::Null);
    if let Some(time) = of_condition(status, &health.message, DEEP) {
        return Some(time);
    }
    if health.message.starts_with("Waiting for ") {
        // It was changed since somebody last looked; or nobody has said anything yet.
        let is_changed = health.message.contains("its controller to look") || health.message.contains("latest change");
        return if is_changed { changed(object) } else { created(object) };
    }
    let times = if health.status == HealthStatus::Degraded { ENDED } else { BEGAN };
    let own = times.iter().find_map(|field| status.get(*field).and_then(Value::as_str));
    own.or_else(|| newest(status.get("conditions")?, "lastTransitionTime"))
}

/// When the condition changed that the message is of.
fn of_condition<'a>(value: &'a Value, message: &str, deep: usize) -> Option<&'a str> {
    let below = deep.checked_sub(1)?;
    match value {
        Value::Array(items) => items.iter().find_map(|item| of_condition(item, message, below)),
        Value::Object(map) => {
            let condition = Condition::of(&Part::of(value)).ok().filter(|condition| !condition.since.is_empty());
            match condition.filter(|condition| condition.words() == message) {
                Some(condition) => Some(condition.since),
                None => map.values().find_map(|inner| of_condition(inner, message, below)),
            }
        }
        _ => None,
    }
}

fn created(object: &Value) -> Option<&str> {
    object.pointer("/metadata/creationTimestamp").and_then(Value::as_str)
}

/// When somebody last changed something else than the status.
fn changed(object: &Value) -> Option<&str> {
    let managers = object.pointer("/metadata/managedFields")?.as_array()?;
    let of_spec = managers.iter().filter(|manager| manager.get("subresource").is_none());
    of_spec.filter_map(|manager| manager.get("time").and_then(Value::as_str)).max()
}

fn newest<'a>(items: &'a Value, field: &str) -> Option<&'a str> {
    items.as_array()?.iter().filter_map(|item| item.get(field).and_then(Value::as_str)).max()
}
