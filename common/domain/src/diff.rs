//! What git says against what is there, field by field, for people.
//!
//! The agent decides by what the apiserver answers (`projection`), never by this: here is what a person reads. Only fields that git names are compared, and
//! those that the last apply named and git no longer does. Elements of lists that Kubernetes merges by key are found by their key; elements that others added
//! are not differences. What Kubernetes writes otherwise than it was told (quantities, empty lists, a port's protocol) is the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::manifest::{annotation, group_of};
use crate::ownership::MANAGED;

mod answers;
mod lists;
mod mask;
mod quantity;

pub use answers::{Compared, compare_answers, compare_clusters};

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Its path, as `spec.template.spec.containers[name=web].image`.
    pub path: String,
    /// What git says; absent where git no longer names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<Value>,
    /// What is there; absent where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Value>,
}

/// The most differences of one object: more are no help.
pub const MAX_DIFFERENCES: usize = 200;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// What the server writes by itself.
const SERVER: &[&str] =
    &["creationTimestamp", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];
/// What the agent adds to what git says.
const OURS: &[&str] = &["argocd.argoproj.io/tracking-id", "argocd.argoproj.io/installation-id", LAST_APPLIED];

/// Compares an object of git with the live one: nothing for none. The values of a Secret are masked: equal ones look equal, different ones different.
pub fn compare(desired: &Value, live: &Value) -> Vec<Difference> {
    let previous = annotation(live, LAST_APPLIED).and_then(|text| serde_json::from_str::<Value>(text).ok());
    compare_with(desired, live, previous)
}

/// The same; `previous` names what was applied before.
fn compare_with(desired: &Value, live: &Value, previous: Option<Value>) -> Vec<Difference> {
    let (mut desired, mut live, mut previous) = (desired.clone(), live.clone(), previous);
    for object in [Some(&mut desired), Some(&mut live), previous.as_mut()].into_iter().flatten() {
        fold_strings(object);
    }
    mask::secrets([Some(&mut desired), Some(&mut live), previous.as_mut()]);
    let group = group_of(live.get("apiVersion").and_then(Value::as_str).unwrap_or_default()).to_owned();
    let mut found = Walk { merges: lists::are_merged(&group), found: Vec::new() };
    for (name, value) in desired.as_object().into_iter().flatten() {
        if !["apiVersion", "kind", "status"].contains(&name.as_str()) {
            found.field(name, value, live.get(name), previous.as_ref().and_then(|p| p.get(name)));
        }
    }
    found.found
}

/// What names an element of a list that Kubernetes merges by key (`name=web`), by the list's field; `None` for lists that are a whole.
pub fn name_in_list(field: &str, one: &[Value], other: &[Value], element: &Value) -> Option<String> {
    lists::keys_of(field, one, other).map(|keys| lists::name_of(element, keys))
}

/// Masks the values of one Secret, as [`compare`] does; any other object stays as it is.
pub fn mask_secret(object: &mut Value) {
    mask::secrets([Some(object)]);
}

/// `stringData` is written into `data` by the server.
fn fold_strings(object: &mut Value) {
    if object.get("kind").and_then(Value::as_str) != Some("Secret") {
        return;
    }
    if let Some(Value::Object(strings)) = object.as_object_mut().and_then(|o| o.remove("stringData")) {
        let Some(object) = object.as_object_mut() else { return };
        let data = object.entry("data").or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(data) = data else { return };
        for (key, value) in strings {
            if let Some(text) = value.as_str() {
                data.insert(key, Value::from(mask::base64(text.as_bytes())));
            }
        }
    }
}

struct Walk {
    merges: bool,
    found: Vec<Difference>,
}

// === impl Walk ===

impl Walk {
    fn field(&mut self, path: &str, desired: &Value, live: Option<&Value>, previous: Option<&Value>) {
        if self.found.len() >= MAX_DIFFERENCES {
            return;
        }
        match (desired, live) {
            (desired, None | Some(Value::Null)) if is_empty(desired) => {}
            (desired, None) => self.push(path, Some(desired), None),
            (Value::Object(wanted), Some(Value::Object(have))) => {
                self.map(path, wanted, have, previous.and_then(Value::as_object));
            }
            (Value::Array(wanted), Some(Value::Array(have))) => {
                self.list(path, wanted, have, previous.and_then(Value::as_array));
            }
            (desired, Some(live)) if desired == live || quantity::same(path, desired, live) => {}
            (desired, Some(live)) if is_empty(desired) && is_empty(live) => {}
            (desired, Some(live)) => self.push(path, Some(desired), Some(live)),
        }
    }

    fn map(
        &mut self,
        path: &str,
        wanted: &Map<String, Value>,
        have: &Map<String, Value>,
        before: Option<&Map<String, Value>>,
    ) {
        let skips = |name: &str| {
            (path == "metadata" && SERVER.contains(&name))
                || (path == "metadata.annotations" && OURS.contains(&name))
                || (path == "metadata.labels" && name == MANAGED)
        };
        for (name, value) in wanted.iter().filter(|(name, _)| !skips(name)) {
            self.field(&child(path, name), value, have.get(name), before.and_then(|before| before.get(name)));
        }
        let dropped = before.into_iter().flatten().filter(|(name, _)| !wanted.contains_key(*name) && !skips(name));
        for (name, _) in dropped {
            if let Some(live) = have.get(name).filter(|live| !is_empty(live)) {
                self.push(&child(path, name), None, Some(live));
            }
        }
    }

    fn list(&mut self, path: &str, wanted: &[Value], have: &[Value], before: Option<&Vec<Value>>) {
        let Some(keys) = self.merges.then(|| lists::keys_of(path, wanted, have)).flatten() else {
            let same = wanted.len() == have.len() && wanted.iter().zip(have).all(|(w, h)| lists::covers(w, h));
            if !same {
                self.push(path, Some(&Value::Array(wanted.to_vec())), Some(&Value::Array(have.to_vec())));
            }
            return;
        };
        let index = |list: &[Value]| -> BTreeMap<String, Value> {
            list.iter().map(|element| (lists::name_of(element, keys), element.clone())).collect()
        };
        let (live, earlier) = (index(have), before.map(|before| index(before)).unwrap_or_default());
        let named = index(wanted);
        for (name, element) in &named {
            self.field(&format!("{path}[{name}]"), element, live.get(name), earlier.get(name));
        }
        for name in earlier.keys().filter(|name| !named.contains_key(*name)) {
            if let Some(live) = live.get(name) {
                self.push(&format!("{path}[{name}]"), None, Some(live));
            }
        }
    }

    fn push(&mut self, path: &str, desired: Option<&Value>, live: Option<&Value>) {
        if self.found.len() < MAX_DIFFERENCES {
            self.found.push(Difference { path: path.to_owned(), desired: desired.cloned(), live: live.cloned() });
        }
    }
}

fn child(path: &str, name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if plain { format!("{path}.{name}") } else { format!("{path}['{name}']") }
}

/// Absent, null and empty are the same to Kubernetes' own serialization.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
        Value::Bool(flag) => !flag,
        Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests;
