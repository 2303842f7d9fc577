//! What a new object of an action must be, and must not carry along from the one that it was made of.

use serde_json::{Value, json};

use super::Error;
use crate::ownership::{INSTALLATION_ID, MANAGED, TRACKING_ID};

/// Written by the apiserver, or names the object that was copied.
const NOT_ITS_OWN: &[&str] =
    &["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink", "deletionTimestamp"];
/// Of the copied object: with them the new one would count as git's, and be pruned.
const CLAIMS: &[&str] = &[TRACKING_ID, INSTALLATION_ID, "kubectl.kubernetes.io/last-applied-configuration"];

/// Makes a new object fit to be created: its kind and a name are there, nothing claims that it comes from git, its namespace is the object's where it names none.
///
/// # Errors
/// When kind, version or name are missing.
pub fn created(new: &mut Value, object: &Value) -> Result<(), Error> {
    for field in ["apiVersion", "kind"] {
        if new.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(Error::Object(format!("the new object has no {field}")));
        }
    }
    let namespace = object.pointer("/metadata/namespace").cloned();
    let Some(map) = new.as_object_mut() else { return Err(Error::Object("the new object is no object".to_owned())) };
    map.remove("status");
    let Some(metadata) = map.entry("metadata").or_insert_with(|| json!({})).as_object_mut() else {
        return Err(Error::Object("the new object's metadata is no object".to_owned()));
    };
    metadata.retain(|name, _| !NOT_ITS_OWN.contains(&name.as_str()));
    let named = |field: &str| metadata.get(field).and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if !named("name") && !named("generateName") {
        return Err(Error::Object("the new object has no name".to_owned()));
    }
    if !named("namespace")
        && let Some(namespace) = namespace
    {
        metadata.insert("namespace".to_owned(), namespace);
    }
    for map in ["annotations", "labels"] {
        if let Some(Value::Object(marks)) = metadata.get_mut(map) {
            marks.retain(|name, _| !CLAIMS.contains(&name.as_str()) && name != MANAGED);
        }
    }
    Ok(())
}
