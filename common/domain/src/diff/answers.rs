//! What an apply would change, from the server's own words: a dry run's answer against the live object.

use serde_json::{Map, Value};

use super::{Difference, compare_with};
use crate::ignore::Ignored;
use crate::projection::{FieldSet, MANAGER, ProjectionError, projection_of};

/// Differences of one object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Compared {
    /// What counts.
    pub differences: Vec<Difference>,
    /// What would count, were it not ignored.
    pub ignored: Vec<Difference>,
}

/// Compares what a forced dry run answered with what is there: the fields that the apply would own, and those that it would give up. Defaults and mutations are
/// in both, and so never a difference.
///
/// # Errors
/// A set of fields that cannot be read.
pub fn compare_answers(response: (&Value, &Ignored), live: (&Value, &Ignored)) -> Result<Compared, ProjectionError> {
    let ours = FieldSet::of_entry(response.0, MANAGER)?;
    let before = FieldSet::of_entry(live.0, MANAGER)?;
    let compare = |response: &Value, live: &Value| {
        let desired = ours.as_ref().map_or_else(|| bare(response), |fields| owned(response, fields));
        let previous = before.as_ref().map(|fields| owned(live, fields));
        compare_with(&desired, live, previous)
    };
    let all = compare(response.0, live.0);
    if response.1.is_empty() && live.1.is_empty() {
        return Ok(Compared { differences: all, ignored: Vec::new() });
    }
    let differences = compare(&response.1.without(response.0), &live.1.without(live.0));
    let ignored = all.into_iter().filter(|one| !differences.iter().any(|other| other.path == one.path)).collect();
    Ok(Compared { differences, ignored })
}

/// Compares the same object of two clusters: the fields that we own of the other one. Values of Secrets are not compared, as they never leave their clusters.
///
/// # Errors
/// A set of fields that cannot be read.
pub fn compare_clusters(other: &Value, live: &Value) -> Result<Compared, ProjectionError> {
    let fields = FieldSet::of_entry(other, MANAGER)?;
    let mut desired = fields.map_or_else(|| bare(other), |fields| owned(other, &fields));
    let mut live = live.clone();
    for object in [&mut desired, &mut live] {
        if object.get("kind").and_then(Value::as_str) == Some("Secret")
            && let Some(Value::Object(data)) = object.get_mut("data")
        {
            data.values_mut().for_each(|value| *value = Value::from("-"));
        }
    }
    Ok(Compared { differences: compare_with(&desired, &live, None), ignored: Vec::new() })
}

fn owned(object: &Value, fields: &FieldSet) -> Value {
    let mut found = bare(object);
    if let (Value::Object(found), Value::Object(owned)) = (&mut found, projection_of(object, fields)) {
        found.extend(owned);
    }
    found
}

/// What it is, and nothing more.
fn bare(object: &Value) -> Value {
    let field = |name: &str| object.get(name).map(|value| (name.to_owned(), value.clone()));
    Value::Object(["apiVersion", "kind"].into_iter().filter_map(field).collect::<Map<String, Value>>())
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use crate::ignore::{Rules, Step};
    use crate::target::IgnoreDifference;
    use serde_json::json;

    fn deployment(replicas: i64, owned: &Value, extra: &Value) -> Value {
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "managedFields": [
            {"manager": "windlass", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": owned}]},
            "spec": {"replicas": replicas, "strategy": {"type": "RollingUpdate"}}});
        if let (Value::Object(spec), Value::Object(extra)) = (&mut object["spec"], extra) {
            spec.extend(extra.clone());
        }
        object
    }

    fn paths(differences: &[Difference]) -> Vec<&str> {
        differences.iter().map(|one| one.path.as_str()).collect()
    }

    #[test]
    fn what_an_apply_would_change_or_give_up_differs_and_nothing_else() {
        let (now, before) =
            (json!({"f:spec": {"f:replicas": {}}}), json!({"f:spec": {"f:replicas": {}, "f:paused": {}}}));
        let none = Ignored::default();
        let response = deployment(2, &now, &json!({}));
        let live = deployment(3, &before, &json!({"paused": true, "minReadySeconds": 5}));
        let found = compare_answers((&response, &none), (&live, &none)).expect("compared");
        assert_eq!(paths(&found.differences), ["spec.replicas", "spec.paused"]);
        let same = compare_answers((&response, &none), (&response, &none)).expect("compared");
        assert!(same.differences.is_empty());
    }

    #[test]
    fn an_ignored_difference_is_told_apart() {
        let owned = json!({"f:spec": {"f:replicas": {}, "f:paused": {}}});
        let rule = json!({"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]});
        let rule: IgnoreDifference = serde_json::from_value(rule).expect("a rule");
        let key = crate::manifest::ResourceKey {
            group: "apps".into(),
            kind: "Deployment".into(),
            ..crate::manifest::ResourceKey::default()
        };
        let selection = Rules::of(&[rule], &crate::customization::Customizations::default()).for_object(&key);
        let ignored = selection.places(&json!({}), vec![]);
        assert!(ignored.covers(&[Step::Field("spec".into()), Step::Field("replicas".into())]));
        let response = deployment(2, &owned, &json!({"paused": false}));
        let live = deployment(3, &owned, &json!({"paused": true}));
        let found = compare_answers((&response, &ignored), (&live, &ignored)).expect("compared");
        assert_eq!((paths(&found.differences), paths(&found.ignored)), (vec!["spec.paused"], vec!["spec.replicas"]));
    }

    #[test]
    fn secrets_of_two_clusters_are_compared_by_their_keys_alone() {
        let owned = json!({"f:data": {"f:a": {}, "f:b": {}}});
        let secret = |data: Value| {
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "managedFields": [
                {"manager": "windlass", "operation": "Apply", "apiVersion": "v1", "fieldsV1": owned}]}, "data": data})
        };
        let found =
            compare_clusters(&secret(json!({"a": "++", "b": "+"})), &secret(json!({"a": "canary"}))).expect("compared");
        assert_eq!(paths(&found.differences), ["data.b"]);
        assert!(!format!("{found:?}").contains("canary"));
    }
}
