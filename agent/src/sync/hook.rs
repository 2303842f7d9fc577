//! Hooks in the cluster: made once, watched over by a finalizer until their outcome is durable, and deleted.

use http::Method;
use serde_json::{Value, json};
use windlass_domain::application::Cascade;
use windlass_domain::discovery::ApiResource;
use windlass_domain::hook::{FINALIZER, MARK};
use windlass_domain::manifest::{ResourceKey, annotation};
use windlass_domain::ownership::{Claim, Owner};

use super::apply::{self, Options};
use super::client::{Body, Error, write};
use super::{delete, replace};
use crate::observe::{Cluster, look, path, slim};

/// Somebody may write between a look and a patch.
const TRIES: usize = 4;

/// One run of a hook.
#[derive(Debug, Clone)]
pub struct Run {
    /// Which run of which operation.
    pub mark: String,
    /// What an earlier run left under its name is deleted first.
    pub recreate: bool,
    /// Whose it is.
    pub owner: Owner,
}

/// Makes a hook, and answers with it as it is. One that carries the mark was made by this very run and is left as it is; what an earlier run left under its
/// name is deleted first, and waited for, or else applied over.
///
/// # Errors
/// [`Error::Object`] when its name is taken by somebody else's object.
pub async fn run(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
    object: &Value,
    options: Options,
    run: &Run,
) -> Result<Value, Error> {
    let live = look::get(cluster, resource, key).await.map_err(|error| Error::of(key, error))?;
    if let Some(live) = live {
        if annotation(&live, MARK) == Some(&run.mark) {
            return Ok(live);
        }
        if let Claim::Refused(owner) = run.owner.claim(key, &slim::metadata(&live)) {
            return Err(Error::Object { key: key.clone(), why: format!("its name is taken by an object of {owner}") });
        }
        if !run.recreate {
            let options = Options { adopt: true, ..options };
            return apply::apply(cluster, resource, key, &marked(object, &run.mark), options).await.map(|a| a.response);
        }
        let uid = live.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned();
        release(cluster, resource, key, None).await?;
        delete::delete(cluster, resource, key, &uid, Cascade::Background).await?;
        replace::gone(cluster, resource, key, &uid).await?;
    }
    fail::fail_point!("agent::hook::before", |_| Err(Error::lost(key)));
    let made = replace::create(cluster, resource, key, &marked(object, &run.mark), options).await?;
    fail::fail_point!("agent::hook::after", |_| Err(Error::lost(key)));
    Ok(made)
}

/// Takes our finalizer off the hook; one that is not there is fine. With a mark only off the one of that run.
///
/// # Errors
/// Those of the apiserver.
pub async fn release(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
    mark: Option<&str>,
) -> Result<(), Error> {
    let mut tries = 1;
    loop {
        let live = look::get(cluster, resource, key).await.map_err(|error| Error::of(key, error))?;
        let Some(live) = live.filter(|live| mark.is_none() || annotation(live, MARK) == mark) else { return Ok(()) };
        let Some(patch) = without_finalizer(&live) else { return Ok(()) };
        let at = path::object(resource, &key.namespace, &key.name);
        match write(cluster, key, Method::PATCH, &at, Body::JsonPatch(&patch)).await {
            Err(error) if error.is_conflict() && tries < TRIES => tries += 1,
            Err(error) if error.proves_absence() => return Ok(()),
            done => return done.map(|_| ()),
        }
    }
}

/// Takes our finalizer off the hook of this run and deletes it; one that is not there, or another run's, is fine.
///
/// # Errors
/// Those of the apiserver.
pub async fn remove(cluster: &Cluster, resource: &ApiResource, key: &ResourceKey, mark: &str) -> Result<(), Error> {
    fail::fail_point!("agent::hook::remove", |_| Err(Error::lost(key)));
    release(cluster, resource, key, Some(mark)).await?;
    let live = look::get(cluster, resource, key).await.map_err(|error| Error::of(key, error))?;
    let Some(live) = live.filter(|live| annotation(live, MARK) == Some(mark)) else { return Ok(()) };
    let uid = live.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
    delete::delete(cluster, resource, key, uid, Cascade::Background).await
}

/// The hook as it is made: with its run's mark, and our finalizer.
fn marked(object: &Value, mark: &str) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(MARK.into(), Value::from(mark));
        }
        let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
        if let Some(finalizers) = finalizers.as_array_mut() {
            finalizers.push(Value::from(FINALIZER));
        }
    }
    object
}

/// A JSON patch that the apiserver refuses as a conflict when the object is no longer what was seen; `None` when there is nothing to take off.
fn without_finalizer(live: &Value) -> Option<Value> {
    let finalizers = live.pointer("/metadata/finalizers")?.as_array()?;
    let rest: Vec<&Value> = finalizers.iter().filter(|finalizer| finalizer.as_str() != Some(FINALIZER)).collect();
    (rest.len() < finalizers.len()).then(|| {
        json!([
            {"op": "replace", "path": "/metadata/finalizers", "value": rest},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": live.pointer("/metadata/resourceVersion")},
        ])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_finalizer_comes_and_goes() {
        let object = json!({"metadata": {"name": "a", "finalizers": ["theirs"], "annotations": {"x": "y"}}});
        let mut hook = marked(&object, "run-1");
        assert_eq!(hook["metadata"]["finalizers"], json!(["theirs", FINALIZER]));
        assert_eq!(hook["metadata"]["annotations"], json!({"x": "y", MARK: "run-1"}));
        hook["metadata"]["resourceVersion"] = json!("7");
        let patch = without_finalizer(&hook).unwrap_or_default();
        assert_eq!(patch.pointer("/0/value"), Some(&json!(["theirs"])));
        assert_eq!(patch.pointer("/1/value"), Some(&json!("7")));
        assert_eq!(without_finalizer(&object), None);
    }
}
