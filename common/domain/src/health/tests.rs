//! Fixtures are whole objects as an apiserver returns them: `testdata/health/<kind>/<status>[-<case>].json`.

mod custom;
mod kinds;
mod projects;

use serde_json::{Value, json};

use super::*;

fn read(name: &str) -> Value {
    let path = format!("{}/testdata/health/{name}.json", env!("CARGO_MANIFEST_DIR"));
    #[allow(clippy::disallowed_methods)]
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

fn status_in_name(name: &str) -> HealthStatus {
    let word = name.rsplit('/').next().and_then(|file| file.split('-').next()).expect("a word");
    let word = format!("{}{}", word[..1].to_uppercase(), &word[1..]);
    serde_json::from_value(json!(word)).expect("a status")
}

#[test]
fn statuses_are_ordered_and_spelt_as_argo_cd_does() {
    use HealthStatus::*;
    let all = [Healthy, Suspended, Progressing, Missing, Degraded, Unknown];
    assert!(all.is_sorted());
    let words: Vec<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"]);
    assert_eq!(serde_json::to_value(all).expect("JSON"), json!(words));
}

#[test]
fn a_kind_without_a_check_has_no_health_until_it_is_deleted() {
    let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    assert_eq!(assess(&object), None);
    object["metadata"]["deletionTimestamp"] = Value::Null;
    assert_eq!(assess(&object), None);
    object["metadata"]["deletionTimestamp"] = json!("2026-11-23T11:00:00Z");
    assert_eq!(assess(&object), Some(Health::progressing("Pending deletion")));

    for (api_version, kind) in
        [("apps/v1", "Pod"), ("v1", "Deployment"), ("v1", "Secret"), ("argoproj.io/v1alpha1", "Application")]
    {
        assert_eq!(assess(&json!({"apiVersion": api_version, "kind": kind})), None, "{api_version} {kind}");
    }
    assert_eq!(assess(&json!("not an object")), None);
}

#[test]
fn a_namespace_has_no_check() {
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}, "status": {"phase": "Active"}});
    assert_eq!(Contribution::of(Some(&namespace)), Contribution::Neutral);
}

#[test]
fn the_whole_is_as_bad_as_its_worst() {
    use Contribution::{Assessed, Missing, Neutral};
    use HealthStatus as H;
    for (what, contributions, want) in [
        ("nothing managed", vec![], H::Healthy),
        ("nothing live", vec![Missing, Missing], H::Missing),
        ("a missing one beside a healthy one", vec![Missing, Assessed(H::Healthy)], H::Healthy),
        ("a missing one beside one that counts for nothing", vec![Missing, Neutral], H::Healthy),
        ("only such that count for nothing", vec![Neutral], H::Healthy),
        ("the worst", vec![Assessed(H::Suspended), Assessed(H::Degraded), Assessed(H::Progressing)], H::Degraded),
        ("unknown is worst", vec![Assessed(H::Unknown), Assessed(H::Degraded)], H::Unknown),
    ] {
        assert_eq!(aggregate(contributions), want, "{what}");
    }
}

#[test]
fn an_ignored_object_has_health_and_counts_for_nothing() {
    let mut object = read("deployment/degraded-deadline");
    assert_eq!(Contribution::of(Some(&object)), Contribution::Assessed(HealthStatus::Degraded));
    object["metadata"]["annotations"]["argocd.argoproj.io/ignore-healthcheck"] = json!("true");
    assert_eq!(Contribution::of(Some(&object)), Contribution::Neutral);
    assert!(assess(&object).is_some());
    assert_eq!(Contribution::of(None), Contribution::Missing);
}

/// Every value of every fixture is replaced in turn by each wrong type: no panic, and an answer.
#[test]
fn malformed_objects_are_judged_without_panic() {
    for (name, _) in kinds::CASES {
        let object = read(name);
        for pointer in pointers(&object, String::new()) {
            for wrong in [json!(1.5), json!("x"), json!([[]]), json!({"a": 1}), json!(true), Value::Null] {
                let mut broken = object.clone();
                *broken.pointer_mut(&pointer).expect("a value") = wrong;
                let health = assess(&broken);
                assert!(health.is_some() || ["/apiVersion", "/kind"].contains(&&*pointer), "{name} {pointer}");
            }
        }
    }
}

fn pointers(value: &Value, path: String) -> Vec<String> {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(k, v)| (k.replace('~', "~0").replace('/', "~1"), v)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => Vec::new(),
    };
    let mut all: Vec<String> = below.into_iter().flat_map(|(name, v)| pointers(v, format!("{path}/{name}"))).collect();
    if !path.is_empty() {
        all.push(path);
    }
    all
}

#[test]
fn a_malformed_field_is_named() {
    let mut object = read("pod/healthy");
    object["status"]["conditions"][1]["status"] = json!(true);
    let want = Health::new(HealthStatus::Unknown, "status.conditions[1].status is not a string");
    assert_eq!(assess(&object), Some(want));
}
