use super::*;

fn paths(baseline: &Baseline) -> Vec<String> {
    baseline.soft().iter().map(SoftLeaf::display_path).collect()
}

#[test]
fn soft_leaves_are_those_that_the_manifest_leaves_empty() {
    assert_eq!(
        paths(&applied("deployment").baseline()),
        [
            "spec.template.metadata.creationTimestamp",
            "spec.template.spec.securityContext",
            "spec.template.spec.volumes[name=tmp].emptyDir"
        ]
    );
    assert_eq!(paths(&applied("gadget").baseline()), ["spec.empty"]);
    assert_eq!(applied("deployment").baseline().soft()[0].value, SoftValue::Absent);
    assert_eq!(applied("deployment").baseline().soft()[1].value, SoftValue::Empty);
}

/// An atomic one is ours as a whole.
#[test]
fn an_atomic_soft_leaf_is_compared() {
    applied("network_policy").check(&[
        (
            "written by another",
            |live| {
                live["spec"]["podSelector"] = json!({"matchLabels": {"a": "b"}});
                disown(live, "/f:spec", "f:podSelector");
                add_entry(live, "kubectl-edit", "Update", json!({"f:spec": {"f:podSelector": {}}}));
            },
            (true, true),
        ),
        (
            "written under our name",
            |live| live["spec"]["podSelector"] = json!({"matchLabels": {"a": "b"}}),
            (true, false),
        ),
        ("removed", |live| remove(live, "/spec", "podSelector"), (true, false)),
        ("null", |live| live["spec"]["podSelector"] = Value::Null, (true, false)),
    ]);
}

/// A granular one has fields of others below it, and then it says nothing of ours.
#[test]
fn a_granular_soft_leaf_is_ignored() {
    applied("deployment").check(&[
        (
            "a size below emptyDir",
            |live| {
                *at(live, "/spec/template/spec/volumes/0/emptyDir") = json!({"sizeLimit": "1Gi"});
                add_entry(
                    live,
                    "kubectl-edit",
                    "Update",
                    json!({"f:spec": {"f:template": {"f:spec": {"f:volumes":
                {"k:{\"name\":\"tmp\"}": {"f:emptyDir": {"f:sizeLimit": {}}}}}}}}),
                );
            },
            (false, false),
        ),
        (
            "a user below securityContext",
            |live| {
                *at(live, "/spec/template/spec/securityContext") = json!({"runAsUser": 1000});
                add_entry(
                    live,
                    "kubectl-patch",
                    "Update",
                    json!({"f:spec": {"f:template": {"f:spec": {"f:securityContext": {".": {}, "f:runAsUser": {}}}}}}),
                );
            },
            (false, false),
        ),
        (
            "someone else owns it as a whole",
            |live| {
                *at(live, "/spec/template/spec/securityContext") = json!({"runAsUser": 1000});
                add_entry(
                    live,
                    "x",
                    "Apply",
                    json!({"f:spec": {"f:template": {"f:spec": {"f:securityContext": {".": {}}}}}}),
                );
            },
            (true, false),
        ),
    ]);
}

/// Members below the leaf in our own entry make it no one else's.
#[test]
fn what_is_applied_below_under_our_name_is_compared() {
    applied("deployment").check(&[(
        "a user under our name",
        |live| {
            *at(live, "/spec/template/spec/securityContext") = json!({"runAsUser": 0});
            *at(live, "/metadata/managedFields/0/fieldsV1/f:spec/f:template/f:spec/f:securityContext") =
                json!({"f:runAsUser": {}});
        },
        (true, true),
    )]);
}

#[test]
fn a_soft_leaf_of_a_duplicated_element_is_seen() {
    applied("deployment").check(&[(
        "volume twice",
        |live| {
            list(live, "/spec/template/spec/volumes").push(json!({"name": "tmp", "emptyDir": {}}));
        },
        (true, false),
    )]);
}

/// A map that is omitted loses our leaf when someone fills it: no change of value, but the entry shows it, once.
#[test]
fn a_filled_empty_map_is_a_loss_of_ownership() {
    let mut deployment = applied("deployment");
    deployment.manifest["metadata"]["annotations"] = json!({});
    let fields = at(&mut deployment.response, "/metadata/managedFields/0/fieldsV1/f:metadata");
    fields["f:annotations"] = json!({});
    deployment.check(&[(
        "the controller adds a revision",
        |live| disown(live, "/f:metadata", "f:annotations"),
        (false, true),
    )]);
}

#[test]
fn contents_behind_a_soft_leaf_are_not_kept() {
    let mut deployment = applied("deployment");
    *at(&mut deployment.response, "/spec/template/spec/securityContext") = json!({"runAsUser": 4711});
    let baseline = deployment.baseline();
    assert!(matches!(baseline.soft()[1].value, SoftValue::Other(_)));
    assert!(!serde_json::to_string(&baseline).expect("JSON").contains("4711"));
    assert!(!format!("{:?} {:?}", baseline, baseline.soft()).contains("4711"));
    assert_eq!(baseline.compare(&deployment.response), Comparison::Same);
}
