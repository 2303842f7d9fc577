//! One kind in several namespaces as if it were one watch: complete when each is, live when each is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::Mutex;
use windlass_domain::manifest::ResourceKey;

use super::stream::{Item, Sink};
use super::watch::{Event, Managed};

/// The watches of one kind, together.
pub(super) struct Union {
    kind: Managed,
    parts: BTreeMap<String, Part>,
}

/// The watch of one namespace.
#[derive(Default)]
struct Part {
    /// What there is. Kept up between LISTs too: another namespace may be listed again at any time.
    keys: BTreeSet<ResourceKey>,
    listed: bool,
    live: bool,
}

/// The sink of one namespace's watch.
pub(super) struct InNamespace {
    namespace: String,
    union: Arc<Mutex<Union>>,
}

// === impl Union ===

impl Union {
    pub(super) fn new(kind: Managed, namespaces: &BTreeSet<String>) -> Arc<Mutex<Self>> {
        let parts = namespaces.iter().map(|namespace| (namespace.clone(), Part::default())).collect();
        Arc::new(Mutex::new(Self { kind, parts }))
    }

    pub(super) fn sink(union: &Arc<Mutex<Self>>, namespace: &str) -> InNamespace {
        InNamespace { namespace: namespace.to_owned(), union: Arc::clone(union) }
    }

    fn event(&mut self, namespace: &str, item: Item) -> Option<Event> {
        let key = match &item {
            Item::Object(object) | Item::Deleted(object) => Some(self.kind.key_of(object)),
            _ => None,
        };
        let part = self.parts.get_mut(namespace)?;
        match (&item, key) {
            (Item::Object(_), Some(key)) => _ = part.keys.insert(key),
            (Item::Deleted(_), Some(key)) => _ = part.keys.remove(&key),
            (Item::Listing, _) => (part.keys, part.listed) = (BTreeSet::new(), false),
            (Item::Listed, _) => part.listed = true,
            (Item::Live, _) => part.live = true,
            (Item::Stale(_), _) => part.live = false,
            _ => {}
        }
        let (listed, live) = (self.parts.values().all(|part| part.listed), self.parts.values().all(|part| part.live));
        match item {
            Item::Listing => None,
            Item::Listed if !listed => None,
            Item::Listed => {
                let keys = self.parts.values().flat_map(|part| part.keys.iter().cloned()).collect();
                Some(self.kind.listed(keys))
            }
            Item::Live if !live => None,
            other => self.kind.event(other),
        }
    }
}

impl Sink for InNamespace {
    async fn take(&mut self, item: Item) {
        let mut union = self.union.lock().await;
        if let Some(event) = union.event(&self.namespace, item) {
            // Under the lock: events of a kind come one after another.
            union.kind.tell(event).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::sync::mpsc;

    use super::*;
    use crate::observe::mock::config_maps;

    #[tokio::test]
    async fn a_kind_is_listed_and_live_when_all_its_namespaces_are() {
        let (events, mut seen) = mpsc::channel(16);
        let kind = Managed::new(config_maps(), events);
        let namespaces = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let union = Union::new(kind, &namespaces);
        let (mut a, mut b) = (Union::sink(&union, "a"), Union::sink(&union, "b"));
        let object = |namespace: &str, name: &str| -> Box<Value> {
            Box::new(json!({"metadata": {"namespace": namespace, "name": name, "uid": "u"}}))
        };
        for item in [Item::Listing, Item::Object(object("a", "one")), Item::Listed, Item::Live] {
            a.take(item).await;
        }
        for item in [Item::Listing, Item::Listed, Item::Live, Item::Object(object("b", "two"))] {
            b.take(item).await;
        }
        // Listed again, after another namespace's objects changed.
        for item in [Item::Listing, Item::Listed, Item::Stale("why".into()), Item::Live] {
            a.take(item).await;
        }
        b.take(Item::Deleted(object("b", "two"))).await;
        let mut said = Vec::new();
        while let Ok(event) = seen.try_recv() {
            said.push(format!("{event:?}"));
        }
        let want = [
            "Object(ConfigMap a/one)",
            "Listed(ConfigMap 1)",
            "Live(ConfigMap)",
            "Object(ConfigMap b/two)",
            "Listed(ConfigMap 1)",
            "Stale(ConfigMap why)",
            "Live(ConfigMap)",
        ];
        assert_eq!(said[..7], want);
        assert!(said[7].starts_with("Deleted(") && said.len() == 8, "{said:?}");
    }
}
