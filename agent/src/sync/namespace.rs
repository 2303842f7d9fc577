//! `CreateNamespace=true`: a namespace is made where it is missing, and not claimed.

use http::Method;
use serde_json::{Value, json};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::projection::MANAGER;
use windlass_domain::target::NamespaceMetadata;

pub use super::client::Error;
use super::client::{Body, write};
use crate::observe::Cluster;
use crate::observe::client::{Error as CallError, JSON};

async fn is_there(cluster: &Cluster, name: &str) -> bool {
    let mut at = "/api/v1/namespaces/".to_owned();
    crate::observe::path::push_segment(&mut at, name);
    cluster.get::<Value>(&at, JSON).await.is_ok()
}

/// Creates a namespace; one that exists is left as it is, even on its way out: what is then applied into it fails, retryably. With
/// `managedNamespaceMetadata` its labels and annotations are ours, and no others: those that we set before and that are no longer named go.
///
/// # Errors
/// Those of the apiserver.
pub async fn ensure(cluster: &Cluster, name: &str, metadata: Option<&NamespaceMetadata>) -> Result<(), Error> {
    let (group, namespace) = (String::new(), String::new());
    let key = ResourceKey { group, kind: "Namespace".into(), namespace, name: name.into() };
    let mut object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let Some(metadata) = metadata else {
        let at = format!("/api/v1/namespaces?fieldManager={MANAGER}");
        return match write(cluster, &key, Method::POST, &at, Body::Json(&object)).await {
            Ok(_) => Ok(()),
            Err(error) if error.already_exists() => Ok(()),
            // Who may not make namespaces may be let into those that are there.
            Err(Error::Call { source: CallError::Refused(refusal), .. })
                if refusal.code == 403 && is_there(cluster, name).await =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        };
    };
    object["metadata"]["labels"] = Value::from_iter(metadata.labels.clone());
    object["metadata"]["annotations"] = Value::from_iter(metadata.annotations.clone());
    let mut at = "/api/v1/namespaces/".to_owned();
    crate::observe::path::push_segment(&mut at, name);
    // Not the manager of applies: a Namespace that git names as well would lose what it says.
    at.push_str("?fieldManager=windlass-namespace&force=true");
    write(cluster, &key, Method::PATCH, &at, Body::Apply(&object)).await.map(|_| ())
}
