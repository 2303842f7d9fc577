//! Live objects that some target names or owns, and who is interested in each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;
use windlass_domain::live::{Drift, LiveObject, LiveState, Observed};
use windlass_domain::manifest::{GroupKind, ResourceKey};

/// Live objects of interest. There are thousands, so that each key is held once.
#[derive(Default)]
pub struct Watched {
    objects: BTreeMap<Arc<ResourceKey>, Known>,
    by_target: BTreeMap<Uuid, Box<[Arc<ResourceKey>]>>,
    /// Objects being applied, with the newest event that came meanwhile: it is compared with the new baseline, not with the old one.
    in_flight: BTreeMap<ResourceKey, Option<Box<Value>>>,
}

/// An object that somebody is interested in.
#[derive(Default)]
struct Known {
    /// Never empty, and almost always one.
    interested: Vec<Uuid>,
    observed: Option<Box<Observed>>,
    /// Which run of a hook made it.
    mark: Option<Box<str>>,
}

// === impl Watched ===

impl Watched {
    /// What a target names and owns, from now on.
    pub fn interest(&mut self, application: Uuid, keys: BTreeSet<ResourceKey>) {
        let before = self.by_target.remove(&application).unwrap_or_default();
        for key in before.iter().filter(|key| !keys.contains(key.as_ref())) {
            self.lose(application, key);
        }
        let held = keys.into_iter().map(|key| self.hold(application, key)).collect();
        self.by_target.insert(application, held);
    }

    fn hold(&mut self, application: Uuid, key: ResourceKey) -> Arc<ResourceKey> {
        let key = self.objects.get_key_value(&key).map_or_else(|| Arc::new(key), |(held, _)| Arc::clone(held));
        let known = self.objects.entry(Arc::clone(&key)).or_default();
        if let Err(place) = known.interested.binary_search(&application) {
            known.interested.reserve_exact(1);
            known.interested.insert(place, application);
        }
        key
    }

    /// A target is gone.
    pub fn forget(&mut self, application: Uuid) {
        for key in self.by_target.remove(&application).unwrap_or_default() {
            self.lose(application, &key);
        }
    }

    fn lose(&mut self, application: Uuid, key: &ResourceKey) {
        if let Some(known) = self.objects.get_mut(key) {
            known.interested.retain(|one| *one != application);
            if known.interested.is_empty() {
                self.objects.remove(key);
            }
        }
    }

    /// The targets that name or own an object.
    pub fn interested_in(&self, key: &ResourceKey) -> Vec<Uuid> {
        self.objects.get(key).map(|known| known.interested.clone()).unwrap_or_default()
    }

    /// Objects of a kind that are believed to be there, or of which nothing is known.
    pub fn believed_of(&self, kind: &GroupKind) -> Vec<ResourceKey> {
        let of_kind = self.objects.iter().filter(|(key, _)| key.group == kind.group && key.kind == kind.kind);
        let believed = of_kind.filter(|(_, known)| known.observed.as_deref() != Some(&Observed::Absent));
        believed.map(|(key, _)| ResourceKey::clone(key)).collect()
    }

    /// Keeps newer knowledge.
    pub fn set(&mut self, key: &ResourceKey, observed: Observed) {
        if let Some(known) = self.objects.get_mut(key) {
            known.observed = Some(Box::new(observed));
        }
    }

    /// What is known of an object.
    pub fn get(&self, key: &ResourceKey) -> Option<&Observed> {
        self.objects.get(key)?.observed.as_deref()
    }

    /// Which run of a hook made an object.
    pub fn mark_of(&self, key: &ResourceKey) -> Option<&str> {
        self.objects.get(key)?.mark.as_deref()
    }

    /// Keeps which run of a hook made an object, if one did.
    pub fn mark(&mut self, key: &ResourceKey, mark: Option<&str>) {
        if let Some(known) = self.objects.get_mut(key) {
            known.mark = mark.map(Into::into);
        }
    }

    /// Whether an object is another than the one that is known, in what matters for a comparison.
    pub fn has_changed(&self, key: &ResourceKey, live: &LiveObject) -> bool {
        match self.get(key) {
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
        keys.filter_map(|key| Some((ResourceKey::clone(key), self.get(key)?.clone()))).collect()
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
