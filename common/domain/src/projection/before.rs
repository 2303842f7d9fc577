//! Comparisons of two whole answers of the server: of a dry run with what is there, of an apply with what was there.

use serde_json::{Map, Value};

use super::field_set::FieldSet;
use super::places::reduced;
use super::project::project;
use super::{MANAGER, ProjectionError};
use crate::ignore::Ignored;

/// Whether an apply would change anything we would own, judged before the first one, when there is no baseline: the forced dry run's own set
/// is projected over its response and over `live`. The response already holds what others own, so no leaf is soft here.
pub fn differs_before_first_apply(dry_run_response: &Value, live: &Value) -> Result<bool, ProjectionError> {
    let Some(fields) = FieldSet::of_entry(dry_run_response, MANAGER)? else { return Ok(false) };
    let tree = fields.tree();
    Ok(project(&tree, dry_run_response).fingerprint() != project(&tree, live).fingerprint())
}

/// The same in everything but what is ignored, and in what `live` says is ours and the apply would give up.
pub fn differs_ignoring(response: (&Value, &Ignored), live: (&Value, &Ignored)) -> Result<bool, ProjectionError> {
    let differs = |of: &Value, ignored: &Ignored| {
        let Some(fields) = FieldSet::of_entry(of, MANAGER)? else { return Ok(false) };
        let tree = if ignored.is_empty() { fields.tree() } else { reduced(&fields, of, ignored).tree() };
        let (one, other) = (response.1.without(response.0), live.1.without(live.0));
        Ok(project(&tree, &one).fingerprint() != project(&tree, &other).fingerprint())
    };
    Ok(differs(response.0, response.1)? || differs(live.0, live.1)?)
}

/// Whether an apply that answered `response` changed anything in the object that the event had shown: then there was real drift and it is
/// corrected; otherwise only ownership was restored, or the alarm was false. `managedFields`, `resourceVersion`, `generation` and `status`
/// do not count: a re-apply moves them without changing anything.
pub fn changed_by_apply(event_object: &Value, response: &Value) -> bool {
    let (Value::Object(before), Value::Object(after)) = (event_object, response) else {
        return event_object != response;
    };
    if !same_except(before, after, &["status", "metadata"]) {
        return true;
    }
    match (before.get("metadata"), after.get("metadata")) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            !same_except(before, after, &["managedFields", "resourceVersion", "generation"])
        }
        (before, after) => before != after,
    }
}

fn same_except(a: &Map<String, Value>, b: &Map<String, Value>, ignored: &[&str]) -> bool {
    let counts = |map: &&Map<String, Value>| map.keys().filter(|name| !ignored.contains(&name.as_str())).count();
    let same = |name: &String, value: &Value| ignored.contains(&name.as_str()) || b.get(name) == Some(value);
    counts(&a) == counts(&b) && a.iter().all(|(name, value)| same(name, value))
}
