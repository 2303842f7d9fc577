//! The watches of the managed kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use windlass_domain::discovery::ApiResource;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::time::Timestamp;
use windlass_runtime::shutdown::Shutdown;

use super::client::{Cluster, JSON, METADATA, METADATA_LIST};
use super::proofs::Proofs;
use super::stream::{Item, PAGE, Sink, Subject, follow};
use super::union::Union;
use super::{definitions, path, pauses};

/// Managed objects, and only they, carry it.
const SELECTOR: &str = "windlass.dev/managed=true";

/// Where objects are watched. Kinds without namespaces are watched whole in either case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchScope {
    /// In all namespaces.
    All,
    /// In these.
    Namespaces(BTreeSet<String>),
}

/// What a watch of one kind saw. The events of a kind come in the cluster's order: a LIST's objects, [`Listed`](Self::Listed), [`Live`](Self::Live), then
/// what changes.
#[derive(Clone, PartialEq)]
pub enum Event {
    /// An object of a LIST, or one that was added or modified; whole, with `apiVersion`, `kind` and `managedFields`.
    Object {
        /// Its kind.
        resource: Arc<ApiResource>,
        /// The object.
        object: Box<Value>,
    },
    /// An object that is gone, or that lost our label: only a GET tells which.
    Deleted {
        /// Its kind.
        resource: Arc<ApiResource>,
        /// Its key.
        key: ResourceKey,
        /// The uid it had.
        uid: String,
    },
    /// A LIST is complete: managed objects of the kind that it does not name are gone, or lost our label.
    Listed {
        /// The kind.
        resource: Arc<ApiResource>,
        /// All that there are.
        keys: BTreeSet<ResourceKey>,
    },
    /// The watch of a kind is open, after it was not: what the kind's events said is current from here on.
    Live {
        /// The kind.
        resource: Arc<ApiResource>,
    },
    /// The watch of a kind failed and is tried again: what was said of the kind may be outdated. Comes again at every try that fails.
    Stale {
        /// The kind.
        resource: Arc<ApiResource>,
        /// For people.
        reason: String,
    },
}

/// The set of running watches. Clones share it.
#[derive(Clone)]
pub struct Watches {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    scope: WatchScope,
    events: mpsc::Sender<Event>,
    shutdown: Shutdown,
    proofs: Proofs,
    running: Mutex<BTreeMap<ApiResource, CancellationToken>>,
}

#[derive(Clone)]
pub(super) struct Managed {
    resource: Arc<ApiResource>,
    api_version: String,
    events: mpsc::Sender<Event>,
    /// Of the LIST under way.
    keys: BTreeSet<ResourceKey>,
    listing: bool,
}

// === impl Watches ===

impl Watches {
    /// No watch yet. Events go to `events`; when it is full the watches wait, and the apiserver ends those that wait too long: they are then listed again.
    pub fn new(cluster: Cluster, scope: WatchScope, events: mpsc::Sender<Event>, shutdown: Shutdown) -> Self {
        let (proofs, running) = (Proofs::default(), Mutex::default());
        Self { inner: Arc::new(Inner { cluster, scope, events, shutdown, proofs, running }) }
    }

    /// Starts the watches that are missing and stops those that are not named. An event of a stopped watch may still be in the channel.
    pub fn ensure(&self, wanted: &BTreeSet<ApiResource>) {
        let mut running = self.inner.running.lock();
        running.retain(|resource, stop| {
            let keep = wanted.contains(resource);
            if !keep {
                stop.cancel();
                for subject in self.subjects(resource, (JSON, JSON), SELECTOR) {
                    self.inner.proofs.forget(&subject.name);
                }
            }
            keep
        });
        for resource in wanted {
            if !running.contains_key(resource) {
                running.insert(resource.clone(), self.start(resource));
            }
        }
    }

    /// Also watches CustomResourceDefinitions and APIServices, metadata only, until shutdown. A unit is sent when the cluster may serve other kinds than
    /// before: 200 ms after changes ended, once more two seconds later (the apiserver may publish that late), and after each LIST.
    pub fn watch_definitions(&self, changed: mpsc::Sender<()>) {
        let notify = Arc::new(tokio::sync::Notify::new());
        for resource in definitions::resources() {
            let subject = self.subject(&resource, (METADATA_LIST, METADATA), "");
            let sink = definitions::Changes::new(notify.clone());
            self.spawn(subject, sink, self.inner.shutdown.token());
        }
        let (clock, stop) = (self.inner.cluster.clock().clone(), self.inner.shutdown.token());
        self.inner.shutdown.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = definitions::debounce(notify, clock, changed) => {}
            }
        });
    }

    /// Also watches Namespaces, metadata only, until shutdown, and tells which are paused: once they are listed, and at each change.
    pub fn watch_pauses(&self, events: mpsc::Sender<pauses::Pauses>) {
        let subject = self.subject(&pauses::resource(), (METADATA_LIST, METADATA), "");
        let subject = Subject { name: format!("{} (pauses)", subject.name), ..subject };
        self.spawn(subject, pauses::Told::new(events), self.inner.shutdown.token());
    }

    /// Whether every watch (those of [`watch_definitions`](Self::watch_definitions) too) showed within `limit` that it works, and none has failed since. An
    /// idle watch shows it every 60 to 90 seconds, so that a limit below 120 seconds makes no sense.
    pub fn watches_live(&self, now: Timestamp, limit: Duration) -> bool {
        self.inner.proofs.lacking(now, limit).is_empty()
    }

    /// The watches for which [`watches_live`](Self::watches_live) is false, as `Kind.group/version` (`Kind/version` for the core group).
    pub fn not_live(&self, now: Timestamp, limit: Duration) -> Vec<String> {
        self.inner.proofs.lacking(now, limit)
    }

    fn start(&self, resource: &ApiResource) -> CancellationToken {
        let stop = self.inner.shutdown.token().child_token();
        let kind = Managed::new(resource.clone(), self.inner.events.clone());
        let subjects = self.subjects(resource, (JSON, JSON), SELECTOR);
        match (&self.inner.scope, resource.namespaced) {
            (WatchScope::Namespaces(namespaces), true) => {
                let union = Union::new(kind, namespaces);
                for (subject, namespace) in subjects.into_iter().zip(namespaces) {
                    self.spawn(subject, Union::sink(&union, namespace), stop.clone());
                }
            }
            _ => {
                for subject in subjects {
                    self.spawn(subject, kind.clone(), stop.clone());
                }
            }
        }
        stop
    }

    /// One, or one for each namespace.
    fn subjects(
        &self,
        resource: &ApiResource,
        accept: (&'static str, &'static str),
        selector: &'static str,
    ) -> Vec<Subject> {
        let WatchScope::Namespaces(namespaces) = &self.inner.scope else {
            return vec![self.subject(resource, accept, selector)];
        };
        if !resource.namespaced {
            return vec![self.subject(resource, accept, selector)];
        }
        let one = |namespace: &String| Subject {
            name: format!("{} in {namespace}", name_of(resource)),
            path: path::collection(resource, Some(namespace)),
            selector,
            only: "",
            accept,
            page: PAGE,
        };
        namespaces.iter().map(one).collect()
    }

    fn subject(&self, resource: &ApiResource, accept: (&'static str, &'static str), selector: &'static str) -> Subject {
        Subject {
            name: name_of(resource),
            path: path::collection(resource, None),
            selector,
            only: "",
            accept,
            page: PAGE,
        }
    }

    fn spawn(&self, subject: Subject, sink: impl Sink + 'static, stop: CancellationToken) {
        self.inner.proofs.expect(&subject.name);
        let (cluster, proofs) = (self.inner.cluster.clone(), self.inner.proofs.clone());
        self.inner.shutdown.spawn(follow(cluster, subject, sink, proofs, stop));
    }
}

/// `Deployment.apps/v1`. With the version: a kind that moves to another one must prove itself anew.
fn name_of(resource: &ApiResource) -> String {
    let version = &resource.version;
    match resource.group.as_str() {
        "" => format!("{}/{version}", resource.kind),
        group => format!("{}.{group}/{version}", resource.kind),
    }
}

// === impl Event ===

/// What happened to what; never an object's contents, which may be a Secret's.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object { resource, object } => {
                let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                write!(f, "Object({} {}/{})", resource.kind, text("/metadata/namespace"), text("/metadata/name"))
            }
            Self::Deleted { key, uid, .. } => write!(f, "Deleted({key} {uid})"),
            Self::Listed { resource, keys } => write!(f, "Listed({} {})", resource.kind, keys.len()),
            Self::Live { resource } => write!(f, "Live({})", resource.kind),
            Self::Stale { resource, reason } => write!(f, "Stale({} {reason})", resource.kind),
        }
    }
}

// === impl Managed ===

impl Managed {
    pub(super) fn new(resource: ApiResource, events: mpsc::Sender<Event>) -> Self {
        let api_version = match resource.group.as_str() {
            "" => resource.version.clone(),
            group => format!("{group}/{}", resource.version),
        };
        Self { resource: Arc::new(resource), api_version, events, keys: BTreeSet::new(), listing: false }
    }

    pub(super) fn key_of(&self, object: &Value) -> ResourceKey {
        self.resource.key_of(object)
    }

    fn object(&mut self, mut object: Box<Value>) -> Event {
        // A LIST of a built-in kind leaves them out.
        if let Some(fields) = object.as_object_mut() {
            fields.entry("apiVersion").or_insert_with(|| Value::from(self.api_version.as_str()));
            fields.entry("kind").or_insert_with(|| Value::from(self.resource.kind.as_str()));
        }
        if self.listing {
            self.keys.insert(self.key_of(&object));
        }
        Event::Object { resource: self.resource.clone(), object }
    }

    /// A LIST that is complete.
    pub(super) fn listed(&self, keys: BTreeSet<ResourceKey>) -> Event {
        Event::Listed { resource: self.resource.clone(), keys }
    }

    pub(super) fn event(&mut self, item: Item) -> Option<Event> {
        let resource = self.resource.clone();
        Some(match item {
            Item::Listing => {
                self.keys.clear();
                self.listing = true;
                return None;
            }
            Item::Object(object) => self.object(object),
            Item::Deleted(object) => {
                let uid = object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned();
                Event::Deleted { resource, key: self.key_of(&object), uid }
            }
            Item::Listed => {
                self.listing = false;
                Event::Listed { resource, keys: std::mem::take(&mut self.keys) }
            }
            Item::Live => Event::Live { resource },
            Item::Stale(reason) => Event::Stale { resource, reason },
        })
    }
}

impl Managed {
    pub(super) async fn tell(&self, event: Event) {
        // The receiver is gone only when the process is ending.
        let _ = self.events.send(event).await;
    }
}

impl Sink for Managed {
    async fn take(&mut self, item: Item) {
        if let Some(event) = self.event(item) {
            self.tell(event).await;
        }
    }
}
