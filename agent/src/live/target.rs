//! Which objects a target may be asked about.

use serde_json::Value;
use tokio::sync::mpsc;
use uuid::Uuid;
use windlass_domain::discovery::ApiResource;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::question::{RefusalCode, Refused};
use windlass_domain::tree::{Owner, owners};

use super::ask;
use crate::observe::client::{Error, METADATA};
use crate::observe::{Cluster, path};
use crate::sync::facts::Facts;
use crate::sync::input::Input;

/// How far above an object its owner in git may be.
const GENERATIONS: usize = 8;
/// Owners of one object that are looked at.
const OWNERS: usize = 4;

/// A target as its engine knows it.
pub(super) struct Target {
    pub(super) facts: Facts,
}

// === impl Target ===

impl Target {
    /// Asks the engine.
    pub(super) async fn ask(engine: &mpsc::Sender<Input>, application: Uuid) -> Result<Self, Refused> {
        let facts = ask(engine, |reply| Input::Facts { application, reply }).await?.ok_or_else(|| {
            let words = "the cluster's agent has no such application yet: it is on its way, or gone";
            Refused::new(RefusalCode::NotFound, words)
        })?;
        Ok(Self { facts })
    }

    /// The kind's resource, in the version that git uses for this object, or any.
    pub(super) fn resource(&self, key: &ResourceKey) -> Option<&ApiResource> {
        let known = self.facts.objects.get(key);
        let discovery = &self.facts.discovery;
        known
            .and_then(|known| discovery.find(&known.api_version, &key.kind))
            .or_else(|| discovery.find_kind(&key.group, &key.kind))
    }

    /// Whether the project lets its applications have this object.
    pub(super) fn permit(&self, key: &ResourceKey) -> Result<(), Refused> {
        let namespaced = !key.namespace.is_empty();
        match self.facts.fence().and_then(|fence| fence.refuses(key, namespaced)) {
            Some(why) => Err(Refused::new(RefusalCode::Forbidden, why)),
            None => Ok(()),
        }
    }

    /// Whether a live object is the target's: it is named or owned itself, or something of the target's owns it, directly or not.
    pub(super) async fn has(&self, cluster: &Cluster, key: &ResourceKey, object: &Value) -> Result<bool, Error> {
        if self.facts.objects.contains_key(key) || self.is_endpoints(key) {
            return Ok(true);
        }
        let mut above = owners(object);
        for _ in 0..GENERATIONS {
            if above.iter().any(|owner| self.is_root(owner, &key.namespace)) {
                return Ok(true);
            }
            let mut next = Vec::new();
            for owner in above.iter().take(OWNERS) {
                if let Some(metadata) = self.look(cluster, owner, &key.namespace).await? {
                    next.extend(owners(&metadata));
                }
            }
            if next.is_empty() {
                return Ok(false);
            }
            above = next;
        }
        Ok(false)
    }

    /// Endpoints have their Service's name, and no owner.
    fn is_endpoints(&self, key: &ResourceKey) -> bool {
        let service = ResourceKey { kind: "Service".into(), ..key.clone() };
        key.group.is_empty() && key.kind == "Endpoints" && self.facts.objects.contains_key(&service)
    }

    /// Whether an owner is an object of the target itself, and not one of the same name that was there before.
    fn is_root(&self, owner: &Owner, namespace: &str) -> bool {
        let known = places(owner, namespace).into_iter().find_map(|key| self.facts.objects.get(&key));
        known.is_some_and(|known| known.uid.as_deref().is_none_or(|uid| uid == owner.uid))
    }

    /// The metadata of the owner of something in this namespace; `None` where it is gone, or another one.
    pub(super) async fn look(&self, cluster: &Cluster, owner: &Owner, namespace: &str) -> Result<Option<Value>, Error> {
        let Some(resource) = self.facts.discovery.find_kind(&owner.group, &owner.kind) else { return Ok(None) };
        let path = path::object(resource, namespace, &owner.name);
        match cluster.get::<Value>(&path, METADATA).await {
            Ok(object) => {
                let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
                Ok(Some(object.clone()).filter(|_| uid == Some(owner.uid.as_str())))
            }
            Err(error) if error.refused().is_some_and(|refusal| refusal.code == 404) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Where an owner may be: in the object's namespace, or in none.
fn places(owner: &Owner, namespace: &str) -> [ResourceKey; 2] {
    [namespace, ""].map(|namespace| ResourceKey {
        group: owner.group.clone(),
        kind: owner.kind.clone(),
        namespace: namespace.to_owned(),
        name: owner.name.clone(),
    })
}
