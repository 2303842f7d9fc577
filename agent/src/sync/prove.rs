//! Whether something whose deletion takes others along is empty or unused: gathered by a few bounded LISTs, only when such an object left git.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use windlass_domain::discovery::{ApiResource, Discovery};
use windlass_domain::manifest::ResourceKey;

use crate::observe::client::{Error, JSON, METADATA_LIST};
use crate::observe::page::Page;
use crate::observe::{Cluster, look, path};

/// Objects of a kind that are looked at; where there are more, it is in use.
const PAGE: usize = 50;
/// Pods of a namespace that are looked at for a claim; where there are more, it is in use.
const PODS: usize = 500;
/// Kinds that Kubernetes fills by itself, for other objects that count themselves.
const DERIVED: [(&str, &str); 5] = [
    ("", "Event"),
    ("events.k8s.io", "Event"),
    ("", "Endpoints"),
    ("discovery.k8s.io", "EndpointSlice"),
    ("metrics.k8s.io", "PodMetrics"),
];

/// What is asked about.
pub struct Question {
    /// A Namespace, CustomResourceDefinition, PersistentVolume or PersistentVolumeClaim.
    pub key: ResourceKey,
    /// How it is served.
    pub resource: ApiResource,
    /// Objects that leave with it, by uid: they do not count.
    pub leaving: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
    #[serde(default)]
    spec: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    #[serde(default)]
    uid: String,
    deletion_timestamp: Option<String>,
}

/// Whether nothing is in it, nothing is made of it, nothing is bound to it, nothing mounts it.
///
/// # Errors
/// Any question that was not answered: nothing is proved then.
pub async fn is_unused(cluster: &Cluster, discovery: &Discovery, question: &Question) -> Result<bool, Error> {
    match question.key.kind.as_str() {
        "Namespace" => is_empty(cluster, discovery, question).await,
        "CustomResourceDefinition" => has_no_instances(cluster, discovery, question).await,
        "PersistentVolume" => {
            let volume = look::get(cluster, &question.resource, &question.key).await?;
            Ok(volume.is_none_or(|volume| volume.pointer("/spec/claimRef").is_none_or(Value::is_null)))
        }
        "PersistentVolumeClaim" => is_unmounted(cluster, question).await,
        _ => Ok(false),
    }
}

async fn is_empty(cluster: &Cluster, discovery: &Discovery, question: &Question) -> Result<bool, Error> {
    let namespaced = discovery.resources().iter().filter(|resource| resource.namespaced && !is_derived(resource));
    // One version shows the objects of all.
    let kinds: BTreeMap<(&str, &str), &ApiResource> =
        namespaced.map(|resource| ((resource.group.as_str(), resource.kind.as_str()), resource)).collect();
    for resource in kinds.into_values() {
        if holds_others(cluster, resource, Some(&question.key.name), question).await? {
            return Ok(false);
        }
    }
    // What failed discovery may hold anything.
    Ok(discovery.failed_groups.is_empty())
}

async fn has_no_instances(cluster: &Cluster, discovery: &Discovery, question: &Question) -> Result<bool, Error> {
    let Some((plural, group)) = question.key.name.split_once('.') else { return Ok(false) };
    let Some(resource) = discovery.resources().iter().find(|r| r.group == group && r.plural == plural) else {
        // Not served (any more, or not yet): nothing is known.
        return Ok(false);
    };
    Ok(!holds_others(cluster, resource, None, question).await?)
}

async fn is_unmounted(cluster: &Cluster, question: &Question) -> Result<bool, Error> {
    let pods = ApiResource {
        group: String::new(),
        version: "v1".into(),
        kind: "Pod".into(),
        plural: "pods".into(),
        namespaced: true,
    };
    let at = format!("{}?limit={PODS}", path::collection(&pods, Some(&question.key.namespace)));
    let page: Page<Item> = cluster.get(&at, JSON).await?;
    let mounts = |pod: &Item| {
        let volumes = pod.spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
        let mut claims = volumes.filter_map(|volume| volume.pointer("/persistentVolumeClaim/claimName")?.as_str());
        claims.any(|claim| claim == question.key.name)
    };
    Ok(page.next().is_empty() && !page.items().iter().any(mounts))
}

/// Whether there is an object of a kind that neither leaves too nor was made by Kubernetes itself.
async fn holds_others(
    cluster: &Cluster,
    resource: &ApiResource,
    namespace: Option<&str>,
    question: &Question,
) -> Result<bool, Error> {
    let at = format!("{}?limit={PAGE}", path::collection(resource, namespace));
    let page: Page<Item> = cluster.get(&at, METADATA_LIST).await?;
    let counts = |item: &Item| {
        let Metadata { name, uid, deletion_timestamp } = &item.metadata;
        deletion_timestamp.is_none() && !question.leaving.contains(uid) && !is_made_by_kubernetes(resource, name)
    };
    Ok(!page.next().is_empty() || page.items().iter().any(counts))
}

fn is_derived(resource: &ApiResource) -> bool {
    DERIVED.contains(&(resource.group.as_str(), resource.kind.as_str()))
}

/// What every namespace gets.
fn is_made_by_kubernetes(resource: &ApiResource, name: &str) -> bool {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "ServiceAccount") => name == "default",
        ("", "ConfigMap") => name == "kube-root-ca.crt",
        ("", "Secret") => name.starts_with("default-token-"),
        _ => false,
    }
}
