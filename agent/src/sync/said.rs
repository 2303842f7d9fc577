//! What git and people say of one object, for whoever is about to change it beside them.

use serde_json::Value;
use uuid::Uuid;
use windlass_domain::ignore::Selection;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::status::ConditionKind;
use windlass_domain::window::Wish;

use super::engine::Engine;

/// What is said of an object.
pub struct Said {
    /// Its manifest; `None` where git does not name it.
    pub manifest: Option<Value>,
    /// What differences are ignored of.
    pub ignored: Selection,
    /// Whether what differs from the manifest is put back.
    pub heals: bool,
    /// Why nothing may be written: a freeze, a pause in the cluster, an application that is only observed.
    pub frozen: Option<String>,
}

impl Engine {
    /// What is said of an object; `None` for a target that is not here.
    pub(super) fn said(&self, application: Uuid, key: &ResourceKey) -> Option<Said> {
        let target = self.targets.get(&application)?;
        let blocked = self.blocked(target, Wish::Manual);
        let frozen = blocked.filter(|blocked| blocked.kind == ConditionKind::WritesFrozen && !blocked.why.is_empty());
        let settings = target.desired.as_ref().map(|desired| &desired.settings);
        Some(Said {
            manifest: self.manifest_of(application, key),
            ignored: target.desired.as_ref().map(|desired| desired.rules.for_object(key)).unwrap_or_default(),
            heals: settings.is_some_and(|settings| settings.automated && settings.self_heal),
            frozen: frozen.map(|blocked| blocked.why),
        })
    }

    fn manifest_of(&self, application: Uuid, key: &ResourceKey) -> Option<Value> {
        let target = self.targets.get(&application)?;
        let desired = target.desired.as_ref()?;
        let namespace = target.owner(&self.parts.installation).default_namespace;
        let is_it = |entry: &&windlass_domain::bundle::BundleEntry| {
            let served = self.parts.discovery.find(&entry.api_version, &entry.key.kind);
            entry.key.clone().in_namespace(&namespace, served.is_none_or(|served| served.namespaced)) == *key
        };
        let entry = desired.bundle.entries.iter().filter(|entry| entry.key.name == key.name).find(is_it)?;
        serde_json::from_slice(&self.contents.get(&entry.digest)?).ok()
    }
}
