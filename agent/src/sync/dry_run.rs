//! Whether an apply would change an object, asked of the apiserver without changing anything.

use serde_json::Value;
use windlass_domain::discovery::ApiResource;
use windlass_domain::ignore::Ignored;
use windlass_domain::live::DryRun;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::ownership::{INSTALLATION_ID, MANAGED, TRACKING_ID};
use windlass_domain::projection::differs_ignoring;

use super::apply::{Error, Options, apply};
use super::lens::Eyes;
use crate::observe::{Cluster, look};

/// The answer, and which object it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Of the live object that was compared; `None` when there was none, or it could not be read.
    pub uid: Option<String>,
    /// What was found. An object that is not there differs.
    pub answer: DryRun,
}

/// Compares an object, decorated as it would be applied, with the live one: one GET, one forced dry run. What only marks the object as ours does not count:
/// an object that is as git says is not called different because nobody has claimed it yet.
///
/// # Errors
/// Those worth trying again; what cannot succeed as things are is the answer [`DryRun::Impossible`].
pub(super) async fn dry_run(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
    object: &Value,
    eyes: &Eyes,
) -> Result<Compared, Error> {
    let live = match look::get(cluster, resource, key).await.map_err(|error| Error::of(key, error)) {
        Ok(Some(live)) => live,
        Ok(None) => return Ok(Compared { uid: None, answer: DryRun::Differs }),
        Err(error) => return impossible(None, error),
    };
    let uid = live.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
    let options = Options { dry_run: true, ..Options::default() };
    match apply(cluster, resource, key, object, options).await {
        Ok(applied) => {
            let ignored = match eyes.jq.ignored_as(&eyes.selection, &applied.response, &live).await {
                Ok(of_response) => eyes.jq.ignored(&eyes.selection, &live).await.map(|of_live| (of_response, of_live)),
                Err(why) => Err(why),
            };
            let answer =
                ignored.map_or_else(DryRun::Impossible, |ignored| compare(applied.response, live, &ignored, key));
            Ok(Compared { uid, answer })
        }
        Err(error) => impossible(uid, error),
    }
}

fn impossible(uid: Option<String>, error: Error) -> Result<Compared, Error> {
    if error.is_retryable() {
        return Err(error);
    }
    Ok(Compared { uid, answer: DryRun::Impossible(error.to_string()) })
}

fn compare(mut response: Value, mut live: Value, ignored: &(Ignored, Ignored), key: &ResourceKey) -> DryRun {
    for object in [&mut response, &mut live] {
        without_marks(object);
    }
    match differs_ignoring((&response, &ignored.0), (&live, &ignored.1)) {
        Ok(true) => DryRun::Differs,
        Ok(false) => DryRun::Same,
        Err(error) => DryRun::Impossible(format!("{key}: {error}")),
    }
}

fn without_marks(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for (map, marks) in [("annotations", &[TRACKING_ID, INSTALLATION_ID][..]), ("labels", &[MANAGED][..])] {
        let Some(entries) = metadata.get_mut(map).and_then(Value::as_object_mut) else { continue };
        entries.retain(|name, _| !marks.contains(&name.as_str()));
        // The map itself is owned too, and may be there only for our marks.
        if entries.is_empty() {
            metadata.remove(map);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key() -> ResourceKey {
        ResourceKey { group: String::new(), kind: "ConfigMap".into(), namespace: "a".into(), name: "b".into() }
    }

    fn object(data: &Value, metadata: &Value, owned: Option<&Value>) -> Value {
        let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
        if let Some(fields) = owned {
            object["metadata"]["managedFields"] =
                json!([{"manager": "windlass", "operation": "Apply", "apiVersion": "v1", "fieldsV1": fields}]);
        }
        object
    }

    #[test]
    fn marks_alone_are_no_difference() {
        let marked = json!({"annotations": {TRACKING_ID: "x", INSTALLATION_ID: "y"}, "labels": {MANAGED: "true"}});
        let fields = json!({"f:data": {"f:a": {}}, "f:metadata": {
            "f:annotations": {".": {}, "f:argocd.argoproj.io/tracking-id": {}, "f:argocd.argoproj.io/installation-id": {}},
            "f:labels": {".": {}, "f:windlass.dev/managed": {}}}});
        let response = object(&json!({"a": "1"}), &marked, Some(&fields));
        let live = object(&json!({"a": "1"}), &json!({}), None);
        assert_eq!(compare(response.clone(), live, &Default::default(), &key()), DryRun::Same);
        let live = object(&json!({"a": "2"}), &json!({}), None);
        assert_eq!(compare(response, live, &Default::default(), &key()), DryRun::Differs);
    }

    #[test]
    fn a_field_that_the_apply_would_drop_is_a_difference() {
        let response = object(&json!({"a": "1"}), &json!({}), Some(&json!({"f:data": {"f:a": {}}})));
        let live = object(&json!({"a": "1", "b": "2"}), &json!({}), Some(&json!({"f:data": {"f:a": {}, "f:b": {}}})));
        assert_eq!(compare(response, live, &Default::default(), &key()), DryRun::Differs);
        let foreign = object(&json!({"a": "1", "b": "2"}), &json!({}), Some(&json!({"f:data": {"f:a": {}}})));
        let kept = object(&json!({"a": "1", "b": "2"}), &json!({}), Some(&json!({"f:data": {"f:a": {}}})));
        assert_eq!(compare(kept, foreign, &Default::default(), &key()), DryRun::Same);
    }
}
