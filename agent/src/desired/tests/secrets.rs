//! Secrets of an apiserver that is played in memory, and that stops working when it is told to: what a store over them does at each of its requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::store::Failing;
use crate::desired::SecretChunks;
use crate::home::Home;
use crate::observe::mock::answering;

const PATH: &str = "/api/v1/namespaces/own/secrets";

/// Clones share everything.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Clone, Default)]
struct Inner {
    secrets: BTreeMap<String, Value>,
    version: u64,
    /// Each opening is another holder of the Lease.
    epoch: u64,
    /// Changes that still succeed; `None` for all.
    left: Option<usize>,
    failing: Failing,
}

// === impl Secrets ===

impl Secrets {
    /// Opens the store as the next holder of the Lease.
    pub(super) async fn open(&self) -> SecretChunks {
        let epoch = {
            let mut inner = self.inner.lock();
            inner.epoch += 1;
            inner.epoch
        };
        SecretChunks::open(self.home(), epoch).await.expect("a store")
    }

    fn home(&self) -> Home {
        let inner = Arc::clone(&self.inner);
        let cluster =
            answering(move |method: &Method, path: &str, body: &Value| inner.lock().answer(method, path, body));
        Home::new(cluster, "own")
    }

    pub(super) fn fail_after(&self, changes: usize, failing: Failing) {
        let mut inner = self.inner.lock();
        (inner.left, inner.failing) = (Some(changes), failing);
    }

    pub(super) fn heal(&self) {
        self.inner.lock().left = None;
    }

    /// A copy that shares nothing.
    pub(super) fn snapshot(&self) -> Self {
        Self { inner: Arc::new(Mutex::new(self.inner.lock().clone())) }
    }

    /// Chunks, the pointer aside.
    pub(super) fn chunks(&self) -> usize {
        self.inner.lock().secrets.len() - 1
    }

    pub(super) fn all(&self) -> Vec<Value> {
        self.inner.lock().secrets.values().cloned().collect()
    }
}

// === impl Inner ===

impl Inner {
    fn answer(&mut self, method: &Method, path: &str, body: &Value) -> Option<(u16, Value)> {
        let name = path.strip_prefix(PATH).unwrap_or_default().trim_start_matches('/').to_owned();
        if *method == Method::GET {
            return Some(self.read(&name));
        }
        match self.left {
            None => Some(self.change(method, &name, body)),
            // What was done and not answered is a connection that broke.
            Some(0) => match self.failing {
                Failing::After => {
                    self.change(method, &name, body);
                    None
                }
                Failing::Before => None,
                Failing::Full => Some(status(403, "Forbidden", "exceeded quota: secrets")),
            },
            Some(left) => {
                self.left = Some(left - 1);
                Some(self.change(method, &name, body))
            }
        }
    }

    fn read(&self, name: &str) -> (u16, Value) {
        if name.is_empty() {
            let is_chunk = |secret: &&Value| secret["metadata"]["labels"]["windlass.dev/agent-keeps"] == "chunk";
            let items: Vec<&Value> = self.secrets.values().filter(is_chunk).collect();
            return (200, json!({"kind": "SecretList", "metadata": {"resourceVersion": "1"}, "items": items}));
        }
        self.secrets.get(name).map_or_else(|| status(404, "NotFound", "none"), |secret| (200, secret.clone()))
    }

    fn change(&mut self, method: &Method, name: &str, body: &Value) -> (u16, Value) {
        self.version += 1;
        let version = self.version.to_string();
        match *method {
            Method::POST => {
                let name = body["metadata"]["name"].as_str().expect("a name").to_owned();
                assert!(!self.secrets.contains_key(&name), "a chunk is never written twice");
                let mut made = body.clone();
                made["metadata"]["resourceVersion"] = version.into();
                self.secrets.insert(name, made.clone());
                (201, made)
            }
            Method::PATCH => {
                let Some(secret) = self.secrets.get_mut(name) else { return status(404, "NotFound", "none") };
                if body["metadata"]["resourceVersion"] != secret["metadata"]["resourceVersion"] {
                    return status(409, "Conflict", "it was modified");
                }
                for (key, value) in body["data"].as_object().into_iter().flatten() {
                    secret["data"][key] = value.clone();
                }
                secret["metadata"]["annotations"] = body["metadata"]["annotations"].clone();
                secret["metadata"]["resourceVersion"] = version.into();
                (200, secret.clone())
            }
            Method::DELETE => {
                self.secrets.remove(name);
                (200, json!({"kind": "Status", "status": "Success"}))
            }
            _ => status(405, "MethodNotAllowed", "no"),
        }
    }
}

fn status(code: u16, reason: &str, message: &str) -> (u16, Value) {
    (code, json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}))
}
