//! The agent's own namespace: what it keeps there as Secrets, and the Lease by which replicas agree who works.
//!
//! It is spoken to over a connection of its own, so that a cluster that is busy with applications keeps no Lease from being renewed.

mod owned;

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::observe::client::{Error, METADATA_LIST, READ_LIMIT, request};
use crate::observe::path::push_segment;
use crate::observe::{Cluster, follow_deployment};

pub use owned::{Error as SecretError, OwnedSecret};

/// The longest that a Lease's renewal may take: several fit into its life.
pub(crate) const LEASE_LIMIT: Duration = Duration::from_secs(4);
/// Objects of one page of a list.
const PAGE: usize = 500;
/// Objects that are looked at to name a cause.
const FEW: usize = 20;
const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// One namespace of the cluster. Clones share the connection.
#[derive(Clone)]
pub struct Home {
    cluster: Cluster,
    namespace: String,
}

/// What is kept there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Secret,
    Lease,
    Deployment,
    /// Only listed.
    Pod,
}

// === impl Home ===

impl Home {
    /// Does not call the apiserver.
    pub fn new(cluster: Cluster, namespace: impl Into<String>) -> Self {
        Self { cluster, namespace: namespace.into() }
    }

    /// Its name.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// An object; `None` when there is none.
    pub(crate) async fn get(&self, kind: Kind, name: &str) -> Result<Option<Value>, Error> {
        match self.call(Method::GET, self.path(kind, Some(name)), None, kind.limit()).await {
            Err(Error::Refused(refusal)) if refusal.code == 404 => Ok(None),
            found => found.map(Some),
        }
    }

    /// An entry of any Secret; `None` when there is none.
    ///
    /// # Errors
    /// The apiserver's.
    pub async fn entry(&self, secret: &str, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        use base64::Engine as _;
        let found = self.get(Kind::Secret, secret).await?;
        let Some(text) = found.as_ref().and_then(|found| found["data"][entry].as_str()) else { return Ok(None) };
        let bytes = base64::engine::general_purpose::STANDARD.decode(text);
        bytes.map(|bytes| Some(Zeroizing::new(bytes))).map_err(|_| Error::Malformed(format!("{secret} is not base64")))
    }

    pub(crate) async fn create(&self, kind: Kind, object: &Value) -> Result<Value, Error> {
        self.call(Method::POST, self.path(kind, None), Some((JSON, object)), kind.limit()).await
    }

    /// Replaces the object that has the version of this one.
    pub(crate) async fn replace(&self, kind: Kind, name: &str, object: &Value) -> Result<Value, Error> {
        self.call(Method::PUT, self.path(kind, Some(name)), Some((JSON, object)), kind.limit()).await
    }

    /// Changes what the patch names.
    pub(crate) async fn merge(&self, kind: Kind, name: &str, patch: &Value) -> Result<Value, Error> {
        self.call(Method::PATCH, self.path(kind, Some(name)), Some((MERGE, patch)), kind.limit()).await
    }

    /// Changes what the patch names; lists of named things are merged by name.
    pub(crate) async fn patch(&self, kind: Kind, name: &str, patch: &Value) -> Result<Value, Error> {
        self.call(Method::PATCH, self.path(kind, Some(name)), Some((STRATEGIC, patch)), kind.limit()).await
    }

    /// The first page of the objects with a label (`key=value`).
    pub(crate) async fn some(&self, kind: Kind, label: &str) -> Result<Vec<Value>, Error> {
        let mut path = format!("{}?limit={FEW}&labelSelector=", self.path(kind, None));
        push_segment(&mut path, label);
        let mut page = self.call(Method::GET, path, None, kind.limit()).await?;
        Ok(page["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// Tells the Deployment of this name at each change, until `stop`.
    pub(crate) async fn follow_deployment(
        &self,
        name: &'static str,
        sender: watch::Sender<Option<Value>>,
        stop: CancellationToken,
    ) {
        follow_deployment(self.cluster.clone(), &self.namespace, name, sender, stop).await;
    }

    /// One that is not there is fine.
    pub(crate) async fn delete(&self, kind: Kind, name: &str) -> Result<(), Error> {
        match self.call(Method::DELETE, self.path(kind, Some(name)), None, kind.limit()).await {
            Err(Error::Refused(refusal)) if refusal.code == 404 => Ok(()),
            done => done.map(drop),
        }
    }

    /// The names of all Secrets with a label (`key=value`), without their contents.
    pub(crate) async fn labelled(&self, label: &str) -> Result<Vec<String>, Error> {
        let (mut names, mut from) = (Vec::new(), String::new());
        loop {
            let mut path = format!("{}?limit={PAGE}&labelSelector=", self.path(Kind::Secret, None));
            push_segment(&mut path, label);
            if !from.is_empty() {
                path.push_str("&continue=");
                push_segment(&mut path, &from);
            }
            let page: Value = self.cluster.get(&path, METADATA_LIST).await?;
            let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            names.extend(items.iter().filter_map(|item| item["metadata"]["name"].as_str()).map(str::to_owned));
            page["metadata"]["continue"].as_str().unwrap_or_default().clone_into(&mut from);
            if from.is_empty() {
                return Ok(names);
            }
        }
    }

    async fn call(
        &self,
        method: Method,
        path: String,
        body: Option<(&'static str, &Value)>,
        limit: Duration,
    ) -> Result<Value, Error> {
        let body = body.map(|(kind, body)| (kind, body.to_string().into_bytes()));
        self.cluster.call(request(method, &path, JSON, body)?, limit).await?.json()
    }

    fn path(&self, kind: Kind, name: Option<&str>) -> String {
        let (group, plural) = match kind {
            Kind::Secret => ("/api/v1", "secrets"),
            Kind::Lease => ("/apis/coordination.k8s.io/v1", "leases"),
            Kind::Deployment => ("/apis/apps/v1", "deployments"),
            Kind::Pod => ("/api/v1", "pods"),
        };
        let mut path = format!("{group}/namespaces/");
        push_segment(&mut path, &self.namespace);
        path.push('/');
        path.push_str(plural);
        if let Some(name) = name {
            path.push('/');
            push_segment(&mut path, name);
        }
        path
    }
}

// === impl Kind ===

impl Kind {
    fn limit(self) -> Duration {
        match self {
            Self::Secret | Self::Deployment | Self::Pod => READ_LIMIT,
            Self::Lease => LEASE_LIMIT,
        }
    }
}

/// A Secret of the agent's own: its name, its label, what it holds (not encoded yet).
pub(crate) fn secret(name: &str, kind: &str, epoch: u64, immutable: bool, data: &[(&str, &[u8])]) -> Value {
    let data: serde_json::Map<String, Value> =
        data.iter().map(|(key, bytes)| ((*key).to_owned(), owned::encode(bytes))).collect();
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "windlass.dev/agent", "immutable": immutable, "data": data,
        "metadata": {
            "name": name,
            "labels": {owned::LABEL: kind, "app.kubernetes.io/name": "windlass-agent", "app.kubernetes.io/managed-by": "windlass-agent"},
            "annotations": {owned::EPOCH: epoch.to_string()},
        },
    })
}

/// The selector of such Secrets.
pub(crate) fn selector(kind: &str) -> String {
    format!("{}={kind}", owned::LABEL)
}
