//! `CreateNamespace=true`: a namespace is made where it is missing, and not claimed.

use http::Method;
use serde_json::json;
use windlass_domain::manifest::ResourceKey;

pub use super::client::Error;
use super::client::{Body, write};
use crate::observe::Cluster;
use crate::observe::client::Error as CallError;

/// Creates a namespace without label or annotation; one that exists is left as it is, even on its way out: what is then applied into it
/// fails, retryably.
pub async fn ensure(cluster: &Cluster, name: &str) -> Result<(), Error> {
    let (group, namespace) = (String::new(), String::new());
    let key = ResourceKey { group, kind: "Namespace".into(), namespace, name: name.into() };
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    match write(cluster, &key, Method::POST, "/api/v1/namespaces?fieldManager=windlass", Body::Json(&object)).await {
        Ok(_) => Ok(()),
        Err(Error::Call { source: CallError::Refused(refusal), .. }) if refusal.reason == "AlreadyExists" => Ok(()),
        Err(error) => Err(error),
    }
}
