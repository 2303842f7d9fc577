use serde_json::{Value, json};

use super::super::tests::{cluster, key, project};
use super::*;

fn fence(spec: Value, cluster: &Cluster) -> Fence {
    project(spec).fence(cluster)
}

fn in_cluster() -> Cluster {
    cluster("in-cluster", &["https://kubernetes.default.svc"])
}

/// (destinations of the project, namespace, whether the in-cluster destination is permitted): Argo CD's own cases first.
#[test]
fn server_or_name_must_match_and_the_namespace() {
    let server = |server: &str, namespace: &str| json!({"server": server, "namespace": namespace});
    let name = |name: &str, namespace: &str| json!({"name": name, "namespace": namespace});
    let svc = "https://kubernetes.default.svc";
    for (destinations, namespace, permitted) in [
        (vec![server(svc, "default")], "default", true),
        (vec![server(svc, "default")], "kube-system", false),
        (vec![server("https://my-cluster", "default")], "default", false),
        (vec![server("https://my-cluster", "default"), server("*", "test")], "test", true),
        (vec![server("*", "*")], "test", true),
        (vec![server("https://kubernetes.*", "*")], "test", true),
        (vec![server(svc, "team-*")], "team-a", true),
        (vec![server(svc, "team-*")], "steam-a", false),
        (vec![server(svc, "{a,b}-?")], "b-1", true),
        (vec![name("in-cluster", "*")], "test", true),
        (vec![name("in-*", "*")], "test", true),
        (vec![name("other", "*")], "test", false),
        (vec![json!({"server": "https://wrong", "name": "in-cluster", "namespace": "*"})], "test", true),
        (vec![], "default", false),
        // A slash at the end makes no other address.
        (vec![server("https://kubernetes.default.svc/", "default")], "default", true),
        // A namespace is compared as it is, and whole.
        (vec![server(svc, "default")], "Default", false),
        (vec![server(svc, "default")], "default ", false),
        (vec![server(svc, "default")], "", false),
        (vec![server(svc, "*")], "", true),
        // Denials.
        (vec![server(&format!("!{svc}"), "default")], "default", false),
        (vec![server(svc, "!default")], "kube-system", true),
        (vec![server(svc, "!default")], "default", false),
        (vec![server("!https://my-cluster", "default")], "default", true),
        (vec![server("!https://my-cluster", "default")], "other", false),
        (vec![server(&format!("!{svc}"), "*"), server("*", "*")], "default", false),
        (vec![server("*", "*"), server("*", "!kube-*")], "kube-system", false),
        (vec![server("*", "*"), server("*", "!kube-*")], "shop", true),
        (vec![server("*", "*"), name("!in-cluster", "*")], "shop", false),
        (vec![server("*", "*"), name("!other", "*")], "shop", true),
        // A denial counts for every cluster, whatever else is in its rule.
        (vec![server("*", "*"), server("https://my-cluster", "!shop")], "shop", false),
    ] {
        let text = json!(destinations).to_string();
        let fence = fence(json!({"destinations": destinations}), &in_cluster());
        assert_eq!(fence.refuses_namespace(namespace).is_none(), permitted, "{text} {namespace:?}");
        assert!(!fence.is_open());
    }
}

#[test]
fn a_cluster_without_an_address_is_named_by_its_name_or_by_any() {
    let eu = cluster("eu-1", &[]);
    for (destination, permitted) in [
        (json!({"server": "*", "namespace": "*"}), true),
        (json!({"name": "eu-1", "namespace": "*"}), true),
        (json!({"server": "https://*", "namespace": "*"}), false),
        (json!({"server": "!https://prod", "namespace": "*"}), true),
        (json!({"server": "https://prod", "namespace": "*"}), false),
    ] {
        let text = destination.to_string();
        let fence = fence(json!({"destinations": [destination]}), &eu);
        assert_eq!(fence.refuses_namespace("shop").is_none(), permitted, "{text}");
    }
    // Of several addresses each counts, and one that is denied is enough.
    let many = cluster("eu-1", &["https://10.0.0.1", "https://eu.example"]);
    let one = |server: &str| fence(json!({"destinations": [{"server": server, "namespace": "*"}]}), &many);
    assert_eq!(one("https://eu.example").refuses_namespace("x"), None);
    assert!(one("!https://10.0.0.1").refuses_namespace("x").is_some());
}

/// (lists, key, namespaced, permitted)
#[test]
fn kinds_are_permitted_by_their_lists() {
    let role = || key("rbac.authorization.k8s.io", "ClusterRole", "", "shop-reader");
    let secret = || key("", "Secret", "shop", "s");
    let deployment = || key("apps", "Deployment", "shop", "web");
    for (lists, key, namespaced, permitted) in [
        (json!({}), role(), false, false),
        (json!({}), secret(), true, true),
        (json!({"clusterResourceWhitelist": []}), role(), false, false),
        (json!({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}]}), role(), false, true),
        (json!({"clusterResourceWhitelist": [{"group": "", "kind": "*"}]}), role(), false, false),
        (json!({"clusterResourceWhitelist": [{"group": "rbac.*", "kind": "Cluster*"}]}), role(), false, true),
        (
            json!({"clusterResourceWhitelist": [{"group": "*", "kind": "ClusterRole", "name": "shop-*"}]}),
            role(),
            false,
            true,
        ),
        (
            json!({"clusterResourceWhitelist": [{"group": "*", "kind": "ClusterRole", "name": "web-*"}]}),
            role(),
            false,
            false,
        ),
        (json!({"clusterResourceWhitelist": [{"group": "*", "kind": "clusterrole"}]}), role(), false, false),
        (
            json!({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}], "clusterResourceBlacklist": [{"group": "*", "kind": "ClusterRole"}]}),
            role(),
            false,
            false,
        ),
        (
            json!({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}], "clusterResourceBlacklist": [{"group": "*", "kind": "ClusterRole", "name": "admin"}]}),
            role(),
            false,
            true,
        ),
        (json!({"namespaceResourceWhitelist": []}), secret(), true, false),
        (json!({"namespaceResourceWhitelist": [{"group": "apps", "kind": "*"}]}), secret(), true, false),
        (json!({"namespaceResourceWhitelist": [{"group": "apps", "kind": "*"}]}), deployment(), true, true),
        (json!({"namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}]}), secret(), true, false),
        (json!({"namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}]}), deployment(), true, true),
        // The list of the other scope says nothing.
        (
            json!({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}], "namespaceResourceWhitelist": []}),
            deployment(),
            true,
            false,
        ),
        (json!({"namespaceResourceWhitelist": [{"group": "*", "kind": "*"}]}), role(), false, false),
    ] {
        let text = format!("{lists} {key}");
        let mut spec = lists;
        spec["destinations"] = json!([{"server": "*", "namespace": "*"}]);
        assert_eq!(fence(spec, &in_cluster()).refuses(&key, namespaced).is_none(), permitted, "{text}");
    }
}

#[test]
fn a_cluster_that_is_no_destination_gets_nothing() {
    let spec = json!({"destinations": [{"name": "eu-1", "namespace": "*"}], "clusterResourceWhitelist": [{"group": "*", "kind": "*"}]});
    let refused = fence(spec, &in_cluster()).refuses(&key("", "Namespace", "", "x"), false).expect("refused");
    assert!(refused.contains("project \"shop\"") && refused.contains("none of its destinations"), "{refused}");
}

#[test]
fn it_survives_its_bytes_and_stays_as_it_is_when_fields_are_missing() {
    let spec = json!({
        "destinations": [{"name": "in-*", "namespace": "team-*"}, {"server": "*", "namespace": "!team-x"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "Cluster*", "name": "a?"}],
        "namespaceResourceWhitelist": [],
        "namespaceResourceBlacklist": [{"kind": "Secret"}],
    });
    let fence = fence(spec, &in_cluster());
    let text = serde_json::to_string(&fence).expect("JSON");
    assert_eq!(serde_json::from_str::<Fence>(&text).expect("a fence"), fence);
    assert!(text.len() < 600, "{} bytes", text.len());
    let least: Fence = serde_json::from_value(json!({"project": "shop"})).expect("a fence");
    assert!(least.refuses(&key("", "ConfigMap", "x", "y"), true).is_some(), "what is not said is not permitted");
}
