//! Namespaces that an operator paused: `kubectl annotate namespace NAME windlass.dev/pause=WHY`. Works without the hub.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::sync::mpsc;
use windlass_domain::discovery::ApiResource;
use windlass_domain::manifest::annotation;

use super::stream::{Item, Sink};

/// The annotation; its value is the reason.
pub const PAUSE: &str = "windlass.dev/pause";

/// Paused namespaces and why, whenever that changes.
pub type Pauses = BTreeMap<String, String>;

/// A sink that tells all paused namespaces at each change.
pub(super) struct Told {
    pauses: Pauses,
    /// Of the LIST under way.
    listed: Option<Pauses>,
    /// What was said last; `None` before the first LIST is complete.
    said: Option<Pauses>,
    events: mpsc::Sender<Pauses>,
}

/// The kind that is watched.
pub(super) fn resource() -> ApiResource {
    ApiResource {
        group: String::new(),
        version: "v1".into(),
        kind: "Namespace".into(),
        plural: "namespaces".into(),
        namespaced: false,
    }
}

// === impl Told ===

impl Told {
    pub(super) fn new(events: mpsc::Sender<Pauses>) -> Self {
        Self { pauses: Pauses::new(), listed: None, said: None, events }
    }

    fn keep(&mut self, object: &Value) {
        let Some(name) = object.pointer("/metadata/name").and_then(Value::as_str) else { return };
        let pauses = self.listed.as_mut().unwrap_or(&mut self.pauses);
        match annotation(object, PAUSE) {
            Some(why) => pauses.insert(name.to_owned(), why.to_owned()),
            None => pauses.remove(name),
        };
    }

    async fn tell(&mut self) {
        if self.said.as_ref() != Some(&self.pauses) {
            self.said = Some(self.pauses.clone());
            // The receiver is gone only when the process is ending.
            let _ = self.events.send(self.pauses.clone()).await;
        }
    }
}

impl Sink for Told {
    async fn take(&mut self, item: Item) {
        match item {
            Item::Listing => self.listed = Some(Pauses::new()),
            Item::Object(object) => self.keep(&object),
            Item::Deleted(object) => {
                if let Some(name) = object.pointer("/metadata/name").and_then(Value::as_str) {
                    self.pauses.remove(name);
                }
            }
            Item::Listed => {
                if let Some(listed) = self.listed.take() {
                    self.pauses = listed;
                }
            }
            Item::Live | Item::Stale(_) => return,
        }
        if self.listed.is_none() {
            self.tell().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn a_pause_is_told_when_it_begins_and_when_it_ends() {
        let (events, mut told) = mpsc::channel(8);
        let mut sink = Told::new(events);
        let namespace = |why: Option<&str>| {
            let annotations = why.map(|why| json!({PAUSE: why}));
            Item::Object(Box::new(json!({"metadata": {"name": "shop", "annotations": annotations}})))
        };
        for item in [Item::Listing, namespace(Some("incident 7")), Item::Listed, namespace(Some("incident 7"))] {
            sink.take(item).await;
        }
        assert_eq!(told.recv().await, Some(Pauses::from([("shop".into(), "incident 7".into())])));
        sink.take(namespace(None)).await;
        assert_eq!(told.recv().await, Some(Pauses::new()));
        sink.take(Item::Listing).await;
        sink.take(Item::Listed).await;
        assert!(told.try_recv().is_err(), "the same is not told twice");
    }
}
