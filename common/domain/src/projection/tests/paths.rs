use super::*;

/// What was done, and the paths that must be named.
type Row = (fn(&mut Value), &'static [&'static str]);

fn paths(applied: &Applied, edit: fn(&mut Value)) -> Vec<String> {
    applied.baseline().differing_paths(&applied.response, &applied.edited(edit), 10)
}

#[test]
fn differing_paths_read_as_people_write_them() {
    let deployment = applied("deployment");
    let table: &[Row] = &[
        (|_| {}, &[]),
        (|live| live["spec"]["replicas"] = json!(5), &["spec.replicas"]),
        (|live| live["spec"]["paused"] = json!(true), &[]),
        (
            |live| live["metadata"]["labels"]["app.kubernetes.io/name"] = json!("x"),
            &["metadata.labels[app.kubernetes.io/name]"],
        ),
        (
            |live| live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("x"),
            &["spec.template.spec.containers[name=web].image"],
        ),
        (
            |live| {
                list(live, "/spec/template/spec/containers/0/ports").pop();
            },
            &["spec.template.spec.containers[name=web].ports[containerPort=53,protocol=TCP]"],
        ),
        (
            |live| list(live, "/spec/template/spec/containers/0/env").reverse(),
            &["spec.template.spec.containers[name=web].env (order)"],
        ),
        (
            |live| list(live, "/spec/template/spec/containers/0/env").push(json!({"name": "A"})),
            &["spec.template.spec.containers[name=web].env[name=A] (more than once)"],
        ),
        (|live| remove(live, "/spec", "template"), &["spec.template"]),
        (|live| live["spec"]["template"]["spec"] = json!(1), &["spec.template.spec"]),
    ];
    for (edit, want) in table {
        assert_eq!(paths(&deployment, *edit), *want);
    }
    let policy = applied("network_policy");
    assert_eq!(paths(&policy, |live| live["spec"]["podSelector"] = json!({"a": 1})), ["spec.podSelector"]);
    let gadget = applied("gadget");
    assert_eq!(
        paths(&gadget, |live| live["metadata"]["finalizers"] = json!([])),
        ["metadata.finalizers[\"shop.example/cleanup\"]"]
    );
}

#[test]
fn the_manifest_is_a_good_guess_of_what_is_expected() {
    let deployment = applied("deployment");
    let live = deployment.edited(|live| live["spec"]["replicas"] = json!(5));
    let paths = deployment.baseline().differing_paths(&deployment.manifest, &live, 10);
    // The server spells 1000m as 1: that is the guess's limit.
    assert_eq!(paths, ["spec.replicas", "spec.template.spec.containers[name=web].resources.limits.cpu"]);
    assert_eq!(deployment.baseline().differing_paths(&deployment.manifest, &live, 1), ["spec.replicas"]);
}

#[test]
fn paths_hold_no_values() {
    let secret = applied("secret");
    assert_eq!(paths(&secret, |live| live["data"] = json!({"password": "bmV3"})), ["data.password", "data[tls.crt]"]);
}
