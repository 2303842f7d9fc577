//! The named exceptions from server-side apply: `Replace=true`, `Force=true`, and objects whose name the server completes.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use windlass_domain::application::Cascade;
use windlass_domain::discovery::ApiResource;
use windlass_domain::hook::MARK;
use windlass_domain::manifest::{ResourceKey, annotation};
use windlass_domain::ownership::MANAGED;
use windlass_domain::projection::MANAGER;
use windlass_domain::sync::prune::takes_others_along;

use super::apply::{self, Applied, Options};
use super::client::{Body, Error, write};
use super::delete;
use crate::observe::client::METADATA_LIST;
use crate::observe::{Cluster, look, path};

/// How long an object that is deleted and made again may take to go.
const GONE_LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked for meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Writes an object as `options` say. Idempotent: a call that was cut off is made again, whatever it had done.
///
/// # Errors
/// As of [`apply::apply`]; an immutable field is one only without `force`.
pub async fn put(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
    object: &Value,
    options: Options,
    (replace, force): (bool, bool),
) -> Result<Applied, Error> {
    // What takes others along is updated at most: deleting a namespace to change a label would be a disaster.
    let force = force && !takes_others_along(key);
    if replace && force {
        recreate(cluster, resource, key, object, options).await
    } else if replace {
        let adopted = replaced(cluster, resource, key, object, options).await?;
        // Our entry in managedFields is what drift is told by: the same object once more, as an apply.
        let applied = apply::apply(cluster, resource, key, object, Options { adopt: adopted, ..options }).await?;
        Ok(Applied { adopted: Vec::new(), ..applied })
    } else {
        match apply::apply(cluster, resource, key, object, options).await {
            Err(error) if force && error.is_immutable() => recreate(cluster, resource, key, object, options).await,
            answer => answer,
        }
    }
}

/// A PUT over what is there; `false` when there was nothing.
async fn replaced(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
    object: &Value,
    options: Options,
) -> Result<bool, Error> {
    let live = look::get(cluster, resource, key).await.map_err(|error| Error::of(key, error))?;
    let Some(live) = live else { return Ok(false) };
    let mut object = object.clone();
    if let (Some(version), Some(metadata)) =
        (live.pointer("/metadata/resourceVersion"), object.get_mut("metadata").and_then(Value::as_object_mut))
    {
        metadata.insert("resourceVersion".into(), version.clone());
    }
    let at = format!(
        "{}?fieldManager={MANAGER}{}",
        path::object(resource, &key.namespace, &key.name),
        apply::validation(options)
    );
    write(cluster, key, Method::PUT, &at, Body::Json(&object)).await?;
    Ok(true)
}

async fn recreate(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
    object: &Value,
    options: Options,
) -> Result<Applied, Error> {
    let live = look::look(cluster, resource, key).await;
    if let windlass_domain::live::Observed::Present(live) = live {
        delete::delete(cluster, resource, key, &live.uid, Cascade::Background).await?;
        gone(cluster, resource, key, &live.uid).await?;
    }
    fail::fail_point!("agent::recreate::deleted", |_| Err(Error::lost(key)));
    apply::apply(cluster, resource, key, object, Options { adopt: false, ..options }).await
}

/// Waits until the object of this uid is proved gone.
pub(super) async fn gone(cluster: &Cluster, resource: &ApiResource, key: &ResourceKey, uid: &str) -> Result<(), Error> {
    let wait = async {
        loop {
            match look::get(cluster, resource, key).await.map_err(|error| Error::of(key, error))? {
                Some(live) if live.pointer("/metadata/uid").and_then(Value::as_str) == Some(uid) => {
                    cluster.clock().sleep(LOOK_EVERY).await;
                }
                _ => return Ok(()),
            }
        }
    };
    let late = || Error::Object { key: key.clone(), why: "it is still being deleted: a finalizer holds it".into() };
    cluster.clock().timeout(GONE_LIMIT, wait).await.unwrap_or_else(|_| Err(late()))
}

/// Makes an object under a name that the server completes, once for each mark: when it may have been made before (`again`), it is looked for.
///
/// # Errors
/// As of [`apply::apply`].
pub async fn create_once(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
    object: &Value,
    options: Options,
    (mark, again): (&str, bool),
) -> Result<Value, Error> {
    if again && let Some(made) = made_before(cluster, resource, key, mark).await? {
        return Ok(made);
    }
    let mut object = object.clone();
    if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.insert(MARK.into(), Value::from(mark));
    }
    create(cluster, resource, key, &object, options).await
}

async fn made_before(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
    mark: &str,
) -> Result<Option<Value>, Error> {
    let at = format!("{}?labelSelector={MANAGED}%3Dtrue", path::collection(resource, Some(&key.namespace)));
    let list: Value = cluster.get(&at, METADATA_LIST).await.map_err(|error| Error::of(key, error))?;
    let items = list.get("items").and_then(Value::as_array).into_iter().flatten();
    Ok(items.into_iter().find(|made| annotation(made, MARK) == Some(mark)).cloned())
}

/// Makes an object that is not there, by POST.
///
/// # Errors
/// As of [`apply::apply`].
pub async fn create(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
    object: &Value,
    options: Options,
) -> Result<Value, Error> {
    fail::fail_point!("agent::create::before", !options.dry_run, |_| Err(Error::lost(key)));
    let at = format!(
        "{}?fieldManager={MANAGER}{}{}",
        path::collection(resource, Some(&key.namespace)),
        apply::validation(options),
        if options.dry_run { "&dryRun=All" } else { "" }
    );
    let made = write(cluster, key, Method::POST, &at, Body::Json(object)).await?;
    fail::fail_point!("agent::create::after", !options.dry_run, |_| Err(Error::lost(key)));
    Ok(made)
}
