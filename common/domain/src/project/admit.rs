//! What of an application its project does not permit.

use super::repository::{Refusal, refuses};
use super::{AppProject, Fence};
use crate::bundle::BundleEntry;
use crate::cluster::Cluster;
use crate::discovery::Discovery;
use crate::manifest::ResourceKey;

/// One source of an application.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// `repoURL` as the application has it.
    pub given: &'a str,
    /// The address that will be dialled for it: what a rule is compared with, so that no spelling of it gets past one.
    pub fetched: &'a str,
}

/// An application at the gate of its project, on one cluster.
#[derive(Debug, Clone, Copy)]
pub struct Admission<'a> {
    /// Its sources.
    pub sources: &'a [Source<'a>],
    /// Where it goes; `None` while that is not known, or not asked.
    pub cluster: Option<&'a Cluster>,
    /// `spec.destination.namespace`.
    pub namespace: &'a str,
    /// What was rendered; empty before it is.
    pub entries: &'a [BundleEntry],
    /// What the cluster serves; what it cannot scope is left to the agent, whose answer is final.
    pub discovery: Option<&'a Discovery>,
}

/// Something that a project does not permit. Its text names the project, the thing, the rule and what would permit it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A repository.
    #[error("{0}")]
    Source(String),
    /// A cluster, or the application's namespace on it.
    #[error("{0}")]
    Destination(String),
    /// An object.
    #[error("{problem}")]
    Object {
        /// Which.
        key: ResourceKey,
        /// Why.
        problem: String,
    },
}

/// Everything that a project does not permit; empty when it permits the application.
pub fn admit(project: &AppProject, admission: &Admission<'_>) -> Vec<Violation> {
    let mut violations: Vec<Violation> =
        admission.sources.iter().filter_map(|source| project.refuses_source(*source)).collect();
    let Some(cluster) = admission.cluster else { return violations };
    let fence = project.fence(cluster);
    if let Some(why) = fence.refuses_namespace(admission.namespace) {
        let (name, cluster) = (&project.name, &cluster.name);
        violations.push(Violation::Destination(format!(
            "spec.destination: project {name:?} does not permit namespace {:?} of cluster {cluster:?}: {why}",
            admission.namespace
        )));
    }
    let Some(discovery) = admission.discovery else { return violations };
    violations.extend(admission.entries.iter().filter_map(|entry| {
        let namespaced = discovery.is_namespaced(&entry.key)?;
        let key = entry.key.clone().in_namespace(admission.namespace, namespaced);
        let problem = fence.refuses(&key, namespaced)?;
        Some(Violation::Object { key, problem })
    }));
    violations
}

// === impl AppProject ===

impl AppProject {
    /// Its rules for one cluster.
    pub fn fence(&self, cluster: &Cluster) -> Fence {
        Fence::new(&self.name, &self.spec, cluster)
    }

    /// What it has against a repository, if anything.
    pub fn refuses_source(&self, source: Source<'_>) -> Option<Violation> {
        let project = &self.name;
        let why = match refuses(&self.spec.source_repos, source.fetched)? {
            Refusal::DeniedBy(rule) => format!("its rule {rule:?} denies it; choose another repository"),
            Refusal::NotListed => {
                let rules = match self.spec.source_repos.len() {
                    0 => "is empty".to_owned(),
                    1 => format!("has only {:?}", self.spec.source_repos[0]),
                    n => format!("has {n} rules and none that names it"),
                };
                format!("its sourceRepos {rules}; `windlass proj add-source {project} {}` adds it", source.given)
            }
        };
        Some(Violation::Source(format!(
            "spec.source.repoURL: project {project:?} does not permit {}: {why}",
            source.given
        )))
    }
}

// === impl Violation ===

impl Violation {
    /// Whether it is about one object only: the others may go on.
    pub fn is_of_object(&self) -> bool {
        matches!(self, Self::Object { .. })
    }
}
