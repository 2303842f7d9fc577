//! What the engine knows of one target, for whoever answers questions about it.

use std::collections::BTreeMap;

use uuid::Uuid;
use windlass_domain::discovery::Discovery;
use windlass_domain::health::Health;
use windlass_domain::live::Observed;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::ownership::Owner;
use windlass_domain::project::Fence;

use super::engine::Engine;
use super::target::Complete;

/// A target, as of now.
pub struct Facts {
    /// Who we are for it.
    pub owner: Owner,
    /// Every object that git names or that it owns, namespaces filled in.
    pub objects: BTreeMap<ResourceKey, Known>,
    /// What git says; `None` before it is complete, and on the way out.
    pub desired: Option<Complete>,
    /// What the cluster serves.
    pub discovery: Discovery,
}

/// What is known of one object.
pub struct Known {
    /// `group/version` that it is managed in.
    pub api_version: String,
    /// The uid of the live object, or of the one that was applied; `None` where neither is known.
    pub uid: Option<String>,
    /// How the live object does, where its kind has a check.
    pub health: Option<Health>,
}

// === impl Facts ===

impl Facts {
    /// The project's rules; `None` where it permits everything.
    pub fn fence(&self) -> Option<&Fence> {
        self.desired.as_ref()?.settings.fence.as_ref()
    }

    /// The user as whom the target is written, where its project names one.
    pub fn write_as(&self) -> Option<&str> {
        self.desired.as_ref()?.settings.write_as.as_deref()
    }
}

impl Engine {
    /// A target's facts; `None` for one that is not here.
    pub(super) fn facts(&self, application: Uuid) -> Option<Facts> {
        let target = self.targets.get(&application)?;
        let owner = target.owner(&self.parts.installation);
        let known = |key: &ResourceKey, api_version: &str| {
            let (uid, health) = match self.watched.get(key) {
                Some(Observed::Present(live)) => (Some(live.uid.clone()), live.health.clone()),
                Some(Observed::Absent) => (None, None),
                _ => (target.inventory.applied_uid(key).map(str::to_owned), None),
            };
            Known { api_version: api_version.to_owned(), uid: uid.filter(|uid| !uid.is_empty()), health }
        };
        let mut objects = BTreeMap::new();
        for entry in target.desired.iter().flat_map(|desired| desired.bundle.entries.iter()) {
            let served = self.parts.discovery.find(&entry.api_version, &entry.key.kind);
            let key = entry.key.clone().in_namespace(&owner.default_namespace, served.is_none_or(|r| r.namespaced));
            let facts = known(&key, &entry.api_version);
            objects.insert(key, facts);
        }
        for (key, entry) in &target.inventory.entries {
            objects.entry(key.clone()).or_insert_with(|| known(key, &entry.api_version));
        }
        Some(Facts { owner, objects, desired: target.desired.clone(), discovery: self.parts.discovery.clone() })
    }
}
