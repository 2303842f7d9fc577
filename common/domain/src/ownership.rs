//! Whose an object is: (installation-id, tracking-id), always both written, so that two hubs and Argo CD can tell each other apart.

use serde_json::{Map, Value};

use crate::live::LiveObject;
use crate::manifest::{Manifest, ResourceKey};
use crate::name::ApplicationName;

/// Argo CD's annotation: `<application>:<group>/<kind>:<namespace>/<name>`.
pub const TRACKING_ID: &str = "argocd.argoproj.io/tracking-id";
/// Argo CD's annotation that separates installations.
pub const INSTALLATION_ID: &str = "argocd.argoproj.io/installation-id";
/// Our label: managed objects, and only they, are watched by it.
pub const MANAGED: &str = "windlass.dev/managed";

/// Who we are, for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The installation.
    pub installation: String,
    /// The application.
    pub application: ApplicationName,
    /// The application's default namespace, which stands in tracking ids of cluster-scoped objects.
    pub default_namespace: String,
}

/// Whether an object may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Nobody claims it, or we do.
    Ours,
    /// Another application of this installation claims it; which.
    Sibling(String),
    /// Somebody else's; who.
    Refused(String),
}

// === impl Owner ===

impl Owner {
    /// Our tracking id for an object whose namespace is filled in.
    pub fn tracking_id(&self, key: &ResourceKey) -> String {
        let namespace = if key.namespace.is_empty() { &self.default_namespace } else { &key.namespace };
        format!("{}:{}/{}:{namespace}/{}", self.application.tracking_name(), key.group, key.kind, key.name)
    }

    /// Whether a live object that our inventory does not have may be taken. Without a tracking-id it is adopted. A tracking-id that names another object
    /// was copied with it and counts as none (Argo CD).
    pub fn claim(&self, key: &ResourceKey, live: &LiveObject) -> Claim {
        let Some(tracking_id) = &live.tracking_id else { return Claim::Ours };
        if !refers_to(tracking_id, key) {
            return Claim::Ours;
        }
        let application = tracking_id.split(':').next().unwrap_or_default();
        match live.installation_id.as_deref() {
            Some(installation) if installation == self.installation => {
                if *tracking_id == self.tracking_id(key) || application == self.application.tracking_name() {
                    Claim::Ours
                } else {
                    Claim::Sibling(format!("application {application:?} of this installation"))
                }
            }
            Some(installation) => {
                Claim::Refused(format!("application {application:?} of installation {installation:?}"))
            }
            None => Claim::Refused(format!("Argo CD application {application:?}")),
        }
    }

    /// Whether a live object is ours to delete: it carries our installation and application, or it is the very object that we applied. That it may be taken
    /// ([`claim`](Self::claim)) is not enough: an object that was named and never applied is not ours.
    pub fn owns(&self, key: &ResourceKey, live: &LiveObject, applied_uid: Option<&str>) -> bool {
        let ours = live.installation_id.as_deref() == Some(self.installation.as_str());
        let named = live.tracking_id.as_deref().is_some_and(|id| {
            refers_to(id, key) && id.split(':').next() == Some(self.application.tracking_name().as_str())
        });
        self.claim(key, live) == Claim::Ours && ((ours && named) || applied_uid == Some(live.uid.as_str()))
    }

    /// The object as it is applied: namespace, tracking-id, installation-id and label added to the target-neutral manifest.
    pub fn decorate(&self, manifest: &Manifest, key: &ResourceKey) -> Value {
        let mut object = manifest.value.clone();
        // A canonical manifest has metadata: without a name it would be none.
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return object };
        if key.namespace.is_empty() {
            metadata.remove("namespace");
        } else {
            metadata.insert("namespace".into(), Value::from(key.namespace.as_str()));
        }
        let mut put = |map: &str, name: &str, value: &str| {
            let entry = metadata.entry(map).or_insert_with(|| Value::Object(Map::new()));
            if let Some(map) = entry.as_object_mut() {
                map.insert(name.to_owned(), Value::from(value));
            }
        };
        put("annotations", TRACKING_ID, &self.tracking_id(key));
        put("annotations", INSTALLATION_ID, &self.installation);
        put("labels", MANAGED, "true");
        object
    }
}

/// Whether a tracking id names this very object. The namespace part is not compared for cluster-scoped objects: it is the claimant's default.
fn refers_to(tracking_id: &str, key: &ResourceKey) -> bool {
    let mut parts = tracking_id.splitn(3, ':').skip(1);
    let kind = parts.next() == Some(&format!("{}/{}", key.group, key.kind));
    let named = parts
        .next()
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(namespace, name)| name == key.name && (key.namespace.is_empty() || namespace == key.namespace));
    kind && named
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn owner() -> Owner {
        Owner {
            installation: "here".into(),
            application: ApplicationName::new("", "web").expect("a name"),
            default_namespace: "shop".into(),
        }
    }

    fn key(namespace: &str) -> ResourceKey {
        ResourceKey { group: "apps".into(), kind: "Deployment".into(), namespace: namespace.into(), name: "web".into() }
    }

    #[test]
    fn only_what_nobody_else_claims_is_ours() {
        let live = |tracking: Option<&str>, installation: Option<&str>| LiveObject {
            tracking_id: tracking.map(Into::into),
            installation_id: installation.map(Into::into),
            ..LiveObject::default()
        };
        let ours = "web:apps/Deployment:shop/web";
        for (tracking, installation, want) in [
            (None, None, None),
            (Some(ours), Some("here"), None),
            (Some("web:apps/Deployment:other/copied"), None, None),
            (Some("api:apps/Deployment:shop/web"), Some("here"), Some("of this installation")),
            (Some(ours), Some("there"), Some("installation \"there\"")),
            (Some(ours), None, Some("Argo CD application \"web\"")),
        ] {
            let claim = owner().claim(&key("shop"), &live(tracking, installation));
            match want {
                None => assert_eq!(claim, Claim::Ours, "{tracking:?} {installation:?}"),
                Some(want) => {
                    assert!(
                        matches!(&claim, Claim::Sibling(who) | Claim::Refused(who) if who.contains(want)),
                        "{claim:?}"
                    )
                }
            }
        }
    }

    #[test]
    fn only_what_carries_our_marks_or_was_applied_is_ours_to_delete() {
        let live = |tracking: Option<&str>| LiveObject {
            uid: "u".into(),
            tracking_id: tracking.map(Into::into),
            installation_id: tracking.map(|_| "here".into()),
            ..LiveObject::default()
        };
        let ours = live(Some("web:apps/Deployment:shop/web"));
        assert!(owner().owns(&key("shop"), &ours, None));
        assert!(!owner().owns(&key("shop"), &live(None), None), "named, never applied");
        assert!(owner().owns(&key("shop"), &live(None), Some("u")), "applied, and its marks were removed");
        assert!(!owner().owns(&key("shop"), &live(None), Some("made again by somebody")));
        assert!(!owner().owns(&key("shop"), &live(Some("api:apps/Deployment:shop/web")), Some("u")), "taken over");
    }

    #[test]
    fn an_object_is_decorated_for_its_target() {
        let manifest = Manifest {
            api_version: "apps/v1".into(),
            key: key(""),
            value: json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"a": "b"}}}),
        };
        let object = owner().decorate(&manifest, &key("shop"));
        assert_eq!(
            object["metadata"],
            json!({"name": "web", "namespace": "shop", "labels": {"a": "b", MANAGED: "true"},
                "annotations": {TRACKING_ID: "web:apps/Deployment:shop/web", INSTALLATION_ID: "here"}})
        );
    }

    #[test]
    fn cluster_scoped_objects_carry_the_default_namespace() {
        let key = ResourceKey {
            group: String::new(),
            kind: "Namespace".into(),
            namespace: String::new(),
            name: "shop".into(),
        };
        assert_eq!(owner().tracking_id(&key), "web:/Namespace:shop/shop");
        assert!(refers_to("web:/Namespace:elsewhere/shop", &key));
    }
}
