use super::*;
use serde_json::json;

fn paths(desired: &Value, live: &Value) -> Vec<String> {
    compare(desired, live).into_iter().map(|difference| difference.path).collect()
}

fn deployment(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})
}

fn pod(container: Value) -> Value {
    deployment(json!({"template": {"spec": {"containers": [container]}}}))
}

#[test]
fn only_what_git_names_is_compared() {
    let desired = pod(json!({"name": "web", "image": "a:1", "ports": [{"containerPort": 80}]}));
    let mut live = pod(
        json!({"name": "web", "image": "a:1", "ports": [{"containerPort": 80, "protocol": "TCP"}], "imagePullPolicy": "IfNotPresent"}),
    );
    live["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .expect("a list")
        .insert(0, json!({"name": "sidecar", "image": "mesh"}));
    live["metadata"] =
        json!({"name": "web", "uid": "u", "generation": 3, "annotations": {"deployment.kubernetes.io/revision": "1"}});
    live["status"] = json!({"replicas": 1});
    assert_eq!(paths(&desired, &live), [""; 0]);

    live["spec"]["template"]["spec"]["containers"][1]["image"] = json!("a:2");
    let found = compare(&desired, &live);
    let want = Difference {
        path: "spec.template.spec.containers[name=web].image".into(),
        desired: Some(json!("a:1")),
        live: Some(json!("a:2")),
    };
    assert_eq!(found, [want]);
}

#[test]
fn what_kubernetes_writes_otherwise_is_the_same() {
    let of = |resources: Value| pod(json!({"name": "web", "resources": resources, "args": [], "tty": false}));
    let live = pod(json!({"name": "web", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}));
    assert_eq!(paths(&of(json!({"limits": {"cpu": "1000m", "memory": "1024Mi"}})), &live), [""; 0]);
    assert_eq!(
        paths(&of(json!({"limits": {"cpu": "2"}})), &live),
        ["spec.template.spec.containers[name=web].resources.limits.cpu"]
    );
}

#[test]
fn what_git_no_longer_names_and_the_last_apply_did_differs() {
    let desired = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1"}});
    let mut live = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1", "b": "2", "c": "3"}});
    assert_eq!(paths(&desired, &live), [""; 0], "somebody else's");
    let applied = json!({"data": {"a": "1", "b": "2"}}).to_string();
    live["metadata"]["annotations"] = json!({LAST_APPLIED: applied});
    assert_eq!(paths(&desired, &live), ["data.b"]);
}

#[test]
fn a_list_of_a_custom_kind_is_a_whole() {
    let of = |hosts: Value| json!({"apiVersion": "example.org/v1", "kind": "Site", "metadata": {"name": "a"}, "spec": {"containers": hosts}});
    let live = of(json!([{"name": "a", "weight": 1}, {"name": "b"}]));
    assert_eq!(paths(&of(json!([{"name": "a"}, {"name": "b"}])), &live), [""; 0]);
    assert_eq!(paths(&of(json!([{"name": "b"}, {"name": "a"}])), &live), ["spec.containers"]);
    assert_eq!(paths(&of(json!([{"name": "a"}])), &live), ["spec.containers"]);
}

#[test]
fn the_values_of_a_secret_are_never_shown() {
    let canary = "c4n4ry-value";
    let desired = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": canary, "b": "same"}});
    let applied = json!({"data": {"old": mask::base64(canary.as_bytes())}}).to_string();
    let live = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "annotations": {LAST_APPLIED: applied}},
        "data": {"a": mask::base64(b"other"), "b": mask::base64(b"same"), "old": mask::base64(canary.as_bytes())}});
    let found = compare(&desired, &live);
    assert_eq!(found.iter().map(|d| d.path.as_str()).collect::<Vec<_>>(), ["data.a", "data.old"]);
    assert_ne!(found[0].desired, found[0].live);
    let text = format!("{found:?}");
    assert!(!text.contains(canary) && !text.contains(&mask::base64(canary.as_bytes())), "{text}");
}
