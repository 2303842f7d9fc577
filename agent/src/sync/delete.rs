//! Deletion of one object, and of no other that took its name.

use http::Method;
use serde_json::{Value, json};
use windlass_domain::application::Cascade;
use windlass_domain::discovery::ApiResource;
use windlass_domain::manifest::ResourceKey;

pub use super::client::Error;
use super::client::{Body, write};
use crate::observe::{Cluster, path};

/// Asks for the deletion of the object of this key and uid; one that is not there is fine. Says nothing of when it is gone: finalizers may hold it.
///
/// # Errors
/// [`Error::Replaced`] when another object has the key now: it is left alone. [`Error::NotServed`] when the kind is not: that proves nothing.
pub async fn delete(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
    uid: &str,
    propagation: Cascade,
) -> Result<(), Error> {
    fail::fail_point!("agent::delete::before", |_| Err(Error::lost(key)));
    let options = options(uid, propagation);
    let path = path::object(resource, &key.namespace, &key.name);
    let answer = write(cluster, key, Method::DELETE, &path, Body::Json(&options)).await;
    fail::fail_point!("agent::delete::after", |_| Err(Error::lost(key)));
    match answer {
        Ok(_) => Ok(()),
        Err(error) if error.proves_absence() => Ok(()),
        // The uid is the only precondition that we give.
        Err(error) if error.is_conflict() => Err(Error::Replaced(key.clone())),
        Err(error) => Err(error),
    }
}

/// What a delete says of itself.
pub(super) fn options(uid: &str, propagation: Cascade) -> Value {
    json!({
        "kind": "DeleteOptions", "apiVersion": "v1",
        "preconditions": {"uid": uid}, "propagationPolicy": policy(propagation),
    })
}

fn policy(propagation: Cascade) -> &'static str {
    match propagation {
        Cascade::Foreground => "Foreground",
        Cascade::Background => "Background",
        Cascade::Orphan => "Orphan",
    }
}
