//! Which lists Kubernetes merges by key, and by which keys.

use serde_json::Value;

/// Field name, and the keys of its elements. From the `x-kubernetes-list-map-keys` of Kubernetes' own kinds.
const MERGED: &[(&str, &[&str])] = &[
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("volumes", &["name"]),
    ("env", &["name"]),
    ("imagePullSecrets", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("hostAliases", &["ip"]),
    ("resourceClaims", &["name"]),
    ("schedulingGates", &["name"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("webhooks", &["name"]),
    ("secrets", &["name"]),
    ("ownerReferences", &["uid"]),
    ("taints", &["key", "effect"]),
    ("volumeClaimTemplates", &["metadata.name"]),
];

/// Custom kinds say in their schema which lists are merged; without it a list is a whole, as the apiserver treats it.
pub(super) fn are_merged(group: &str) -> bool {
    !group.contains('.') || group.ends_with(".k8s.io")
}

/// The keys of a list's elements; `None` for a list that is a whole.
pub(super) fn keys_of(path: &str, wanted: &[Value], have: &[Value]) -> Option<&'static [&'static str]> {
    let field = path.rsplit('.').next().unwrap_or(path);
    let keys: &'static [&'static str] = match field {
        "ports" if wanted.iter().any(|port| port.get("containerPort").is_some()) => &["containerPort", "protocol"],
        "ports" if wanted.iter().any(|port| port.get("port").is_some()) => &["port", "protocol"],
        field => MERGED.iter().find(|(name, _)| *name == field)?.1,
    };
    let complete = |element: &Value| keys.iter().all(|key| *key == "protocol" || at(element, key).is_some());
    wanted.iter().chain(have).all(complete).then_some(keys)
}

/// An element's name in a path: `name=web`.
pub(super) fn name_of(element: &Value, keys: &[&str]) -> String {
    let part = |key: &&str| {
        let value = match at(element, key) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => "TCP".to_owned(),
        };
        let key = key.rsplit('.').next().unwrap_or(key);
        if key == "protocol" && value == "TCP" { None } else { Some(format!("{key}={value}")) }
    };
    keys.iter().filter_map(part).collect::<Vec<_>>().join(",")
}

/// Whether everything that one value names stands in the other: the server adds defaults to the elements of a list too.
pub(super) fn covers(wanted: &Value, have: &Value) -> bool {
    match (wanted, have) {
        (Value::Object(wanted), Value::Object(have)) => wanted.iter().all(|(name, value)| match have.get(name) {
            Some(have) => covers(value, have),
            None => super::is_empty(value),
        }),
        (Value::Array(wanted), Value::Array(have)) => {
            wanted.len() == have.len() && wanted.iter().zip(have).all(|(w, h)| covers(w, h))
        }
        (wanted, have) => wanted == have || super::is_empty(wanted) && super::is_empty(have),
    }
}

fn at<'a>(element: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(element, |value, name| value.get(name)).filter(|value| !value.is_null())
}
