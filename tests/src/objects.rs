//! Hands to touch a cluster's objects: what a person with kubectl would do.

use anyhow::{Context as _, Result};
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::Value;

use crate::manifest::Manifest;

/// Who writes here, as managedFields name it.
pub const SOMEBODY: &str = "somebody";

/// The objects of one cluster, seen by its administrator.
#[derive(Clone)]
pub struct Objects {
    client: Client,
}

/// Which object: `("v1", "ConfigMap", "message")`.
pub type Kind<'a> = (&'a str, &'a str, &'a str);

/// ConfigMap of this name.
pub fn configmap(name: &str) -> Kind<'_> {
    ("v1", "ConfigMap", name)
}

/// Deployment of this name.
pub fn deployment(name: &str) -> Kind<'_> {
    ("apps/v1", "Deployment", name)
}

/// Namespace of this name.
pub fn namespace(name: &str) -> Kind<'_> {
    ("v1", "Namespace", name)
}

impl Objects {
    /// Over this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The object, or nothing. Cluster-scoped objects have the namespace `""`.
    pub async fn get(&self, namespace: &str, kind: Kind<'_>) -> Result<Option<Value>> {
        let found = self.api(namespace, kind)?.get_opt(kind.2).await?;
        found.map(serde_json::to_value).transpose().context("reading an object")
    }

    /// An object that is there, and not on its way out.
    pub async fn present(&self, namespace: &str, kind: Kind<'_>) -> Result<Option<Value>> {
        let found = self.get(namespace, kind).await?;
        Ok(found.filter(|object| object["metadata"]["deletionTimestamp"].is_null()))
    }

    /// Deletes it by hand.
    pub async fn delete(&self, namespace: &str, kind: Kind<'_>) -> Result<()> {
        self.api(namespace, kind)?.delete(kind.2, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Edits it by hand: a merge patch of [`SOMEBODY`].
    pub async fn edit(&self, namespace: &str, kind: Kind<'_>, patch: Value) -> Result<Value> {
        let parameters = PatchParams { field_manager: Some(SOMEBODY.to_owned()), ..PatchParams::default() };
        let edited = self.api(namespace, kind)?.patch(kind.2, &parameters, &Patch::Merge(patch)).await?;
        serde_json::to_value(edited).context("reading an object")
    }

    /// Applies a manifest as `manager`, without force.
    pub async fn apply(&self, manifest: &Manifest, manager: &str) -> Result<Value> {
        let value = manifest.to_json();
        let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
        let api = self.api(&text("/metadata/namespace"), (&version, &kind, &name))?;
        let applied = api.patch(&name, &PatchParams::apply(manager), &Patch::Apply(&value)).await?;
        serde_json::to_value(applied).context("reading an object")
    }

    fn api(&self, namespace: &str, (api_version, kind, _): Kind<'_>) -> Result<Api<DynamicObject>> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Ok(match namespace {
            "" => Api::all_with(self.client.clone(), &resource),
            namespace => Api::namespaced_with(self.client.clone(), namespace, &resource),
        })
    }
}
