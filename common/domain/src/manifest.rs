//! One Kubernetes object as data, and its key.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::{Digest, DigestKey};

/// A kind without its version: what Kubernetes treats as one kind of thing whatever version it is read in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKind {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind, as in manifests.
    pub kind: String,
}

/// What names one object in one cluster. The version is not part of it: the same object is read in several versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceKey {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind, as in manifests.
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects and, in a bundle, for namespaced ones that leave it to the application's destination.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// A manifest in canonical, target-neutral form (see [`crate::canonical`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// `group/version`, or `version` for the core group.
    pub api_version: String,
    /// Its key; the namespace is as written.
    pub key: ResourceKey,
    /// The whole object.
    pub value: Value,
}

// === impl ResourceKey ===

impl ResourceKey {
    /// What an object with `apiVersion` and `kind` is named by; empty where it does not say.
    pub fn of(object: &Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        Self {
            group: group_of(text("/apiVersion")).to_owned(),
            kind: text("/kind").to_owned(),
            namespace: text("/metadata/namespace").to_owned(),
            name: text("/metadata/name").to_owned(),
        }
    }

    /// The key with the namespace filled in, where the object is namespaced and leaves it open.
    pub fn in_namespace(mut self, default: &str, namespaced: bool) -> Self {
        if !namespaced {
            self.namespace.clear();
        } else if self.namespace.is_empty() {
            default.clone_into(&mut self.namespace);
        }
        self
    }

    /// Group and kind.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.group.clone(), kind: self.kind.clone() }
    }

    /// Whether it is a Secret of the core group, whose contents are sealed, masked and digested under a key.
    pub fn is_secret(&self) -> bool {
        self.group.is_empty() && self.kind == "Secret"
    }
}

/// `apps/Deployment shop/web`, `Namespace shop`: as errors, plans and tables write it.
impl std::fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.group.is_empty() {
            write!(f, "{}/", self.group)?;
        }
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

impl std::fmt::Display for GroupKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.group.is_empty() { f.write_str(&self.kind) } else { write!(f, "{}.{}", self.kind, self.group) }
    }
}

// === impl Manifest ===

impl Manifest {
    /// The bytes that are hashed, stored and sent: JSON without spaces, keys sorted by bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical_bytes(&self.value)
    }

    /// Its address: keyed for Secrets, plain for everything else.
    pub fn digest(&self, key: &DigestKey) -> Digest {
        let bytes = self.to_bytes();
        if self.key.is_secret() { Digest::keyed(key, &bytes) } else { Digest::of(&bytes) }
    }

    /// An annotation's value.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        annotation(&self.value, name)
    }
}

/// `metadata.annotations[name]` of any object.
pub fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(name)?.as_str()
}

/// `metadata.labels[name]` of any object.
pub fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(name)?.as_str()
}

/// The API group of an `apiVersion`.
pub fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// The version of an `apiVersion`.
pub fn version_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or(api_version, |(_, version)| version)
}

/// JSON without spaces, keys sorted by bytes, whatever order the map type keeps.
pub fn canonical_bytes(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write_canonical(value, &mut out);
    out
}

/// [`canonical_bytes`] of a type of this crate.
pub(crate) fn canonical_bytes_of(value: &impl Serialize) -> Vec<u8> {
    canonical_bytes(&value_of(value))
}

/// A type of this crate as JSON. It cannot fail, whatever the value: the keys of its maps are text, and none of its fields refuses to be written.
pub(crate) fn value_of(value: &impl Serialize) -> Value {
    let value = serde_json::to_value(value);
    debug_assert!(value.is_ok(), "a type that cannot be JSON: {value:?}");
    value.unwrap_or_default()
}

/// A type of this crate as JSON in the order of its fields. It cannot fail, for the same reason as [`value_of`].
pub(crate) fn bytes_of(value: &impl Serialize) -> Vec<u8> {
    let bytes = serde_json::to_vec(value);
    debug_assert!(bytes.is_ok(), "a type that cannot be JSON: {bytes:?}");
    bytes.unwrap_or_default()
}

fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(map) => write_object(map, out),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_canonical(item, out);
            }
            out.push(b']');
        }
        leaf => out.extend_from_slice(leaf.to_string().as_bytes()),
    }
}

fn write_object(map: &Map<String, Value>, out: &mut Vec<u8>) {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort_unstable();
    out.push(b'{');
    for (i, key) in keys.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(Value::from(key.as_str()).to_string().as_bytes());
        out.push(b':');
        write_canonical(&map[key], out);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn canonical_bytes_sort_keys_and_keep_numbers() {
        let value = json!({"b": 1, "a": {"d": 9_007_199_254_740_993_u64, "c": [1.5, null, "x\n"]}});
        assert_eq!(canonical_bytes(&value), br#"{"a":{"c":[1.5,null,"x\n"],"d":9007199254740993},"b":1}"#);
    }

    #[test]
    fn a_key_reads_as_people_write_it() {
        let key = |group: &str, namespace: &str| ResourceKey {
            group: group.into(),
            kind: "Deployment".into(),
            namespace: namespace.into(),
            name: "web".into(),
        };
        assert_eq!(key("apps", "shop").to_string(), "apps/Deployment shop/web");
        assert_eq!(key("", "").to_string(), "Deployment web");
        assert_eq!(key("apps", "").in_namespace("shop", true).namespace, "shop");
        assert_eq!(key("apps", "own").in_namespace("shop", true).namespace, "own");
        assert_eq!(key("apps", "own").in_namespace("shop", false).namespace, "");
    }
}
