//! What is known of a cluster's objects. Not knowing is a state of its own: absence of information is never absence.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::health::Health;
use crate::manifest::ResourceKey;
use crate::options::Keep;

/// What is known of the objects that a target names or owns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveState {
    objects: BTreeMap<ResourceKey, Observed>,
    /// Answers of dry runs: for this manifest on this object.
    pub dry_runs: BTreeMap<(Digest, String), DryRun>,
    /// Objects of kinds that must not be deleted while in use (Namespace, CRD, PV, PVC) and that were proved empty or unused.
    pub unused: BTreeSet<ResourceKey>,
}

/// What is known of one object.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// It is there.
    Present(LiveObject),
    /// It is proved not to be there: by a live watch, or a GET.
    Absent,
    /// It is not known; why, for people.
    Unknown(String),
}

/// The slim form of a live object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveObject {
    /// Its uid.
    pub uid: String,
    /// Its resource version.
    pub resource_version: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Annotation `argocd.argoproj.io/tracking-id`.
    pub tracking_id: Option<String>,
    /// Annotation `argocd.argoproj.io/installation-id`.
    pub installation_id: Option<String>,
    /// What it says of being deleted when it leaves git.
    pub kept_on_prune: Option<Keep>,
    /// What it says of being deleted with its application.
    pub kept_on_delete: Option<Keep>,
    /// Whether it is deleted after everything else.
    pub pruned_last: bool,
    /// Its wave.
    pub wave: i32,
    /// How it compares with its baseline, where it has one.
    pub drift: Drift,
    /// Its health; `None` for kinds without a check.
    pub health: Option<Health>,
    /// It asks that its health count for nothing (`ignore-healthcheck`), but for waiting on its wave.
    pub health_ignored: bool,
}

/// How a live object compares with the response of our last apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Drift {
    /// There is nothing to compare with.
    #[default]
    NoBaseline,
    /// As it was applied.
    None,
    /// Different; the paths, as far as they are known.
    Drifted(Vec<String>),
    /// Its baseline was made under other ignore rules: another one is needed first.
    OtherRules,
    /// It cannot be compared; why.
    Incomparable(String),
}

/// What a forced server-side dry run of a manifest said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DryRun {
    /// Applying would change nothing that is ours.
    Same,
    /// Applying would change something.
    Differs,
    /// It was not possible; why.
    Impossible(String),
}

// === impl LiveState ===

impl LiveState {
    /// What is known of an object; [`Observed::Unknown`] for one never asked about.
    pub fn get(&self, key: &ResourceKey) -> Observed {
        self.objects.get(key).cloned().unwrap_or_else(|| Observed::Unknown("not observed yet".into()))
    }

    /// The object, where it is known to be there.
    pub fn present(&self, key: &ResourceKey) -> Option<LiveObject> {
        match self.objects.get(key) {
            Some(Observed::Present(object)) => Some(object.clone()),
            _ => None,
        }
    }

    /// Keeps newer knowledge.
    pub fn set(&mut self, key: ResourceKey, observed: Observed) {
        self.objects.insert(key, observed);
    }
}

impl FromIterator<(ResourceKey, Observed)> for LiveState {
    fn from_iter<T: IntoIterator<Item = (ResourceKey, Observed)>>(objects: T) -> Self {
        Self { objects: objects.into_iter().collect(), ..Self::default() }
    }
}
