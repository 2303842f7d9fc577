use super::*;

fn names(fields: &[TakenField]) -> Vec<String> {
    fields.iter().map(|field| format!("{}: {}", field.manager, field.path)).collect()
}

#[test]
fn a_field_that_left_another_entry_and_is_ours_was_taken() {
    let after = read("deployment");
    let mut before = after.clone();
    disown(&mut before, "/f:spec", "f:replicas");
    add_entry(&mut before, "kubectl-edit", "Update", json!({"f:spec": {"f:replicas": {}, "f:paused": {}}}));
    add_entry(
        &mut before,
        "helm",
        "Apply",
        json!({"f:spec": {"f:template": {"f:spec": {"f:containers":
        {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}}}}}),
    );
    assert_eq!(
        names(&taken_from(&before, &after)),
        ["helm: spec.template.spec.containers[name=web].image", "kubectl-edit: spec.replicas"]
    );
}

#[test]
fn a_shared_field_and_one_that_was_given_up_are_not_taken() {
    let mut after = read("deployment");
    add_entry(&mut after, "hpa", "Apply", json!({"f:spec": {"f:replicas": {}}}));
    let mut before = after.clone();
    add_entry(&mut before, "gone", "Update", json!({"f:spec": {"f:minReadySeconds": {}}}));
    assert_eq!(taken_from(&before, &after), []);
}

#[test]
fn what_is_above_or_below_our_field_counts() {
    let after = read("deployment");
    let mut before = after.clone();
    add_entry(&mut before, "below", "Update", json!({"f:spec": {"f:selector": {"f:matchLabels": {}}}}));
    add_entry(&mut before, "above", "Update", json!({"f:spec": {"f:template": {}}}));
    assert_eq!(names(&taken_from(&before, &after)), ["above: spec.template", "below: spec.selector.matchLabels"]);
}

#[test]
fn objects_without_entries_or_with_broken_ones_take_nothing() {
    let after = read("deployment");
    let mut before = after.clone();
    add_entry(&mut before, "broken", "Update", json!({"what": 1}));
    assert_eq!(taken_from(&before, &after), []);
    assert_eq!(taken_from(&before, &read("role")), []);
    assert_eq!(taken_from(&json!({}), &after), []);
}
