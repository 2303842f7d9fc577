//! Kubernetes manifests that scenarios put into git.

use std::fmt;

use serde_json::{Map, Value, json};

mod yaml;

/// A manifest; its `Display` is block-style YAML that ends with a newline.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest(Value);

/// A Namespace.
pub fn namespace(name: &str) -> Manifest {
    Manifest::new("v1", "Namespace", name)
}

/// A ConfigMap with these entries.
pub fn configmap(name: &str, data: &[(&str, &str)]) -> Manifest {
    Manifest::new("v1", "ConfigMap", name).with("data", strings(data))
}

/// An Opaque Secret with these entries as `stringData`.
pub fn secret(name: &str, data: &[(&str, &str)]) -> Manifest {
    Manifest::new("v1", "Secret", name).with("type", json!("Opaque")).with("stringData", strings(data))
}

/// A Service with one TCP port for the pods of the Deployment of the same name.
pub fn service(name: &str, port: u16) -> Manifest {
    let ports = json!([{ "name": "http", "port": port, "protocol": "TCP", "targetPort": port }]);
    Manifest::new("v1", "Service", name).with("spec", json!({ "selector": { "app": name }, "ports": ports }))
}

/// A Deployment with one container, whose pods have the label `app`: its name.
pub fn deployment(name: &str, replicas: u32, image: &str) -> Manifest {
    let labels = json!({ "app": name });
    let containers = json!([{ "name": name, "image": image, "ports": [{ "containerPort": 8080, "protocol": "TCP" }] }]);
    let template = json!({ "metadata": { "labels": labels }, "spec": { "containers": containers } });
    let spec = json!({ "replicas": replicas, "selector": { "matchLabels": labels }, "template": template });
    Manifest::new("apps/v1", "Deployment", name).with("spec", spec)
}

/// A Job with one container, which fake nodes complete at once.
pub fn job(name: &str, image: &str) -> Manifest {
    let pod = json!({ "restartPolicy": "Never", "containers": [{ "name": name, "image": image }] });
    Manifest::new("batch/v1", "Job", name).with("spec", json!({ "template": { "spec": pod } }))
}

/// One file of several documents.
pub fn documents(manifests: &[Manifest]) -> String {
    manifests.iter().map(Manifest::to_string).collect::<Vec<String>>().join("---\n")
}

impl Manifest {
    /// A manifest of any kind with nothing but a name.
    pub fn new(api_version: &str, kind: &str, name: &str) -> Self {
        Self(json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name } }))
    }

    /// The same in a namespace.
    #[must_use]
    pub fn in_namespace(self, namespace: &str) -> Self {
        self.with("metadata.namespace", json!(namespace))
    }

    /// The same with one more label.
    #[must_use]
    pub fn label(self, key: &str, value: &str) -> Self {
        self.metadata_entry("labels", key, value)
    }

    /// The same with one more annotation.
    #[must_use]
    pub fn annotation(self, key: &str, value: &str) -> Self {
        self.metadata_entry("annotations", key, value)
    }

    /// The same with `value` at a path of map keys such as `spec.strategy.type`; maps on the way are made.
    #[must_use]
    pub fn with(mut self, path: &str, value: Value) -> Self {
        let mut place = &mut self.0;
        for key in path.split('.') {
            place = entry(place, key);
        }
        *place = value;
        self
    }

    /// The manifest as JSON.
    pub fn to_json(&self) -> Value {
        self.0.clone()
    }

    /// The manifest as YAML, the same as `to_string`.
    pub fn to_yaml(&self) -> String {
        self.to_string()
    }

    fn metadata_entry(mut self, map: &str, key: &str, value: &str) -> Self {
        *entry(entry(entry(&mut self.0, "metadata"), map), key) = json!(value);
        self
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&yaml::block(&self.0))
    }
}

fn strings(entries: &[(&str, &str)]) -> Value {
    entries.iter().map(|&(key, value)| (key.to_owned(), Value::from(value))).collect::<Map<String, Value>>().into()
}

/// The entry of that key in what is or becomes a map.
fn entry<'a>(place: &'a mut Value, key: &str) -> &'a mut Value {
    if !place.is_object() {
        *place = json!({});
    }
    &mut place[key]
}
