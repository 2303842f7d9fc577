//! One object in a few hundred bytes: texts that many objects share are held once.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;
use windlass_domain::discovery::ApiResource;
use windlass_domain::health::{Health, HealthStatus};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::time::Timestamp;
use windlass_domain::tree::{Info, Member, Owner};

/// Texts that are shared; beyond it those that nobody holds any more are let go.
const SHARED: usize = 20_000;
/// The longest message that is held of each object.
const MESSAGE: usize = 512;

/// An object, its uid aside.
pub(super) struct Slim {
    namespace: Arc<str>,
    name: Box<str>,
    owners: Box<[SlimOwner]>,
    health: Option<(HealthStatus, Option<Box<str>>)>,
    created_at: Option<Timestamp>,
    images: Box<[Arc<str>]>,
    info: Box<[(Arc<str>, Arc<str>)]>,
    claimed: bool,
}

struct SlimOwner {
    group: Arc<str>,
    kind: Arc<str>,
    name: Box<str>,
    uid: Uuid,
}

/// Texts, each held once.
#[derive(Default)]
pub(super) struct Texts {
    known: HashSet<Arc<str>>,
}

// === impl Texts ===

impl Texts {
    fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        if self.known.len() >= SHARED {
            self.known.retain(|text| Arc::strong_count(text) > 1);
        }
        let text: Arc<str> = text.into();
        if self.known.len() < SHARED {
            self.known.insert(Arc::clone(&text));
        }
        text
    }
}

// === impl Slim ===

impl Slim {
    /// With the object's uid; `None` where that is none of Kubernetes'.
    pub(super) fn of(member: &Member, texts: &mut Texts) -> Option<(Uuid, Self)> {
        let uid = Uuid::try_parse(&member.uid).ok()?;
        let owner = |owner: &Owner| {
            Some(SlimOwner {
                group: texts.share(&owner.group),
                kind: texts.share(&owner.kind),
                name: owner.name.as_str().into(),
                uid: Uuid::try_parse(&owner.uid).ok()?,
            })
        };
        let owners = member.owners.iter().filter_map(owner).collect();
        let cut = |text: &str| -> Option<Box<str>> {
            let cut: String = text.chars().take(MESSAGE).collect();
            (!cut.is_empty()).then(|| cut.into())
        };
        Some((
            uid,
            Self {
                namespace: texts.share(&member.key.namespace),
                name: member.key.name.as_str().into(),
                owners,
                health: member.health.as_ref().map(|health| (health.status, cut(&health.message))),
                created_at: member.created_at,
                images: member.images.iter().map(|image| texts.share(image)).collect(),
                info: member.info.iter().map(|info| (texts.share(&info.name), texts.share(&info.value))).collect(),
                claimed: member.claimed,
            },
        ))
    }

    pub(super) fn is_in(&self, namespace: &str) -> bool {
        &*self.namespace == namespace
    }

    /// The object as trees are built of it.
    pub(super) fn member(&self, uid: Uuid, resource: &ApiResource) -> Member {
        let owner = |owner: &SlimOwner| Owner {
            group: owner.group.to_string(),
            kind: owner.kind.to_string(),
            name: owner.name.to_string(),
            uid: owner.uid.to_string(),
        };
        let health = |(status, message): &(HealthStatus, Option<Box<str>>)| {
            Health::new(*status, message.as_deref().unwrap_or_default())
        };
        Member {
            key: ResourceKey {
                group: resource.group.clone(),
                kind: resource.kind.clone(),
                namespace: self.namespace.to_string(),
                name: self.name.to_string(),
            },
            version: resource.version.clone(),
            uid: uid.to_string(),
            owners: self.owners.iter().map(owner).collect(),
            health: self.health.as_ref().map(health),
            created_at: self.created_at,
            info: self
                .info
                .iter()
                .map(|(name, value)| Info { name: name.to_string(), value: value.to_string() })
                .collect(),
            images: self.images.iter().map(ToString::to_string).collect(),
            claimed: self.claimed,
            ..Member::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_held_slim_comes_back_as_it_was() {
        let uid = |n: u128| Uuid::from_u128(n).to_string();
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "namespace": "shop", "uid": uid(1), "creationTimestamp": "2026-11-23T17:00:00Z",
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": uid(2)}]},
            "spec": {"nodeName": "n1", "restartPolicy": "Always", "containers": [{"image": "registry.example/web:1"}]},
            "status": {"phase": "Pending", "message": "no room"}});
        let (member, mut texts) = (Member::of(&pod), Texts::default());
        let resource = ApiResource {
            group: String::new(),
            version: "v1".into(),
            kind: "Pod".into(),
            plural: "pods".into(),
            namespaced: true,
        };
        let (key, slim) = Slim::of(&member, &mut texts).expect("a uid");
        assert_eq!(slim.member(key, &resource), member);
        assert!(slim.is_in("shop") && !slim.is_in("other"));
        assert!(Slim::of(&Member::default(), &mut texts).is_none());
    }
}
