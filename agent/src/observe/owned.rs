//! Objects that others own, held slim: of each what a tree shows, some hundreds of bytes, so that a tree of thousands is there at once.
//!
//! Watched only while somebody looks: the watches begin with the first question, and end when nobody asked for a while. They prove nothing about the cluster's
//! freshness, and what they hold is used only while they are live; otherwise whoever asks lists.

mod slim;
mod store;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};
use windlass_domain::discovery::ApiResource;
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

/// Kinds that are held, and whether more than their metadata is read: how they do is in their status.
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
    kinds: Vec<(ApiResource, Arc<Mutex<Store>>)>,
    asked_at: Timestamp,
    _stop: DropGuard,
}

// === impl Owned ===

impl Owned {
    /// Nothing is watched yet.
    pub fn new(cluster: Cluster) -> Self {
        Self { inner: Arc::new(Inner { cluster, running: Mutex::default() }) }
    }

    /// Somebody asks: the watches begin, if they are not up, and stay up for a while.
    pub fn wanted(&self) {
        let now = self.inner.cluster.clock().now();
        let mut running = self.inner.running.lock();
        match running.as_mut() {
            Some(running) => running.asked_at = now,
            None => *running = Some(self.start(now)),
        }
    }

    /// The objects of a kind in a namespace, or in all; `None` while they are not known for sure: list them.
    pub fn members(&self, resource: &ApiResource, namespace: Option<&str>) -> Option<Vec<Member>> {
        let running = self.inner.running.lock();
        let (_, store) = running.as_ref()?.kinds.iter().find(|(held, _)| held == resource)?;
        let store = store.lock();
        store.is_live().then(|| store.members(resource, namespace))
    }

    /// How many are held; for people.
    pub fn count(&self) -> usize {
        let running = self.inner.running.lock();
        running.iter().flat_map(|running| &running.kinds).map(|(_, store)| store.lock().len()).sum()
    }

    fn start(&self, now: Timestamp) -> Running {
        let stop = CancellationToken::new();
        let kinds = KINDS.map(|(group, version, kind, plural, whole)| {
            let resource = ApiResource {
                group: group.into(),
                version: version.into(),
                kind: kind.into(),
                plural: plural.into(),
                namespaced: true,
            };
            let store = Arc::new(Mutex::new(Store::default()));
            let accept = if whole { (JSON, JSON) } else { (METADATA_LIST, METADATA) };
            let subject = Subject {
                name: format!("{kind} (owned)"),
                path: path::collection(&resource, None),
                selector: "",
                accept,
                page: PAGE,
            };
            let kept = Kept::new(&resource, Arc::clone(&store));
            let cluster = self.inner.cluster.clone();
            tokio::spawn(follow(cluster, subject, kept, Proofs::default(), stop.clone()));
            (resource, store)
        });
        tokio::spawn(end_when_idle(Arc::downgrade(&self.inner), stop.clone()));
        Running { kinds: kinds.into(), asked_at: now, _stop: stop.drop_guard() }
    }
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
