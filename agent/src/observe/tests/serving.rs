//! What the cluster serves.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use windlass_domain::discovery::{ApiResource, Discovery};
use windlass_runtime::shutdown::Shutdown;

use crate::observe::mock::{Apiserver, config_maps};
use crate::observe::{WatchScope, Watches, discovery};

fn verbs() -> Value {
    json!(["create", "delete", "get", "list", "patch", "update", "watch"])
}

fn deployments() -> ApiResource {
    let (group, version) = ("apps".into(), "v1".into());
    ApiResource { group, version, kind: "Deployment".into(), plural: "deployments".into(), namespaced: true }
}

/// Answers the requests of a reading, in order.
async fn read(answers: &[(&str, u16, Value)]) -> Discovery {
    let (mut apiserver, cluster) = Apiserver::new();
    let reading = tokio::spawn(async move { discovery::read(&cluster).await });
    for (path, status, answer) in answers {
        let call = apiserver.next().await;
        assert_eq!(call.uri, *path);
        call.json(*status, answer);
    }
    reading.await.expect("an answer").expect("a discovery")
}

#[tokio::test]
async fn two_requests_are_enough_where_discovery_is_aggregated() {
    let kind = |kind: &str| json!({"group": "", "version": "", "kind": kind});
    let group = |name: &str, freshness: &str, resources: Value| json!({"metadata": {"name": name}, "versions": [{"version": "v1", "freshness": freshness, "resources": resources}]});
    let core = json!([
        {"resource": "configmaps", "responseKind": kind("ConfigMap"), "scope": "Namespaced", "verbs": verbs()},
        {"resource": "bindings", "responseKind": kind("Binding"), "scope": "Namespaced", "verbs": ["create"]},
    ]);
    let apps = json!([{"resource": "deployments", "responseKind": kind("Deployment"), "scope": "Namespaced", "verbs": verbs(),
        "subresources": [{"subresource": "scale"}]}]);
    let found = read(&[
        ("/api", 200, json!({"kind": "APIGroupDiscoveryList", "items": [group("", "Current", core)]})),
        (
            "/apis",
            200,
            json!({"kind": "APIGroupDiscoveryList",
                "items": [group("apps", "Current", apps), group("metrics.k8s.io", "Stale", json!([]))]}),
        ),
    ])
    .await;
    assert_eq!(found.resources(), [config_maps(), deployments()]);
    assert_eq!(found.failed_groups, ["metrics.k8s.io"]);
}

#[tokio::test]
async fn an_older_apiserver_is_asked_group_by_group_and_a_failed_one_is_named() {
    let resource = |name: &str, kind: &str| json!({"name": name, "kind": kind, "namespaced": true, "verbs": verbs()});
    let found = read(&[
        ("/api", 200, json!({"kind": "APIVersions", "versions": ["v1"]})),
        ("/api/v1", 200, json!({"resources": [resource("configmaps", "ConfigMap")]})),
        (
            "/apis",
            200,
            json!({"kind": "APIGroupList", "groups": [
                {"name": "apps", "versions": [{"groupVersion": "apps/v1"}]},
                {"name": "x.dev", "versions": [{"groupVersion": "x.dev/v1"}]}]}),
        ),
        (
            "/apis/apps/v1",
            200,
            json!({"resources": [resource("deployments", "Deployment"), resource("deployments/scale", "Scale")]}),
        ),
        ("/apis/x.dev/v1", 503, json!({})),
    ])
    .await;
    assert_eq!(found.resources(), [config_maps(), deployments()]);
    assert_eq!(found.failed_groups, ["x.dev"]);
}

#[tokio::test]
async fn a_burst_of_definitions_is_told_when_it_ends_and_once_more() {
    let (mut apiserver, cluster) = Apiserver::new();
    let (events, _unused) = mpsc::channel(1);
    let (sender, mut changed) = mpsc::channel(1);
    let watches = Watches::new(cluster, WatchScope::All, events, Shutdown::new());
    watches.watch_definitions(sender);
    let mut streams = Vec::new();
    for _ in 0..2 {
        let call = apiserver.next().await;
        assert!(call.kind.starts_with("application/json;as=PartialObjectMetadataList;"), "{}", call.kind);
        call.json(
            200,
            &json!({"kind": "PartialObjectMetadataList", "metadata": {"resourceVersion": "5"}, "items": []}),
        );
    }
    for _ in 0..2 {
        streams.push(apiserver.next().await.stream());
    }
    assert!(apiserver.is_quiet().await);
    let mut told = 0;
    for _ in 0..100 {
        apiserver.clock.advance(Duration::from_millis(100));
        assert!(apiserver.is_quiet().await);
        told += usize::from(changed.try_recv().is_ok());
    }
    assert_eq!(told, 2, "after the lists");
    for version in 6..20 {
        streams[0].event("MODIFIED", &json!({"metadata": {"name": "x", "resourceVersion": version.to_string()}}));
    }
    told = 0;
    for _ in 0..100 {
        assert!(apiserver.is_quiet().await);
        apiserver.clock.advance(Duration::from_millis(100));
        told += usize::from(changed.try_recv().is_ok());
    }
    assert_eq!(told, 2);
}
