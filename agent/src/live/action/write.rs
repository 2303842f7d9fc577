//! The writes of an action: what each may be, and making them.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use windlass_domain::action::{Change, Done, MANAGER, Ran, patch};
use windlass_domain::discovery::ApiResource;
use windlass_domain::manifest::{ResourceKey, canonical_bytes};
use windlass_domain::question::{RefusalCode, Refused};

use super::super::refused;
use super::super::target::Target;
use crate::observe::client::{Error, JSON, request};
use crate::observe::{Cluster, path};

/// A write waits for admission webhooks; what takes longer than the hub waits for is found by looking.
const LIMIT: Duration = Duration::from_secs(20);
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A write that is permitted.
pub(super) struct Write {
    key: ResourceKey,
    resource: ApiResource,
    change: Change,
}

/// Every write of an action, permitted; nothing is written where one is not.
pub(super) fn prepare(target: &Target, object: &ResourceKey, changes: &[Change]) -> Result<Vec<Write>, Refused> {
    changes.iter().map(|change| permitted(target, object, change)).collect()
}

fn permitted(target: &Target, object: &ResourceKey, change: &Change) -> Result<Write, Refused> {
    let not_served = |kind| Refused::new(RefusalCode::Invalid, format!("the cluster does not serve {kind}"));
    let Change::Create(new) = change else {
        let resource = target.resource(object).ok_or_else(|| not_served(object.group_kind()))?;
        return Ok(Write { key: object.clone(), resource: resource.clone(), change: change.clone() });
    };
    let key = ResourceKey::of(new);
    let api_version = new.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let resource = target.facts.discovery.find(api_version, &key.kind).ok_or_else(|| not_served(key.group_kind()))?;
    let key = key.in_namespace(&object.namespace, resource.namespaced);
    if resource.namespaced && key.namespace.is_empty() {
        return Err(Refused::new(RefusalCode::Invalid, format!("{key} needs a namespace, and the action names none")));
    }
    target.permit(&key)?;
    let mut new = new.clone();
    if let Some(metadata) = new.get_mut("metadata").and_then(Value::as_object_mut) {
        match resource.namespaced {
            true => drop(metadata.insert("namespace".to_owned(), Value::from(key.namespace.as_str()))),
            false => drop(metadata.remove("namespace")),
        }
    }
    Ok(Write { key, resource: resource.clone(), change: Change::Create(new) })
}

/// Makes the writes in their order, and no more after one that failed. An error only when nothing was done.
pub(super) async fn carry_out(cluster: &Cluster, object: &ResourceKey, writes: Vec<Write>) -> Result<Ran, Refused> {
    let mut ran = Ran::default();
    for write in writes {
        let made = match &write.change {
            Change::Patch(change) => patched(cluster, &write, change).await,
            Change::Create(new) => created(cluster, &write, new).await,
        };
        match made {
            Ok(done) => ran.done.push(done),
            Err(error) => {
                let why = discreet(object.is_secret() || write.key.is_secret(), error);
                if ran.done.is_empty() {
                    return Err(refused(&object.to_string(), &why));
                }
                ran.failed = Some(why.to_string());
                break;
            }
        }
    }
    Ok(ran)
}

/// The object, then its status; both in one where the kind has no subresource for it.
async fn patched(cluster: &Cluster, write: &Write, change: &Value) -> Result<Done, Error> {
    let at = path::object(&write.resource, &write.key.namespace, &write.key.name);
    let (main, status) = patch::split_status(change);
    let to = (cluster, write.key.namespace.as_str());
    let mut version = None;
    if let Some(main) = main {
        let answer = send(to, Method::PATCH, &at, MERGE_PATCH, &main).await?;
        version = answer.pointer("/metadata/resourceVersion").cloned();
    }
    if let Some(mut status) = status {
        // The guard is for changes of others: our own has just made another version.
        if let (Some(version), Some(guard)) = (version, status.pointer_mut("/metadata/resourceVersion")) {
            *guard = version;
        }
        match send(to, Method::PATCH, &format!("{at}/status"), MERGE_PATCH, &status).await {
            // A kind without a status of its own answers as if the object were not there; if it is not, this says so too.
            Err(error) if error.refused().is_some_and(|refusal| refusal.code == 404) => {
                send(to, Method::PATCH, &at, MERGE_PATCH, &status).await?;
            }
            answer => drop(answer?),
        }
    }
    Ok(Done { key: write.key.clone(), created: false })
}

async fn created(cluster: &Cluster, write: &Write, new: &Value) -> Result<Done, Error> {
    let at = path::collection(&write.resource, Some(&write.key.namespace));
    let answer = send((cluster, &write.key.namespace), Method::POST, &at, JSON, new).await?;
    let name = ResourceKey::of(&answer).name;
    let name = if name.is_empty() { write.key.name.clone() } else { name };
    Ok(Done { key: ResourceKey { name, ..write.key.clone() }, created: true })
}

async fn send(
    (cluster, namespace): (&Cluster, &str),
    method: Method,
    at: &str,
    kind: &'static str,
    body: &Value,
) -> Result<Value, Error> {
    let _turn = cluster.turn_to_write().await;
    let at = format!("{at}?fieldManager={MANAGER}&fieldValidation=Strict");
    let request = request(method, &at, JSON, Some((kind, canonical_bytes(body))))?;
    cluster.call(cluster.in_the_name(namespace, request)?, LIMIT).await?.json()
}

/// A refusal may quote the object, and what was made of a Secret may hold what that holds.
fn discreet(is_secret: bool, error: Error) -> Error {
    match error {
        Error::Refused(mut refusal) if is_secret => {
            "the apiserver refused it".clone_into(&mut refusal.message);
            refusal.causes.clear();
            Error::Refused(refusal)
        }
        other => other,
    }
}
