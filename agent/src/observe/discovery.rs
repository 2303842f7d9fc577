//! Which kinds the cluster serves, and which cluster it is.

use serde::Deserialize;
use serde_json::Value;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::discovery::{ApiResource, Discovery};

use super::client::{Cluster, Error, JSON, METADATA};

/// All of a root's groups in one answer, where the apiserver can (1.26 and later).
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
/// What a kind must support to be managed.
const NEEDED: [&str; 2] = ["list", "watch"];

/// The answer of `/api` or `/apis`, in one of the three forms that it may have.
#[derive(Deserialize)]
struct Root {
    kind: String,
    /// Of an `APIGroupDiscoveryList`.
    #[serde(default)]
    items: Vec<Group>,
    /// Of an `APIGroupList`.
    #[serde(default)]
    groups: Vec<OldGroup>,
    /// Of an `APIVersions`.
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Named,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
    uid: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(default)]
    freshness: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    resource: String,
    response_kind: Option<Kind>,
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize)]
struct Kind {
    kind: String,
}

#[derive(Deserialize)]
struct OldGroup {
    name: String,
    #[serde(default)]
    versions: Vec<OldVersion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OldVersion {
    group_version: String,
}

#[derive(Deserialize)]
struct OldResources {
    #[serde(default)]
    resources: Vec<OldResource>,
}

#[derive(Deserialize)]
struct OldResource {
    name: String,
    kind: String,
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

/// What has been found so far.
#[derive(Default)]
struct Found {
    resources: Vec<ApiResource>,
    failed: Vec<String>,
}

/// Reads the kinds that can be listed and watched; two requests where the apiserver aggregates, else one per group and version. A group whose own server
/// did not answer is named as failed, with what is known of it.
///
/// # Errors
/// When the apiserver itself does not say what groups it has.
pub async fn read(cluster: &Cluster) -> Result<Discovery, Error> {
    let mut found = Found::default();
    for root in ["/api", "/apis"] {
        let answer: Root = cluster.get(root, AGGREGATED).await?;
        if answer.kind == "APIGroupDiscoveryList" {
            found.take_aggregated(answer.items);
        } else {
            found.ask_each(cluster, root, answer).await;
        }
    }
    found.failed.dedup();
    Ok(Discovery::new(found.resources, found.failed))
}

/// Says which cluster this is.
pub async fn facts(cluster: &Cluster) -> Result<ClusterFacts, Error> {
    let version: Value = cluster.get("/version", JSON).await?;
    let namespace: Value = cluster.get("/api/v1/namespaces/kube-system", METADATA).await?;
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let missing = |what: &str| Error::Malformed(format!("it has no {what}"));
    Ok(ClusterFacts {
        kubernetes_version: text(&version, "/gitVersion").ok_or_else(|| missing("gitVersion"))?,
        kube_system_uid: text(&namespace, "/metadata/uid").ok_or_else(|| missing("uid of namespace kube-system"))?,
        agent_version: env!("CARGO_PKG_VERSION").into(),
    })
}

// === impl Found ===

impl Found {
    fn take_aggregated(&mut self, groups: Vec<Group>) {
        for group in groups {
            for version in group.versions {
                if version.freshness == "Stale" {
                    self.failed.push(group.metadata.name.clone());
                }
                for resource in version.resources {
                    let Some(kind) = resource.response_kind else { continue };
                    let namespaced = resource.scope == "Namespaced";
                    self.add(
                        &group.metadata.name,
                        &version.version,
                        kind.kind,
                        resource.resource,
                        namespaced,
                        &resource.verbs,
                    );
                }
            }
        }
    }

    async fn ask_each(&mut self, cluster: &Cluster, root: &str, answer: Root) {
        let core = answer.versions.into_iter().map(|version| (String::new(), version));
        let named = answer.groups.into_iter().flat_map(|group| {
            let OldGroup { name, versions } = group;
            versions.into_iter().map(move |version| (name.clone(), version.group_version))
        });
        for (group, group_version) in core.chain(named) {
            match cluster.get::<OldResources>(&format!("{root}/{group_version}"), JSON).await {
                Ok(answer) => self.take_old(&group, &group_version, answer),
                Err(error) => {
                    tracing::warn!(group_version, %error, "the kinds of an API group are not known");
                    self.failed.push(group);
                }
            }
        }
    }

    fn take_old(&mut self, group: &str, group_version: &str, answer: OldResources) {
        let version = windlass_domain::manifest::version_of(group_version);
        for resource in answer.resources.into_iter().filter(|resource| !resource.name.contains('/')) {
            self.add(group, version, resource.kind, resource.name, resource.namespaced, &resource.verbs);
        }
    }

    fn add(&mut self, group: &str, version: &str, kind: String, plural: String, namespaced: bool, verbs: &[String]) {
        if kind.is_empty() || !NEEDED.iter().all(|needed| verbs.iter().any(|verb| verb == needed)) {
            return;
        }
        self.resources.push(ApiResource { group: group.into(), version: version.into(), kind, plural, namespaced });
    }
}
