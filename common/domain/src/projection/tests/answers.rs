use super::*;

#[test]
fn before_the_first_apply_the_dry_run_is_compared() {
    let dry_run = applied("deployment");
    let table: &[Judged] = &[
        ("the same", |live| remove(live, "/metadata", "managedFields"), false),
        ("more of others", |live| live["spec"]["paused"] = json!(true), false),
        ("another value", |live| live["spec"]["replicas"] = json!(1), true),
        (
            "a value of ours is not there",
            |live| remove(live, "/metadata/annotations", "argocd.argoproj.io/tracking-id"),
            true,
        ),
        ("another order", |live| list(live, "/spec/template/spec/containers").reverse(), true),
    ];
    for (what, edit, differs) in table {
        let live = dry_run.edited(edit);
        assert_eq!(differs_before_first_apply(&dry_run.response, &live), Ok(*differs), "{what}");
    }
    let role = read("role");
    assert_eq!(differs_before_first_apply(&role, &json!({})), Ok(false), "nothing is ours");
}

#[test]
fn an_apply_that_moves_only_bookkeeping_changed_nothing() {
    let event = applied("deployment");
    let table: &[Judged] = &[
        (
            "bookkeeping",
            |after| {
                after["metadata"]["resourceVersion"] = json!("9999");
                after["metadata"]["generation"] = json!(7);
                remove(after, "/metadata", "managedFields");
                remove(after, "", "status");
            },
            false,
        ),
        ("a value", |after| after["spec"]["replicas"] = json!(3), true),
        ("a label", |after| remove(after, "/metadata", "labels"), true),
        ("a new top field", |after| after["data"] = json!({}), true),
        ("an absent field became null", |after| after["spec"]["paused"] = Value::Null, true),
        ("another object", |after| after["metadata"]["uid"] = json!("x"), true),
        ("order", |after| list(after, "/spec/template/spec/containers").reverse(), true),
    ];
    for (what, edit, changed) in table {
        assert_eq!(changed_by_apply(&event.response, &event.edited(edit)), *changed, "{what}");
    }
}
