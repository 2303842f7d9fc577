//! Live objects that some target names or owns, and who is interested in each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;
use windlass_domain::live::{Drift, LiveObject, LiveState, Observed};
use windlass_domain::manifest::{GroupKind, ResourceKey};

/// Live objects of interest.
#[derive(Default)]
pub struct Watched {
    objects: BTreeMap<ResourceKey, Observed>,
    interested: BTreeMap<ResourceKey, BTreeSet<Uuid>>,
    by_target: BTreeMap<Uuid, BTreeSet<ResourceKey>>,
    /// Marks of hooks: which run made them.
    marks: BTreeMap<ResourceKey, String>,
    /// Objects being applied, with the newest event that came meanwhile: it is compared with the new baseline, not with the old one.
    in_flight: BTreeMap<ResourceKey, Option<Box<Value>>>,
}

// === impl Watched ===

impl Watched {
    /// What a target names and owns, from now on.
    pub fn interest(&mut self, application: Uuid, keys: BTreeSet<ResourceKey>) {
        let before = self.by_target.insert(application, keys.clone()).unwrap_or_default();
        for key in before.difference(&keys) {
            self.lose(application, key);
        }
        for key in keys.difference(&before) {
            self.interested.entry(key.clone()).or_default().insert(application);
        }
    }

    /// A target is gone.
    pub fn forget(&mut self, application: Uuid) {
        for key in self.by_target.remove(&application).unwrap_or_default() {
            self.lose(application, &key);
        }
    }

    fn lose(&mut self, application: Uuid, key: &ResourceKey) {
        if let Some(interested) = self.interested.get_mut(key) {
            interested.remove(&application);
            if interested.is_empty() {
                self.interested.remove(key);
                self.objects.remove(key);
                self.marks.remove(key);
            }
        }
    }

    /// The targets that name or own an object.
    pub fn interested_in(&self, key: &ResourceKey) -> Vec<Uuid> {
        self.interested.get(key).map(|targets| targets.iter().copied().collect()).unwrap_or_default()
    }

    /// Objects of a kind that are believed to be there, or of which nothing is known.
    pub fn believed_of(&self, kind: &GroupKind) -> Vec<ResourceKey> {
        let of_kind = self.interested.keys().filter(|key| key.group == kind.group && key.kind == kind.kind);
        of_kind.filter(|key| !matches!(self.objects.get(*key), Some(Observed::Absent))).cloned().collect()
    }

    /// Keeps newer knowledge.
    pub fn set(&mut self, key: ResourceKey, observed: Observed) {
        if self.interested.contains_key(&key) {
            self.objects.insert(key, observed);
        }
    }

    /// What is known of an object.
    pub fn get(&self, key: &ResourceKey) -> Option<&Observed> {
        self.objects.get(key)
    }

    /// Which run of a hook made an object.
    pub fn mark_of(&self, key: &ResourceKey) -> Option<&str> {
        self.marks.get(key).map(String::as_str)
    }

    /// Keeps which run of a hook made an object, if one did.
    pub fn mark(&mut self, key: &ResourceKey, mark: Option<&str>) {
        match mark {
            Some(mark) if self.interested.contains_key(key) => {
                self.marks.insert(key.clone(), mark.to_owned());
            }
            _ => {
                self.marks.remove(key);
            }
        }
    }

    /// Whether an object is another than the one that is known, in what matters for a comparison.
    pub fn has_changed(&self, key: &ResourceKey, live: &LiveObject) -> bool {
        match self.objects.get(key) {
            Some(Observed::Present(before)) if before.drift == Drift::NoBaseline && live.drift == Drift::NoBaseline => {
                before.resource_version != live.resource_version
            }
            Some(Observed::Present(before)) => before.drift != live.drift,
            _ => true,
        }
    }

    /// What is known of a target's objects.
    pub fn of_target(&self, application: Uuid) -> LiveState {
        let keys = self.by_target.get(&application).into_iter().flatten();
        keys.filter_map(|key| self.objects.get(key).map(|observed| (key.clone(), observed.clone()))).collect()
    }

    /// An apply of the object begins.
    pub fn begin(&mut self, key: ResourceKey) {
        self.in_flight.insert(key, None);
    }

    /// Holds an event back while its object is being applied; gives it back when it is not.
    pub fn hold_back(&mut self, key: &ResourceKey, object: Box<Value>) -> Option<Box<Value>> {
        match self.in_flight.get_mut(key) {
            Some(held) => {
                *held = Some(object);
                None
            }
            None => Some(object),
        }
    }

    /// The apply ended: the newest event that came meanwhile.
    pub fn end(&mut self, key: &ResourceKey) -> Option<Box<Value>> {
        self.in_flight.remove(key).flatten()
    }
}
