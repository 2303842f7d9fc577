use super::*;
use crate::projection::{Baseline, Comparison};
use serde_json::json;

fn key(group: &str, kind: &str, name: &str) -> ResourceKey {
    ResourceKey { group: group.into(), kind: kind.into(), namespace: "shop".into(), name: name.into() }
}

fn rules(rules: Value) -> Rules {
    let rules: Vec<IgnoreDifference> = serde_json::from_value(rules).expect("rules");
    Rules::of(&rules, &Customizations::default())
}

fn ignored(selection: &Selection, object: &Value) -> Ignored {
    let found = selection.expressions().iter().flat_map(|e| jq::paths(e, object).unwrap_or_default()).collect();
    selection.places(object, found)
}

#[test]
fn a_rule_concerns_what_its_globs_name() {
    for (rule, kind, name, want) in [
        (json!({"group": "apps", "kind": "Deployment"}), ("apps", "Deployment"), "web", true),
        (json!({"group": "apps", "kind": "Deployment"}), ("apps", "StatefulSet"), "web", false),
        (json!({"kind": "Secret"}), ("", "Secret"), "web", true),
        (json!({"kind": "Deployment"}), ("apps", "Deployment"), "web", false),
        (json!({"group": "*", "kind": "*"}), ("apps", "Deployment"), "web", true),
        (json!({"group": "apps", "kind": "Deployment", "name": "w*"}), ("apps", "Deployment"), "web", true),
        (json!({"group": "apps", "kind": "Deployment", "name": "api"}), ("apps", "Deployment"), "web", false),
        (json!({"group": "apps", "kind": "Deployment", "namespace": "other"}), ("apps", "Deployment"), "web", false),
    ] {
        let mut rule = rule;
        rule["jsonPointers"] = json!(["/spec"]);
        let selection = rules(json!([rule])).for_object(&key(kind.0, kind.1, name));
        assert_eq!(!selection.is_empty(), want, "{rule}");
    }
}

#[test]
fn pointers_are_read_as_rfc_6901_says() {
    let object = json!({"a": {"b/c": 1, "d~e": 2, "list": [1, 2, 3]}, "": 5});
    for (pointer, want) in [
        ("/a/b~1c", json!({"a": {"d~e": 2, "list": [1, 2, 3]}, "": 5})),
        ("/a/d~0e", json!({"a": {"b/c": 1, "list": [1, 2, 3]}, "": 5})),
        ("/a/list/1", json!({"a": {"b/c": 1, "d~e": 2, "list": [1, 3]}, "": 5})),
        ("/a/list/01", object.clone()),
        ("/a/list/-", object.clone()),
        ("/a/list/9", object.clone()),
        ("/", json!({"a": {"b/c": 1, "d~e": 2, "list": [1, 2, 3]}})),
        ("/none/of/it", object.clone()),
    ] {
        let selection = rules(json!([{"kind": "X", "jsonPointers": [pointer]}])).for_object(&key("", "X", "x"));
        assert_eq!(*ignored(&selection, &object).without(&object), want, "{pointer}");
    }
}

fn deployment(replicas: i64, image: &str, owned: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "uid": "u", "resourceVersion": "5", "managedFields": [
            {"manager": "windlass", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": owned},
            {"manager": "hpa", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})
}

#[test]
fn an_ignored_difference_is_none_and_neither_is_its_ownership() {
    let container = json!({"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}}});
    let all = json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": container}}}});
    let taken = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": container}}}});
    let response = deployment(2, "a", &all);
    for rule in [
        json!({"jsonPointers": ["/spec/replicas"]}),
        json!({"jqPathExpressions": [".spec.replicas"]}),
        json!({"managedFieldsManagers": ["hpa"]}),
    ] {
        let mut rule = rule;
        (rule["group"], rule["kind"]) = (json!("apps"), json!("Deployment"));
        let selection = rules(json!([rule.clone()])).for_object(&key("apps", "Deployment", "web"));
        let baseline =
            Baseline::of_response_ignoring(&response, &response, &ignored(&selection, &response)).expect("one");
        let compare = |live: &Value| baseline.compare_ignoring(live, &ignored(&selection, live));
        assert_eq!(compare(&deployment(7, "a", &all)), Comparison::Same, "{rule}");
        assert_eq!(compare(&deployment(7, "a", &taken)), Comparison::Same, "{rule}");
        assert!(compare(&deployment(2, "b", &all)).is_drift(), "{rule}");
        assert_eq!(baseline.compare(&response), Comparison::OtherRules, "{rule}: other rules, another comparison");
        let kept: Baseline =
            serde_json::from_value(serde_json::to_value(&baseline).expect("json")).expect("a baseline");
        assert_eq!(kept, baseline);
    }
}

#[test]
fn elements_that_are_ignored_come_and_go() {
    let selection = rules(json!([{"group": "apps", "kind": "Deployment",
        "jqPathExpressions": [".spec.template.spec.containers[] | select(.name == \"sidecar\")"]}]))
    .for_object(&key("apps", "Deployment", "web"));
    let owned = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}},
        "k:{\"name\":\"sidecar\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}});
    let mut response = deployment(1, "a", &owned);
    response["spec"]["template"]["spec"]["containers"] =
        json!([{"name": "sidecar", "image": "s1"}, {"name": "web", "image": "a"}]);
    let baseline = Baseline::of_response_ignoring(&response, &response, &ignored(&selection, &response)).expect("one");
    let mut live = response.clone();
    live["spec"]["template"]["spec"]["containers"] =
        json!([{"name": "web", "image": "a"}, {"name": "sidecar", "image": "s2"}]);
    assert_eq!(baseline.compare_ignoring(&live, &ignored(&selection, &live)), Comparison::Same);
    live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("b");
    assert!(baseline.compare_ignoring(&live, &ignored(&selection, &live)).is_drift());
}

#[test]
fn what_an_object_is_known_by_stays() {
    let object = json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", "uid": "u", "labels": {"a": "b"}}, "spec": 1});
    let selection =
        rules(json!([{"kind": "X", "jsonPointers": ["/metadata", "/metadata/name", "/kind", "/metadata/labels"],
        "jqPathExpressions": ["."]}]))
        .for_object(&key("", "X", "x"));
    let left = ignored(&selection, &object).without(&object).into_owned();
    assert_eq!(left, json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", "uid": "u"}, "spec": 1}));
}

#[test]
fn live_values_are_sent_where_that_is_asked() {
    let selection = rules(json!([{"group": "*", "kind": "*", "jqPathExpressions":
        [".spec.replicas", ".spec.template.spec.containers[].image", ".spec.gone", ".spec.foreign", ".spec.whole.weight"]}]))
    .for_object(&key("apps", "Deployment", "web"));
    let manifest = json!({"spec": {"replicas": 2, "gone": 1, "whole": {"name": "x"}, "template": {"spec": {"containers": [
        {"name": "web", "image": "git"}, {"name": "new", "image": "git"}]}}}});
    let live = json!({"metadata": {"managedFields": [{"manager": "windlass", "operation": "Apply", "apiVersion": "apps/v1",
            "fieldsV1": {"f:spec": {"f:replicas": {}, "f:whole": {}}}}]},
        "spec": {"replicas": 9, "foreign": 1, "whole": {"name": "y", "weight": 3}, "template": {"spec": {"containers": [
        {"name": "other", "image": "o"}, {"name": "web", "image": "live"}]}}}});
    let sent = respecting(&manifest, &ignored(&selection, &manifest), &live, &ignored(&selection, &live));
    let want = json!({"spec": {"replicas": 9, "whole": {"name": "x", "weight": 3}, "template": {"spec": {"containers": [
        {"name": "web", "image": "live"}, {"name": "new", "image": "git"}]}}}});
    assert_eq!(sent, want);
}

#[test]
fn rules_that_cannot_work_are_named_with_their_place() {
    for (rule, field, problem) in [
        (json!("x"), "[0]", "no object"),
        (json!({"jsonPointers": ["/a"]}), "[0].kind", "missing"),
        (json!({"kind": "X"}), "[0]", "ignores nothing"),
        (json!({"kind": "X", "jsonPointers": ["a"]}), "[0].jsonPointers[0]", "begins with /"),
        (json!({"kind": "X", "jqPathExpressions": [".a", ".b["]}), "[0].jqPathExpressions[1]", ".b["),
        (json!({"kind": "X", "jsonPointer": ["/a"]}), "[0].jsonPointer", "not known"),
        (json!({"kind": "X", "managedFieldsManagers": [""]}), "[0].managedFieldsManagers[0]", "empty"),
        (json!({"kind": "[", "jsonPointers": ["/a"]}), "[0].kind", "glob"),
    ] {
        let (at, why) = check(std::slice::from_ref(&rule)).expect_err(field);
        assert_eq!(at, field, "{rule}");
        assert!(why.contains(problem), "{rule}: {why}");
    }
    assert_eq!(check(&[json!({"kind": "X", "name": null, "jsonPointers": ["/a"], "jqPathExpressions": null})]), Ok(()));
}
