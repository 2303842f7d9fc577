//! An AppProject: what its applications may come from, where they may go and which kinds they may hold.
//!
//! Argo CD's `argoproj.io/v1alpha1` AppProject, accepted as it stands. [`admit()`] is asked when desired state is made, and the [`Fence`] that a target takes
//! along is asked again by its agent before each write.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::application::Metadata;
use crate::manifest::value_of;
use crate::name::{InvalidName, subdomain};
use crate::time::Timestamp;

mod admit;
mod check;
mod edit;
mod fence;
mod orphan;
mod pattern;
mod repository;
mod service_account;
mod sync_window;

pub use admit::{Admission, Source, Violation, admit};
pub use edit::{KindList, KindScope};
pub use fence::{Fence, KindRule};
pub use orphan::OrphanRule;
pub use pattern::{KindPattern, NamePattern};
pub use repository::InvalidRepositoryPattern;
pub use service_account::DestinationServiceAccount;
pub use sync_window::SyncWindow;

/// The project of applications that name none. It is made permissive, may be edited, and is never deleted.
pub const DEFAULT_PROJECT: &str = "default";

/// A project record of the hub.
#[derive(Debug, Clone, PartialEq)]
pub struct AppProject {
    /// Its identity: a new uid for each creation.
    pub uid: Uuid,
    /// Its name, unique in the hub.
    pub name: String,
    /// Labels, annotations and finalizers, as given.
    pub metadata: Metadata,
    /// What it permits.
    pub spec: ProjectSpec,
    /// When it was created.
    pub created_at: Timestamp,
    /// The store's revision of its last change.
    pub revision: u64,
}

/// What a person submits: an AppProject manifest's name, metadata and spec.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectManifest {
    /// Its name.
    pub name: String,
    /// Labels, annotations, finalizers.
    pub metadata: Metadata,
    /// The spec.
    pub spec: ProjectSpec,
}

/// `spec` of an AppProject. Lists that are empty permit nothing, except that a `namespaceResourceWhitelist` that is not given permits every kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProjectSpec {
    /// For people; at most 255 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Globs of repository URLs, `/` being a separator; one that begins with `!` denies.
    #[serde(deserialize_with = "or_default")]
    pub source_repos: Vec<String>,
    /// Clusters and namespaces.
    #[serde(deserialize_with = "or_default")]
    pub destinations: Vec<ProjectDestination>,
    /// Cluster-scoped kinds that are permitted.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub cluster_resource_whitelist: Vec<ResourceRule>,
    /// Cluster-scoped kinds that are not, whatever permits them.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub cluster_resource_blacklist: Vec<ResourceRule>,
    /// Namespaced kinds that are permitted; every one when it is not given, none when it is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_resource_whitelist: Option<Vec<ResourceRule>>,
    /// Namespaced kinds that are not permitted.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub namespace_resource_blacklist: Vec<ResourceRule>,
    /// When its applications may sync.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub sync_windows: Vec<SyncWindow>,
    /// As whom its applications are written.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub destination_service_accounts: Vec<DestinationServiceAccount>,
    /// Fields that this version keeps as they were given and does not act on.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// One entry of `destinations`: `server` or `name` must match, and `namespace`. Each part is a glob, and denies when it begins with `!`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProjectDestination {
    /// Address of a cluster, as one of its `serverAliases`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// Name of a cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Namespace.
    pub namespace: String,
}

/// One entry of a list of kinds. Globs in the dialect of Go's `path.Match`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceRule {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name, in lists of cluster-scoped kinds; any name when it is empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// Why a manifest is not an AppProject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProject {
    /// Not the kind that was expected.
    #[error("expected apiVersion argoproj.io/v1alpha1 and kind AppProject, found {0}")]
    Kind(String),
    /// A bad name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A field of the wrong type.
    #[error("the AppProject is malformed: {0}")]
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

// === impl ProjectManifest ===

impl ProjectManifest {
    /// Parses an Argo CD AppProject manifest and checks every pattern in it. Its namespace is not kept: a hub has one set of projects.
    pub fn parse(value: &Value) -> Result<Self, InvalidProject> {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (api_version, kind) = (text("/apiVersion"), text("/kind"));
        if api_version != "argoproj.io/v1alpha1" || kind != "AppProject" {
            return Err(InvalidProject::Kind(format!("{api_version:?} and {kind:?}")));
        }
        let name = project_name(text("/metadata/name"))?;
        let part = |field: &'static str| match value.get(field) {
            None | Some(Value::Null) => Value::Object(Map::new()),
            Some(given) => given.clone(),
        };
        let malformed =
            |field: &'static str| move |e: serde_json::Error| InvalidProject::Malformed(format!("{field}: {e}"));
        let metadata: Metadata = serde_json::from_value(part("metadata")).map_err(malformed("metadata"))?;
        let spec: ProjectSpec = serde_json::from_value(part("spec")).map_err(malformed("spec"))?;
        check::check(&spec)?;
        Ok(Self { name, metadata, spec })
    }

    /// The manifest as Argo CD would print it.
    pub fn to_value(&self) -> Value {
        manifest_value(&self.name, &self.metadata, &self.spec)
    }

    /// The `default` project as a hub makes it: it permits everything.
    pub fn permissive_default() -> Self {
        Self { name: DEFAULT_PROJECT.to_owned(), metadata: Metadata::default(), spec: ProjectSpec::permissive() }
    }
}

/// Checks a project's name: a DNS-1123 subdomain.
pub fn project_name(name: &str) -> Result<String, InvalidName> {
    subdomain("project name", name)
}

// === impl AppProject ===

impl AppProject {
    /// The manifest as Argo CD would print it, without status.
    pub fn to_value(&self) -> Value {
        manifest_value(&self.name, &self.metadata, &self.spec)
    }
}

fn manifest_value(name: &str, metadata: &Metadata, spec: &ProjectSpec) -> Value {
    let mut meta = value_of(metadata);
    meta["name"] = Value::from(name);
    meta["namespace"] = Value::from(crate::name::DEFAULT_NAMESPACE);
    serde_json::json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": meta, "spec": spec})
}

// === impl ProjectSpec ===

impl ProjectSpec {
    /// A spec that permits everything.
    pub fn permissive() -> Self {
        let any = || "*".to_owned();
        Self {
            source_repos: vec![any()],
            destinations: vec![ProjectDestination { server: any(), name: String::new(), namespace: any() }],
            cluster_resource_whitelist: vec![ResourceRule { group: any(), kind: any(), name: String::new() }],
            ..Self::default()
        }
    }

    /// Fields that were given, that fence something off in Argo CD, and that this version keeps without acting on them: who sets one must be told.
    pub fn not_enforced(&self) -> Vec<&str> {
        let empty = |value: &Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        self.rest.iter().filter(|(_, value)| !empty(value)).map(|(field, _)| field.as_str()).collect()
    }
}

/// `null` is how Go's tools write an empty list.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
