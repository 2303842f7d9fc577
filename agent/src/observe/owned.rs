//! Objects that others own, held slim: of each what a tree shows, some hundreds of bytes, so that a tree of thousands is there at once.
//!
//! Watched only while somebody looks: the watches of what is usually owned begin with the first question, those of a kind of which something was seen owned then, and
//! all end when nobody asked for a while. They prove nothing about the cluster's
//! freshness, and what they hold is used only while they are live; otherwise whoever asks lists.

mod slim;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};
use windlass_domain::discovery::{ApiResource, Discovery};
use windlass_domain::manifest::GroupKind;
use windlass_domain::time::Timestamp;
use windlass_domain::tree::Member;

use super::client::{Cluster, JSON, METADATA, METADATA_LIST};
use super::path;
use super::proofs::Proofs;
use super::stream::{Subject, follow};
use store::{Kept, Store};

/// How long they are kept up after the last question.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// How often it is looked whether anybody asked.
const LOOK: Duration = Duration::from_secs(60);
/// Objects in one page of their LISTs: they are read whole, and there are many.
const PAGE: u32 = 100;
/// The same where only metadata is read.
const METADATA_PAGE: u32 = 500;
/// Objects of one usual kind that are held; of a cluster with more they are listed.
const MOST: usize = 200_000;

/// Kinds beside [`KINDS`] that are held because something of them was seen owned.
const MORE_KINDS: usize = 32;
/// Objects of one of those that are held; of a kind with more they are listed.
const MOST_OF_MORE: usize = 20_000;

/// Kinds that are held from the first question on, and whether more than their metadata is read: how they do is in their status.
const KINDS: [(&str, &str, &str, &str, bool); 6] = [
    ("", "v1", "Pod", "pods", true),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("apps", "v1", "ReplicaSet", "replicasets", true),
    ("apps", "v1", "ControllerRevision", "controllerrevisions", false),
    ("batch", "v1", "Job", "jobs", true),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", false),
];

/// What is held. Clones share it.
#[derive(Clone)]
pub struct Owned {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    running: Mutex<Option<Running>>,
}

struct Running {
    kinds: BTreeMap<GroupKind, Held>,
    asked_at: Timestamp,
    stop: CancellationToken,
    _stop: DropGuard,
}

/// One kind that is held. Dropping it ends its watch.
struct Held {
    resource: ApiResource,
    store: Arc<Mutex<Store>>,
    _stop: DropGuard,
}

// === impl Owned ===

impl Owned {
    /// Nothing is watched yet.
    pub fn new(cluster: Cluster) -> Self {
        Self { inner: Arc::new(Inner { cluster, running: Mutex::default() }) }
    }

    /// Somebody asks: the watches begin, if they are not up, and stay up for a while. Those of kinds that are served no more, or otherwise, end.
    pub fn wanted(&self, served: &Discovery) {
        let now = self.inner.cluster.clock().now();
        let mut running = self.inner.running.lock();
        let running = running.get_or_insert_with(|| self.start(now));
        running.asked_at = now;
        running.kinds.retain(|_, held| served.resources().contains(&held.resource) || is_usual(&held.resource));
    }

    /// Something of these kinds is owned: they are held too from now on, as far as there is room. Each with whether more than its metadata is read.
    pub fn seen<'a>(&self, kinds: impl IntoIterator<Item = (&'a ApiResource, bool)>) {
        let mut running = self.inner.running.lock();
        let Some(running) = running.as_mut() else { return };
        for (resource, whole) in kinds {
            let key = resource.group_kind();
            if running.kinds.len() < KINDS.len() + MORE_KINDS && !running.kinds.contains_key(&key) {
                let held = self.hold(resource.clone(), whole, MOST_OF_MORE, &running.stop);
                running.kinds.insert(key, held);
            }
        }
    }

    /// The objects of a kind in a namespace, or in all; `None` while they are not known for sure: list them.
    pub fn members(&self, resource: &ApiResource, namespace: Option<&str>) -> Option<Vec<Member>> {
        let running = self.inner.running.lock();
        let held = running.as_ref()?.kinds.get(&resource.group_kind())?;
        let store = held.store.lock();
        store.is_live().then(|| store.members(&held.resource, namespace))
    }

    /// How many are held; for people.
    pub fn count(&self) -> usize {
        let running = self.inner.running.lock();
        running.iter().flat_map(|running| running.kinds.values()).map(|held| held.store.lock().len()).sum()
    }

    fn start(&self, now: Timestamp) -> Running {
        let stop = CancellationToken::new();
        let usual = KINDS.iter().map(|(group, version, kind, plural, whole)| {
            let resource = ApiResource {
                group: (*group).into(),
                version: (*version).into(),
                kind: (*kind).into(),
                plural: (*plural).into(),
                namespaced: true,
            };
            (resource.group_kind(), self.hold(resource, *whole, MOST, &stop))
        });
        let kinds = usual.collect();
        tokio::spawn(end_when_idle(Arc::downgrade(&self.inner), stop.clone()));
        Running { kinds, asked_at: now, _stop: stop.clone().drop_guard(), stop }
    }

    fn hold(&self, resource: ApiResource, whole: bool, most: usize, stop: &CancellationToken) -> Held {
        let stop = stop.child_token();
        let store = Arc::new(Mutex::new(Store::holding(most)));
        let subject = Subject {
            name: format!("{} (owned)", resource.kind),
            path: path::collection(&resource, None),
            selector: "",
            only: "",
            accept: if whole { (JSON, JSON) } else { (METADATA_LIST, METADATA) },
            page: if whole { PAGE } else { METADATA_PAGE },
        };
        let kept = Kept::new(&resource, Arc::clone(&store));
        tokio::spawn(follow(self.inner.cluster.clone(), subject, kept, Proofs::default(), stop.clone()));
        Held { resource, store, _stop: stop.drop_guard() }
    }
}

fn is_usual(resource: &ApiResource) -> bool {
    KINDS.iter().any(|(group, _, kind, ..)| *group == resource.group && *kind == resource.kind)
}

/// Ends the watches once nobody asked for a while.
async fn end_when_idle(inner: std::sync::Weak<Inner>, stop: CancellationToken) {
    loop {
        let Some(clock) = inner.upgrade().map(|inner| inner.cluster.clock().clone()) else { return };
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(LOOK) => {}
        }
        let Some(inner) = inner.upgrade() else { return };
        let mut running = inner.running.lock();
        let idle = running.as_ref().is_some_and(|r| clock.now().duration_since(r.asked_at).unsigned_abs() >= IDLE);
        if idle {
            *running = None;
            return;
        }
    }
}
