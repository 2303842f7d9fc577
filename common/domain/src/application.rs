//! An application as people declare it: Argo CD's `argoproj.io/v1alpha1` Application, accepted as it stands, with our additions beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::manifest::value_of;
use crate::name::{ApplicationName, InvalidName};
use crate::prune_limits::PruneLimits;
use crate::time::Timestamp;

/// An application record of the hub.
#[derive(Debug, Clone, PartialEq)]
pub struct Application {
    /// Its identity: a new uid for each creation, never reused.
    pub uid: Uuid,
    /// Namespace and name.
    pub name: ApplicationName,
    /// Labels, annotations and finalizers, as given.
    pub metadata: Metadata,
    /// What it asks for.
    pub spec: ApplicationSpec,
    /// Who wrote it, and therefore who alone may change it.
    pub origin: Origin,
    /// When it was created.
    pub created_at: Timestamp,
    /// Set once its deletion was asked for; it goes when every target is removed.
    pub deletion: Option<Deletion>,
    /// The store's revision of its last change.
    pub revision: u64,
}

/// The part of an object's metadata that people write.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Finalizers; Argo CD's decide what happens to the objects when the application is deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
}

/// An application's only writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// The hub's API: people and pipelines.
    Api,
    /// A custom resource that the bridge mirrors.
    Kubernetes,
    /// A generator.
    ApplicationSet,
    /// Another application's manifests.
    Parent,
}

/// A deletion that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deletion {
    /// When.
    pub requested_at: Timestamp,
    /// What happens to the objects.
    pub cascade: Cascade,
    /// By whom.
    pub by: String,
}

/// What a removal does to the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cascade {
    /// Deleted, dependants first.
    Foreground,
    /// Deleted, dependants by the garbage collector.
    Background,
    /// Left as they are.
    Orphan,
}

/// `spec` of an Application. Fields that this version does not act on are kept as they were given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSpec {
    /// The project that fences it; `default` when none is named.
    pub project: String,
    /// Its source, when it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ApplicationSource>,
    /// Its sources; when not empty, `source` is ignored, as in Argo CD.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<ApplicationSource>,
    /// Argo CD's hydrator, verbatim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_hydrator: Option<Value>,
    /// Where it goes.
    pub destination: Destination,
    /// How it is kept in sync.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_policy: Option<SyncPolicy>,
    /// Argo CD's rules, verbatim.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore_differences: Vec<Value>,
    /// Shown, not acted on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub info: Vec<Value>,
    /// How many history entries are kept; 10 when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i64>,
    /// Applications that must be Synced and Healthy before a new bundle of this one is synced. Ours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<crate::dependency::Dependency>,
}

/// One place that manifests come from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSource {
    /// URL of the repository.
    #[serde(rename = "repoURL")]
    pub repo_url: String,
    /// Directory inside the repository; the root when empty.
    pub path: String,
    /// Branch, tag, commit, full ref, or a version constraint on tags (`~1.2`, `>=1.2 <2`); `HEAD` when empty.
    pub target_revision: String,
    /// For a version constraint: only tags that begin so count, and the version is what follows it. Nothing else heeds it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag_prefix: String,
    /// Name of a Helm chart in a chart repository.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub chart: String,
    /// Options for a directory of plain manifests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectoryOptions>,
    /// Options for Helm, verbatim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm: Option<Value>,
    /// Options for Kustomize, verbatim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<Value>,
    /// Options for a plugin, verbatim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Value>,
    /// A name by which other sources refer to this one.
    #[serde(rename = "ref", skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// Shown only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// `directory` of a source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DirectoryOptions {
    /// Whether sub-directories are read too.
    pub recurse: bool,
    /// Glob of files to take.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub include: String,
    /// Glob of files to leave out.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub exclude: String,
    /// Jsonnet parameters, verbatim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jsonnet: Option<Value>,
}

/// Where an application goes: exactly one of `server`, `name` and `clusterSelector`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Destination {
    /// Address of the cluster, as one of its `serverAliases`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// Name of the cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Every cluster whose labels match: one target each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_selector: Option<crate::cluster::ClusterSelector>,
    /// Namespace for namespaced objects that name none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

/// `syncPolicy`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncPolicy {
    /// Present: commits are applied as they come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automated: Option<Automated>,
    /// `Name=value` options.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sync_options: Vec<String>,
    /// Retry rules, verbatim; read by [`Retry::of`](crate::target::Retry::of).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Value>,
    /// Metadata of a namespace that CreateNamespace makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_namespace_metadata: Option<Value>,
    /// How long one operation may take: Go's duration; ten minutes when absent. Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Compared and reported, never written. Ours.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub observe: bool,
    /// When deletions wait for a person. Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune_limits: Option<PruneLimits>,
}

/// `syncPolicy.automated`; all `false` by default, as in Argo CD.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Automated {
    /// `false` switches automation off without losing the rest; absent is `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether objects that left git are deleted.
    pub prune: bool,
    /// Whether drift is corrected.
    pub self_heal: bool,
    /// Whether a render of zero objects may delete everything.
    pub allow_empty: bool,
}

/// Why a manifest is not an Application.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidApplication {
    /// Not the kind that was expected.
    #[error("expected apiVersion argoproj.io/v1alpha1 and kind Application, found {0}")]
    Kind(String),
    /// A bad name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A field of the wrong type.
    #[error("the Application is malformed: {0}")]
    Malformed(String),
    /// A rule of the spec is broken.
    #[error("{field}: {problem}")]
    Field {
        /// The field's path.
        field: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// What a person submits: an Application manifest's name, metadata and spec.
#[derive(Debug, Clone, PartialEq)]
pub struct ApplicationManifest {
    /// Namespace and name.
    pub name: ApplicationName,
    /// Labels, annotations, finalizers.
    pub metadata: Metadata,
    /// The spec.
    pub spec: ApplicationSpec,
}

// === impl ApplicationManifest ===

impl ApplicationManifest {
    /// Parses an Argo CD Application manifest and checks what does not depend on anything else.
    pub fn parse(value: &Value) -> Result<Self, InvalidApplication> {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (api_version, kind) = (text("/apiVersion"), text("/kind"));
        if api_version != "argoproj.io/v1alpha1" || kind != "Application" {
            return Err(InvalidApplication::Kind(format!("{api_version:?} and {kind:?}")));
        }
        let name = ApplicationName::new(text("/metadata/namespace"), text("/metadata/name"))?;
        let part =
            |field: &'static str| value.get(field).cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        let malformed =
            |field: &'static str| move |e: serde_json::Error| InvalidApplication::Malformed(format!("{field}: {e}"));
        let metadata: Metadata = serde_json::from_value(part("metadata")).map_err(malformed("metadata"))?;
        let mut spec: ApplicationSpec = serde_json::from_value(part("spec")).map_err(malformed("spec"))?;
        if spec.project.is_empty() {
            spec.project.push_str("default");
        }
        spec.check()?;
        Ok(Self { name, metadata, spec })
    }

    /// The manifest as Argo CD would print it.
    pub fn to_value(&self) -> Value {
        manifest_value(&self.name, &self.metadata, &self.spec)
    }
}

// === impl Application ===

impl Application {
    /// The manifest as Argo CD would print it, without status.
    pub fn to_value(&self) -> Value {
        manifest_value(&self.name, &self.metadata, &self.spec)
    }

    /// What a plain delete does to its objects: Argo CD's finalizers decide, none leaves them, and so does the sync option `Delete=false`.
    pub fn cascade_by_finalizers(&self) -> Cascade {
        if self.spec.has_option("Delete=false") {
            return Cascade::Orphan;
        }
        let has = |suffix: &str| {
            self.metadata.finalizers.iter().any(|f| f == &format!("resources-finalizer.argocd.argoproj.io{suffix}"))
        };
        if has("/background") {
            Cascade::Background
        } else if has("") || has("/foreground") {
            Cascade::Foreground
        } else {
            Cascade::Orphan
        }
    }
}

fn manifest_value(name: &ApplicationName, metadata: &Metadata, spec: &ApplicationSpec) -> Value {
    let mut meta = value_of(metadata);
    meta["name"] = Value::from(name.name.as_str());
    meta["namespace"] = Value::from(name.namespace.as_str());
    serde_json::json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": meta, "spec": spec})
}

// === impl ApplicationSpec ===

impl ApplicationSpec {
    fn check(&self) -> Result<(), InvalidApplication> {
        let field = |field: &str, problem: &str| {
            Err(InvalidApplication::Field { field: field.into(), problem: problem.into() })
        };
        let destination = &self.destination;
        let ways =
            [!destination.server.is_empty(), !destination.name.is_empty(), destination.cluster_selector.is_some()];
        match ways.iter().filter(|given| **given).count() {
            0 => return field("spec.destination", "names no cluster: give one of name, server and clusterSelector"),
            1 => {}
            _ => {
                return field(
                    "spec.destination",
                    "name, server and clusterSelector exclude each other: give exactly one",
                );
            }
        }
        if self.source.is_none() && self.sources.is_empty() && self.source_hydrator.is_none() {
            return field("spec.source", "is missing: give repoURL and path");
        }
        if self.source.as_ref().is_some_and(|source| source.repo_url.is_empty()) {
            return field("spec.source.repoURL", "is missing");
        }
        self.check_dependencies()
    }

    fn check_dependencies(&self) -> Result<(), InvalidApplication> {
        let wrong = |field: String, problem: String| Err(InvalidApplication::Field { field, problem });
        let (count, most) = (self.depends_on.len(), crate::dependency::MOST);
        if count > most {
            return wrong(
                "spec.dependsOn".into(),
                format!("has {count} entries, more than the limit of {most}; use selectors"),
            );
        }
        match self.depends_on.iter().enumerate().find_map(|(index, entry)| Some((index, entry.problem()?))) {
            Some((index, problem)) => wrong(format!("spec.dependsOn[{index}]"), problem),
            None => Ok(()),
        }
    }

    /// Whether commits are applied as they come, and how; `None` for a manual application.
    pub fn automated(&self) -> Option<&Automated> {
        self.sync_policy.as_ref()?.automated.as_ref().filter(|automated| automated.enabled != Some(false))
    }

    /// Whether a `Name=value` sync option is given with this value.
    pub fn has_option(&self, option: &str) -> bool {
        self.sync_policy.as_ref().is_some_and(|policy| policy.sync_options.iter().any(|given| given == option))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest(spec: Value) -> Value {
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"}, "spec": spec})
    }

    #[test]
    fn an_argo_cd_application_is_accepted_as_it_stands() {
        let value = manifest(json!({
            "source": {"repoURL": "https://git.example/x.git", "path": "app", "targetRevision": "main"},
            "destination": {"name": "eu-1", "namespace": "shop"},
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}, "syncOptions": ["CreateNamespace=true"]},
        }));
        let app = ApplicationManifest::parse(&value).expect("an application");
        assert_eq!((app.name.to_string().as_str(), app.spec.project.as_str()), ("argocd/web", "default"));
        assert!(app.spec.automated().is_some_and(|a| a.prune && a.self_heal && !a.allow_empty));
        assert!(app.spec.has_option("CreateNamespace=true"));
        assert_eq!(ApplicationManifest::parse(&app.to_value()), Ok(app));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let source = json!({"repoURL": "https://git.example/x.git"});
        for (spec, want) in [
            (json!({"source": source}), "names no cluster"),
            (json!({"source": source, "destination": {"name": "a", "server": "b"}}), "exactly one"),
            (json!({"destination": {"name": "a"}}), "spec.source: is missing"),
            (json!({"source": source, "destination": {"name": 1}}), "malformed"),
        ] {
            let error = ApplicationManifest::parse(&manifest(spec)).expect_err("refused").to_string();
            assert!(error.contains(want), "{error}");
        }
        assert!(ApplicationManifest::parse(&json!({"kind": "Pod"})).is_err());
    }

    #[test]
    fn automation_can_be_switched_off_without_losing_it() {
        let spec: ApplicationSpec =
            serde_json::from_value(json!({"syncPolicy": {"automated": {"enabled": false, "prune": true}}}))
                .expect("a spec");
        assert!(spec.automated().is_none());
    }
}
