//! What a tree needs of an object; everything else of it is let go.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::links;
use crate::health::{self, Health};
use crate::manifest::{ResourceKey, annotation, group_of, label, version_of};
use crate::ownership::{MANAGED, TRACKING_ID};
use crate::time::Timestamp;

/// An object in slim form.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Member {
    /// What names it.
    pub key: ResourceKey,
    /// Version that it was read in.
    pub version: String,
    /// Its uid.
    pub uid: String,
    /// Who owns it.
    pub owners: Vec<Owner>,
    /// `None` for kinds without a check, and where only metadata was read.
    pub health: Option<Health>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// What else is worth a word.
    pub info: Vec<Info>,
    /// Images of its containers.
    pub images: Vec<String>,
    /// Addresses at which it is reached from outside.
    pub external_urls: Vec<String>,
    /// Whether some application, ours or Argo CD's, claims it.
    pub claimed: bool,
    /// Of a StatefulSet: names of its claim templates.
    pub claims: Vec<String>,
    /// Of a token Secret: its ServiceAccount.
    pub service_account: Option<String>,
}

/// An entry of ownerReferences. The owner is in the object's namespace, or in none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
}

/// A word about an object: `Containers`, `1/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// What it is about.
    pub name: String,
    /// What there is to say.
    pub value: String,
}

// === impl Member ===

impl Member {
    /// From an object with `apiVersion` and `kind`, or of its metadata alone.
    pub fn of(object: &Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let api_version = text("/apiVersion");
        let key = ResourceKey::of(object);
        Self {
            version: version_of(&api_version).to_owned(),
            uid: text("/metadata/uid"),
            owners: owners(object),
            health: is_whole(object).then(|| health::assess(object)).flatten(),
            created_at: text("/metadata/creationTimestamp").parse().ok(),
            info: info(&key, object),
            images: images(&key, object),
            external_urls: links::of(&key, object),
            claimed: annotation(object, TRACKING_ID).is_some() || label(object, MANAGED) == Some("true"),
            claims: claim_templates(&key, object),
            service_account: annotation(object, "kubernetes.io/service-account.name")
                .filter(|_| key.is_secret())
                .map(str::to_owned),
            key,
        }
    }

    /// Whether it is of this group and kind.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.key.group == group && self.key.kind == kind
    }
}

/// Metadata alone says nothing of how an object does, except that it is being deleted.
fn is_whole(object: &Value) -> bool {
    let fields = object.as_object().map(|fields| fields.keys().map(String::as_str).collect::<Vec<_>>());
    let deleting = object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null());
    deleting || fields.is_some_and(|fields| fields.iter().any(|f| !["apiVersion", "kind", "metadata"].contains(f)))
}

fn each(object: &Value, list: &str, field: &str) -> Vec<String> {
    let items = object.pointer(list).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.get(field)?.as_str()).map(str::to_owned).collect()
}

/// Who owns an object.
pub fn owners(object: &Value) -> Vec<Owner> {
    let references = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let owner = |reference: &Value| Owner {
        group: group_of(&text(reference, "apiVersion")).to_owned(),
        kind: text(reference, "kind"),
        name: text(reference, "name"),
        uid: text(reference, "uid"),
    };
    references.into_iter().flatten().map(owner).collect()
}

fn claim_templates(key: &ResourceKey, object: &Value) -> Vec<String> {
    if key.group != "apps" || key.kind != "StatefulSet" {
        return Vec::new();
    }
    let templates = object.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array).into_iter().flatten();
    templates.filter_map(|one| one.pointer("/metadata/name")?.as_str()).map(str::to_owned).collect()
}

/// Of Pods: what runs. What only might run is the business of whoever makes them.
fn images(key: &ResourceKey, object: &Value) -> Vec<String> {
    if !key.group.is_empty() || key.kind != "Pod" {
        return Vec::new();
    }
    let mut images = each(object, "/spec/initContainers", "image");
    images.extend(each(object, "/spec/containers", "image"));
    images.sort();
    images.dedup();
    images
}

fn info(key: &ResourceKey, object: &Value) -> Vec<Info> {
    match (key.group.as_str(), key.kind.as_str()) {
        ("", "Pod") => pod(object),
        ("apps", "ReplicaSet") => {
            let revision = annotation(object, "deployment.kubernetes.io/revision");
            revision.map(|revision| word("Revision", revision)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn pod(object: &Value) -> Vec<Info> {
    let mut words = Vec::new();
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(reason) = waiting(object).or_else(|| text("/status/reason")).or_else(|| text("/status/phase")) {
        words.push(word("Status", reason));
    }
    let statuses = object.pointer("/status/containerStatuses").and_then(Value::as_array);
    if let Some(statuses) = statuses {
        let ready = statuses.iter().filter(|status| status["ready"] == true).count();
        words.push(word("Containers", &format!("{ready}/{}", statuses.len())));
        let restarts: u64 = statuses.iter().filter_map(|status| status["restartCount"].as_u64()).sum();
        if restarts > 0 {
            words.push(word("Restarts", &restarts.to_string()));
        }
    }
    words.extend(text("/spec/nodeName").map(|node| word("Node", node)));
    words
}

/// Why the first container that waits does.
fn waiting(object: &Value) -> Option<&str> {
    let statuses = object.pointer("/status/containerStatuses")?.as_array()?;
    statuses.iter().find_map(|status| status.pointer("/state/waiting/reason")?.as_str())
}

fn word(name: &str, value: &str) -> Info {
    Info { name: name.to_owned(), value: value.to_owned() }
}
