//! Taking over what another applier owned of an object, as kubectl does when it moves from client-side to server-side apply.
//!
//! A forced apply alone makes us an owner beside the old one; a field that git drops later would stay, because the old applier still owns it. So its entry
//! in `managedFields` is made ours first: then what it set and git does not name goes with our apply, `kubectl.kubernetes.io/last-applied-configuration`
//! among it.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Map, Value, json};
use windlass_domain::discovery::ApiResource;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::projection::MANAGER;

use super::super::client::{Body, Error, write};
use crate::observe::{Cluster, look, path};

/// Whose entries are taken: manager and operation.
const APPLIERS: [(&str, &str); 6] = [
    ("kubectl-client-side-apply", "Update"),
    ("kubectl", "Update"),
    ("kubectl", "Apply"),
    ("argocd-controller", "Update"),
    ("argocd-controller", "Apply"),
    // Our own replaces.
    (MANAGER, "Update"),
];
/// Somebody may write between our look and our patch.
const TRIES: usize = 4;

/// Makes the entries of known appliers ours, and says whose they were. Does nothing to an object that is not there or that none of them owns.
pub(super) async fn take_over(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
) -> Result<Vec<String>, Error> {
    let mut tries = 1;
    loop {
        let live = look::get(cluster, resource, key).await;
        let Some(live) = live.map_err(|error| Error::of(key, error))? else { return Ok(vec![]) };
        let Some(patch) = patch_for(&live) else { return Ok(vec![]) };
        let path = format!("{}?fieldManager={MANAGER}", path::object(resource, &key.namespace, &key.name));
        match write(cluster, key, Method::PATCH, &path, Body::JsonPatch(&patch)).await {
            Err(error) if error.is_conflict() && tries < TRIES => tries += 1,
            done => return done.map(|_| appliers_of(&live)),
        }
    }
}

/// The appliers that own something of an object, by name.
fn appliers_of(live: &Value) -> Vec<String> {
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    let appliers = entries.into_iter().flatten().filter(|entry| is_appliers(entry));
    let names: BTreeSet<&str> = appliers.filter_map(|entry| entry.get("manager")?.as_str()).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The JSON patch; `None` when there is nothing to take. It replaces the resource version by the one that was seen, which the apiserver refuses with a
/// conflict when it is no longer that.
fn patch_for(live: &Value) -> Option<Value> {
    let entries = live.pointer("/metadata/managedFields")?.as_array()?;
    let version = live.pointer("/metadata/resourceVersion")?;
    let taken = merged(entries)?;
    Some(json!([
        {"op": "replace", "path": "/metadata/managedFields", "value": taken},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
    ]))
}

/// The entries with those of appliers merged into ours; `None` when there are none. Entries of other versions of the kind stay as they are: their fields may
/// have other names.
fn merged(entries: &[Value]) -> Option<Vec<Value>> {
    let first = entries.iter().find(|entry| is_appliers(entry))?;
    let base = entries.iter().find(|entry| is_ours(entry)).unwrap_or(first);
    let is_taken = |entry: &Value| is_appliers(entry) && entry.get("apiVersion") == base.get("apiVersion");
    let mut fields = base.get("fieldsV1")?.clone();
    for entry in entries.iter().filter(|entry| is_taken(entry)) {
        union(&mut fields, entry.get("fieldsV1")?);
    }
    let mut ours = base.as_object()?.clone();
    ours.insert("manager".into(), Value::from(MANAGER));
    ours.insert("operation".into(), Value::from("Apply"));
    ours.insert("fieldsV1".into(), fields);
    let rest = entries.iter().filter(|entry| !is_taken(entry) && !is_ours(entry)).cloned();
    let all: Vec<Value> = std::iter::once(Value::Object(ours)).chain(rest).collect();
    // Only an applier's entry of another version was there, beside ours.
    (all.len() < entries.len() || !entries.iter().any(is_ours)).then_some(all)
}

fn is_ours(entry: &Value) -> bool {
    is_of(entry, MANAGER, "Apply")
}

fn is_appliers(entry: &Value) -> bool {
    APPLIERS.iter().any(|(manager, operation)| is_of(entry, manager, operation))
}

fn is_of(entry: &Value, manager: &str, operation: &str) -> bool {
    let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
    text("manager") == manager && text("operation") == operation && text("subresource").is_empty()
}

/// The union of two sets of fields. A member without children is itself in the set; one with children is only where it has `.`.
fn union(into: &mut Value, other: &Value) {
    let (Value::Object(into), Value::Object(other)) = (into, other) else { return };
    let is_leaf = |set: &Map<String, Value>| set.is_empty();
    match (is_leaf(into), is_leaf(other)) {
        (true, true) => return,
        (true, false) | (false, true) => {
            into.insert(".".into(), json!({}));
        }
        (false, false) => {}
    }
    for (member, below) in other {
        match into.get_mut(member) {
            Some(have) => union(have, below),
            None => {
                into.insert(member.clone(), below.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    fn live(entries: &[Value]) -> Value {
        json!({"metadata": {"resourceVersion": "7", "managedFields": entries}})
    }

    #[test]
    fn what_kubectl_applied_becomes_ours_and_what_controllers_own_stays() {
        let kubectl = entry("kubectl-client-side-apply", "Update", &json!({"f:data": {".": {}, "f:a": {}}}));
        let controller = entry("kube-controller-manager", "Update", &json!({"f:status": {}}));
        let patch = patch_for(&live(&[kubectl, controller.clone()])).expect("a patch");
        let ours = entry("windlass", "Apply", &json!({"f:data": {".": {}, "f:a": {}}}));
        assert_eq!(
            patch,
            json!([{"op": "replace", "path": "/metadata/managedFields", "value": [ours, controller]},
                {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}])
        );
    }

    #[test]
    fn several_appliers_become_one_entry() {
        let argo = entry("argocd-controller", "Apply", &json!({"f:data": {"f:b": {}}, "f:spec": {}}));
        let kubectl =
            entry("kubectl-client-side-apply", "Update", &json!({"f:data": {"f:a": {}}, "f:spec": {"f:x": {}}}));
        let ours = entry("windlass", "Apply", &json!({"f:data": {"f:c": {}}}));
        let patch = patch_for(&live(&[argo, ours, kubectl])).expect("a patch");
        let entries = patch.pointer("/0/value").and_then(Value::as_array).expect("entries");
        let fields = json!({"f:data": {"f:a": {}, "f:b": {}, "f:c": {}}, "f:spec": {".": {}, "f:x": {}}});
        assert_eq!(*entries, [entry("windlass", "Apply", &fields)]);
    }

    #[test]
    fn nothing_is_patched_where_no_applier_owns_anything() {
        let mut scaled = entry("kubectl", "Update", &json!({"f:spec": {"f:replicas": {}}}));
        scaled["subresource"] = json!("scale");
        let edited = entry("kubectl-edit", "Update", &json!({"f:spec": {}}));
        let ours = entry("windlass", "Apply", &json!({"f:spec": {}}));
        assert_eq!(patch_for(&live(&[scaled, edited, ours.clone()])), None);
        let mut other_version = entry("kubectl-client-side-apply", "Update", &json!({"f:spec": {}}));
        other_version["apiVersion"] = json!("v2");
        assert_eq!(patch_for(&live(&[other_version, ours])), None);
        assert_eq!(patch_for(&json!({"metadata": {}})), None);
    }
}
