//! JSON merge patches: between two states of one object, and what guards one.

use serde_json::{Map, Value, json};

/// Metadata that the apiserver writes: no change of an action.
const SERVERS: &[&str] =
    &["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink", "deletionTimestamp"];

/// The merge patch that makes `after` of `before`; an empty object when nothing changed. What the apiserver writes in `metadata`, and `apiVersion` and `kind`,
/// are never part of it. Null and absent are the same.
pub fn between(before: &Value, after: &Value) -> Value {
    let mut patch = difference(before, after).unwrap_or_else(|| json!({}));
    if let Some(map) = patch.as_object_mut() {
        map.retain(|name, _| name != "apiVersion" && name != "kind");
        if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
            metadata.retain(|name, _| !SERVERS.contains(&name.as_str()));
            if metadata.is_empty() {
                map.remove("metadata");
            }
        }
    }
    patch
}

/// Adds what keeps the patch from an object of the same name that was made since, and, where it replaces a list, from a list that changed since.
pub(super) fn guard(patch: &mut Value, object: &Value) {
    let metadata = |field: &str| object.pointer("/metadata").and_then(|m| m.get(field)).cloned();
    let has_list = has_list(patch);
    let Some(map) = patch.as_object_mut() else { return };
    let Some(own) = map.entry("metadata").or_insert_with(|| json!({})).as_object_mut() else { return };
    if let Some(uid) = metadata("uid") {
        own.insert("uid".to_owned(), uid);
    }
    if let Some(version) = metadata("resourceVersion").filter(|_| has_list) {
        own.insert("resourceVersion".to_owned(), version);
    }
}

/// As [`guard`], of a script's patch.
pub fn guarded(mut patch: Value, object: &Value) -> Value {
    guard(&mut patch, object);
    patch
}

/// Whether a patch changes nothing.
pub fn is_empty(patch: &Value) -> bool {
    patch.as_object().is_some_and(Map::is_empty)
}

/// A patch in two: of the object, and of its status. Both keep the guards; either is absent when it would change nothing.
pub fn split_status(patch: &Value) -> (Option<Value>, Option<Value>) {
    let Some(map) = patch.as_object() else { return (None, None) };
    let mut main = map.clone();
    let status = main.remove("status");
    let guards = Map::from_iter(map.get("metadata").and_then(Value::as_object).into_iter().flat_map(|metadata| {
        let kept = ["uid", "resourceVersion"].into_iter();
        kept.filter_map(|name| metadata.get(name).map(|value| (name.to_owned(), value.clone())))
    }));
    let changes = |(name, value): (&String, &Value)| name != "metadata" || value.as_object() != Some(&guards);
    let main = main.iter().any(changes).then(|| Value::Object(main.clone()));
    (main, status.map(|status| json!({"metadata": guards, "status": status})))
}

fn difference(before: &Value, after: &Value) -> Option<Value> {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return (before != after).then(|| after.clone());
    };
    let mut patch = Map::new();
    for (name, value) in new.iter().filter(|(_, value)| !value.is_null()) {
        match old.get(name).filter(|value| !value.is_null()) {
            None => drop(patch.insert(name.clone(), value.clone())),
            Some(was) => {
                if let Some(changed) = difference(was, value) {
                    patch.insert(name.clone(), changed);
                }
            }
        }
    }
    let gone = |name: &String| new.get(name).is_none_or(Value::is_null);
    for (name, _) in old.iter().filter(|(name, value)| !value.is_null() && gone(name)) {
        patch.insert(name.clone(), Value::Null);
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn has_list(value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(map) => map.values().any(has_list),
        _ => false,
    }
}
