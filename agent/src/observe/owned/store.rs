//! The objects of one kind, as their watch last said.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use uuid::Uuid;
use windlass_domain::discovery::ApiResource;
use windlass_domain::tree::Member;

use super::super::stream::{Item, Sink};
use super::slim::{Slim, Texts};

/// What is held of one kind.
#[derive(Default)]
pub(super) struct Store {
    objects: HashMap<Uuid, Slim>,
    texts: Texts,
    /// Of the LIST under way.
    listed: Option<HashSet<Uuid>>,
    live: bool,
    /// So many are held.
    most: usize,
    /// There are more than are held.
    full: bool,
}

/// Keeps a store up.
pub(super) struct Kept {
    api_version: String,
    kind: String,
    store: Arc<Mutex<Store>>,
}

// === impl Store ===

impl Store {
    /// Empty, for so many objects.
    pub(super) fn holding(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    pub(super) fn is_live(&self) -> bool {
        self.live && !self.full
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(super) fn members(&self, resource: &ApiResource, namespace: Option<&str>) -> Vec<Member> {
        let wanted = self.objects.iter().filter(|(_, slim)| namespace.is_none_or(|namespace| slim.is_in(namespace)));
        wanted.map(|(uid, slim)| slim.member(*uid, resource)).collect()
    }

    fn put(&mut self, member: &Member) {
        let Some((uid, slim)) = Slim::of(member, &mut self.texts) else { return };
        if let Some(listed) = &mut self.listed {
            listed.insert(uid);
        }
        if self.objects.len() >= self.most && !self.objects.contains_key(&uid) {
            self.full = true;
            return;
        }
        self.objects.insert(uid, slim);
    }

    fn remove(&mut self, uid: &str) {
        if let Ok(uid) = Uuid::try_parse(uid) {
            self.objects.remove(&uid);
        }
    }
}

// === impl Kept ===

impl Kept {
    pub(super) fn new(resource: &ApiResource, store: Arc<Mutex<Store>>) -> Self {
        let api_version = match resource.group.as_str() {
            "" => resource.version.clone(),
            group => format!("{group}/{}", resource.version),
        };
        Self { api_version, kind: resource.kind.clone(), store }
    }

    /// LISTs leave them out, and metadata alone calls itself something else.
    fn named(&self, mut object: Value) -> Value {
        object["apiVersion"] = Value::from(self.api_version.as_str());
        object["kind"] = Value::from(self.kind.as_str());
        object
    }
}

impl Sink for Kept {
    async fn take(&mut self, item: Item) {
        match item {
            Item::Object(object) => {
                let member = Member::of(&self.named(*object));
                self.store.lock().put(&member);
            }
            Item::Deleted(object) => {
                let uid = object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
                self.store.lock().remove(uid);
            }
            Item::Listing => {
                let mut store = self.store.lock();
                (store.listed, store.full) = (Some(HashSet::new()), false);
            }
            Item::Listed => {
                let mut store = self.store.lock();
                if let Some(listed) = store.listed.take() {
                    store.objects.retain(|uid, _| listed.contains(uid));
                }
            }
            Item::Live => self.store.lock().live = true,
            Item::Stale(_) => self.store.lock().live = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resource() -> ApiResource {
        ApiResource {
            group: "apps".into(),
            version: "v1".into(),
            kind: "ReplicaSet".into(),
            plural: "replicasets".into(),
            namespaced: true,
        }
    }

    fn object(n: u128) -> Box<Value> {
        Box::new(
            json!({"metadata": {"name": n.to_string(), "namespace": "shop", "uid": Uuid::from_u128(n).to_string()}}),
        )
    }

    fn names(store: &Mutex<Store>) -> Vec<String> {
        let mut names: Vec<String> =
            store.lock().members(&resource(), Some("shop")).into_iter().map(|member| member.key.name).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn it_holds_what_the_watch_says_and_is_used_only_while_it_is_live() {
        let store = Arc::new(Mutex::new(Store::holding(3)));
        let mut kept = Kept::new(&resource(), Arc::clone(&store));
        for item in [Item::Listing, Item::Object(object(1)), Item::Object(object(2)), Item::Listed] {
            kept.take(item).await;
        }
        assert!(!store.lock().is_live());
        kept.take(Item::Live).await;
        assert!(store.lock().is_live());
        kept.take(Item::Deleted(object(1))).await;
        kept.take(Item::Object(object(3))).await;
        assert_eq!(names(&store), ["2", "3"]);
        kept.take(Item::Stale("the line went".into())).await;
        assert!(!store.lock().is_live());
        for item in [Item::Listing, Item::Object(object(3)), Item::Listed, Item::Live] {
            kept.take(item).await;
        }
        assert_eq!(names(&store), ["3"], "what a LIST does not name is gone");
        assert_eq!(store.lock().len(), 1);
        assert!(store.lock().members(&resource(), Some("other")).is_empty());
        for n in 4..=6 {
            kept.take(Item::Object(object(n))).await;
        }
        let store = store.lock();
        assert_eq!((store.len(), store.is_live()), (3, false), "with more than are held, nobody relies on it");
    }
}
