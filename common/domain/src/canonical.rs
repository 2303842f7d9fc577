//! From any rendered object to the canonical, target-neutral manifest that is hashed, stored and sent.
//!
//! Dropped: what the server owns (`status`, `creationTimestamp`, `managedFields`, `resourceVersion`, `uid`, `generation`, `selfLink`), and what would
//! make a field ours by accident (null or empty `labels` and `annotations`, an empty `caBundle`, `rules` beside an `aggregationRule`). A Secret's
//! `stringData` is folded into `data`, because the server's field set never names `data` otherwise. See `docs/adr/0003-content-addressing.md`.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

use crate::manifest::{Manifest, ResourceKey, group_of};
use crate::traits::GENERATED;

/// The most bytes one manifest may have in canonical form: etcd's default request limit.
pub const MAX_MANIFEST_BYTES: usize = 1_572_864;

/// Why an object is not a manifest that can be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A field that every object needs is absent or of the wrong type.
    #[error("{field} is missing or not {wanted}")]
    Field {
        /// The field's path.
        field: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// Two elements of a list have the key that must be unique in it; the server would refuse the object.
    #[error("{key}: {path} has two elements with {fields}")]
    DuplicateElement {
        /// The object.
        key: ResourceKey,
        /// The list.
        path: String,
        /// The repeated key, as `name="A"`.
        fields: String,
    },
    /// A value of a Secret is no text; the apiserver's own words for it would not name it.
    #[error(
        "{key}: {field} is not a string; quote it (in YAML, yes, no, on, off, y and n are booleans, and digits are numbers)"
    )]
    SecretValue {
        /// The object.
        key: ResourceKey,
        /// The field's path.
        field: String,
    },
    /// Larger than the apiserver accepts.
    #[error("{key} has {bytes} bytes; the apiserver accepts at most {MAX_MANIFEST_BYTES}")]
    TooLarge {
        /// The object.
        key: ResourceKey,
        /// Its size.
        bytes: usize,
    },
}

impl ManifestError {
    /// Never: the same object gives the same error.
    pub fn is_retryable(&self) -> bool {
        false
    }
}

/// Makes the canonical manifest of `object`, or says why it is none.
pub fn canonicalize(mut object: Value) -> Result<Manifest, ManifestError> {
    let (api_version, key) = identify(&object)?;
    if let Some(root) = object.as_object_mut() {
        drop_server_fields(root);
        if key.is_secret() {
            refuse_other_than_text(root, &key)?;
            fold_string_data(root);
        }
        drop_aggregated_rules(root, &key);
        drop_empty_ca_bundles(root, &key);
    }
    refuse_duplicates(&object, &key)?;
    let manifest = Manifest { api_version, key, value: object };
    let bytes = manifest.to_bytes().len();
    if bytes > MAX_MANIFEST_BYTES {
        return Err(ManifestError::TooLarge { key: manifest.key, bytes });
    }
    Ok(manifest)
}

/// Reads back bytes that [`Manifest::to_bytes`] made; nothing is changed.
pub fn read(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|_| ManifestError::Field { field: "the manifest", wanted: "JSON" })?;
    let (api_version, key) = identify(&value)?;
    Ok(Manifest { api_version, key, value })
}

fn identify(object: &Value) -> Result<(String, ResourceKey), ManifestError> {
    let text = |pointer: &str, field: &'static str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .ok_or(ManifestError::Field { field, wanted: "a non-empty string" })
    };
    let api_version = text("/apiVersion", "apiVersion")?;
    let prefix = object.pointer("/metadata/generateName").and_then(Value::as_str).filter(|prefix| !prefix.is_empty());
    let key = ResourceKey {
        group: group_of(api_version).to_owned(),
        kind: text("/kind", "kind")?.to_owned(),
        namespace: optional_text(object, "/metadata/namespace", "metadata.namespace")?.to_owned(),
        name: match (text("/metadata/name", "metadata.name"), prefix) {
            (Ok(name), _) => name.to_owned(),
            // The server completes the name: until then it is shown as its prefix and a star.
            (Err(_), Some(prefix)) => format!("{prefix}{GENERATED}"),
            (Err(error), None) => return Err(error),
        },
    };
    Ok((api_version.to_owned(), key))
}

fn optional_text<'a>(object: &'a Value, pointer: &str, field: &'static str) -> Result<&'a str, ManifestError> {
    match object.pointer(pointer) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(ManifestError::Field { field, wanted: "a string" }),
    }
}

fn drop_server_fields(root: &mut Map<String, Value>) {
    root.remove("status");
    let Some(metadata) = root.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for field in ["creationTimestamp", "managedFields", "resourceVersion", "uid", "generation", "selfLink"] {
        metadata.remove(field);
    }
    for field in ["labels", "annotations", "namespace"] {
        if metadata.get(field).is_some_and(is_empty) {
            metadata.remove(field);
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn refuse_other_than_text(root: &Map<String, Value>, key: &ResourceKey) -> Result<(), ManifestError> {
    for map in ["data", "stringData"] {
        for (name, value) in root.get(map).and_then(Value::as_object).into_iter().flatten() {
            if !value.is_string() && !value.is_null() {
                return Err(ManifestError::SecretValue { key: key.clone(), field: format!("{map}.{name}") });
            }
        }
    }
    Ok(())
}

/// As the apiserver does at a write: a key of `stringData` wins over the same key of `data`. Null values are dropped: they make every re-apply a write.
fn fold_string_data(root: &mut Map<String, Value>) {
    let string_data = root.remove("stringData");
    let mut data = match root.remove("data") {
        Some(Value::Object(data)) => data,
        Some(other) if !other.is_null() => {
            root.insert("data".into(), other);
            return;
        }
        _ => Map::new(),
    };
    if let Some(Value::Object(strings)) = string_data {
        for (name, value) in strings {
            let value = value.as_str().map_or_else(|| value.clone(), |text| Value::from(BASE64.encode(text)));
            data.insert(name, value);
        }
    }
    data.retain(|_, value| !value.is_null());
    if !data.is_empty() {
        root.insert("data".into(), Value::Object(data));
    }
}

/// The aggregation controller writes `rules`; owning them would be an endless fight.
fn drop_aggregated_rules(root: &mut Map<String, Value>, key: &ResourceKey) {
    let aggregated = key.group == "rbac.authorization.k8s.io" && key.kind == "ClusterRole";
    if aggregated && root.get("aggregationRule").is_some_and(|rule| !rule.is_null()) {
        root.remove("rules");
    }
}

/// An empty bundle would be owned as "" and fight the injector that fills it.
fn drop_empty_ca_bundles(root: &mut Map<String, Value>, key: &ResourceKey) {
    let is_blank = |holder: &Map<String, Value>| holder.get("caBundle").is_some_and(is_empty);
    match (key.group.as_str(), key.kind.as_str()) {
        ("admissionregistration.k8s.io", _) => {
            let hooks = root.get_mut("webhooks").and_then(Value::as_array_mut);
            for hook in hooks.into_iter().flatten() {
                if let Some(config) =
                    hook.get_mut("clientConfig").and_then(Value::as_object_mut).filter(|c| is_blank(c))
                {
                    config.remove("caBundle");
                }
            }
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            let config = root.get_mut("spec").and_then(|v| v.pointer_mut("/conversion/webhook/clientConfig"));
            if let Some(config) = config.and_then(Value::as_object_mut).filter(|c| is_blank(c)) {
                config.remove("caBundle");
            }
        }
        ("apiregistration.k8s.io", "APIService") => {
            if let Some(spec) = root.get_mut("spec").and_then(Value::as_object_mut).filter(|s| is_blank(s)) {
                spec.remove("caBundle");
            }
        }
        _ => {}
    }
}

/// The lists of a Pod spec that the server keys, and by what: (list, keys, default of an absent key).
const POD_LISTS: &[(&str, &[&str])] = &[
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("volumes", &["name"]),
    ("imagePullSecrets", &["name"]),
];
const CONTAINER_LISTS: &[(&str, &[&str])] = &[
    ("env", &["name"]),
    ("ports", &["containerPort", "protocol"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
];

fn refuse_duplicates(object: &Value, key: &ResourceKey) -> Result<(), ManifestError> {
    if key.group.is_empty() && key.kind == "Service" {
        unique(object, key, "/spec/ports", &["port", "protocol"])?;
    }
    let pod = match (key.group.as_str(), key.kind.as_str()) {
        ("", "Pod") => "/spec",
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") | ("batch", "Job") => "/spec/template/spec",
        ("batch", "CronJob") => "/spec/jobTemplate/spec/template/spec",
        _ => return Ok(()),
    };
    for (list, keys) in POD_LISTS {
        unique(object, key, &format!("{pod}/{list}"), keys)?;
    }
    for containers in ["containers", "initContainers"] {
        let count = object.pointer(&format!("{pod}/{containers}")).and_then(Value::as_array).map_or(0, Vec::len);
        for index in 0..count {
            for (list, keys) in CONTAINER_LISTS {
                unique(object, key, &format!("{pod}/{containers}/{index}/{list}"), keys)?;
            }
        }
    }
    Ok(())
}

fn unique(object: &Value, key: &ResourceKey, path: &str, fields: &[&str]) -> Result<(), ManifestError> {
    let mut seen = BTreeSet::new();
    for element in object.pointer(path).and_then(Value::as_array).into_iter().flatten() {
        let id: Vec<String> = fields
            .iter()
            .map(|field| {
                let default = if *field == "protocol" { Value::from("TCP") } else { Value::Null };
                format!("{field}={}", element.get(field).cloned().unwrap_or(default))
            })
            .collect();
        if !seen.insert(id.join(", ")) {
            return Err(ManifestError::DuplicateElement {
                key: key.clone(),
                path: path.trim_start_matches('/').replace('/', "."),
                fields: id.join(", "),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canonical(object: Value) -> Value {
        canonicalize(object).expect("a manifest").value
    }

    #[test]
    fn server_fields_and_empty_maps_are_dropped() {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "status": {},
            "metadata": {"name": "a", "creationTimestamp": null, "labels": {}, "annotations": null, "uid": "x"}});
        assert_eq!(canonical(object), json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}));
    }

    #[test]
    fn string_data_is_folded_and_wins() {
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
            "data": {"k": "b2xk", "n": null}, "stringData": {"k": "new"}});
        assert_eq!(canonical(object)["data"], json!({"k": "bmV3"}));
    }

    #[test]
    fn a_secret_value_that_is_no_text_is_named_without_being_shown() {
        let object =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"pin": 1234}});
        let error = canonicalize(object).expect_err("refused").to_string();
        assert!(error.starts_with("Secret a: stringData.pin is not a string") && !error.contains("1234"), "{error}");
    }

    #[test]
    fn aggregated_rules_and_blank_ca_bundles_are_not_ours() {
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a"},
            "aggregationRule": {"clusterRoleSelectors": []}, "rules": []});
        assert!(canonical(role).get("rules").is_none());
        let hook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "a"}, "webhooks": [{"clientConfig": {"caBundle": "", "url": "https://x"}}]});
        assert_eq!(canonical(hook)["webhooks"][0]["clientConfig"], json!({"url": "https://x"}));
    }

    #[test]
    fn duplicate_list_keys_are_named() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
            "spec": {"containers": [{"name": "c", "env": [{"name": "A"}, {"name": "A"}]}]}});
        let error = canonicalize(pod).expect_err("refused").to_string();
        assert_eq!(error, r#"Pod a: spec.containers.0.env has two elements with name="A""#);
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"},
            "spec": {"ports": [{"port": 80}, {"port": 80, "protocol": "TCP"}]}});
        assert!(canonicalize(service).is_err());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for object in [
            json!({}),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}}),
            json!([1]),
            json!({"apiVersion": 1}),
        ] {
            assert!(canonicalize(object).is_err());
        }
    }
}
