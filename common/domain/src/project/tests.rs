use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::bundle::BundleEntry;
use crate::cluster::Cluster;
use crate::digest::Digest;
use crate::discovery::{ApiResource, Discovery};
use crate::manifest::ResourceKey;
use crate::time::from_millis;

fn manifest(spec: Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "shop", "namespace": "argocd"}, "spec": spec})
}

pub(super) fn project(spec: Value) -> AppProject {
    let manifest = ProjectManifest::parse(&manifest(spec)).expect("a project");
    AppProject {
        uid: Uuid::from_u128(1),
        name: manifest.name,
        metadata: manifest.metadata,
        spec: manifest.spec,
        created_at: from_millis(0),
        revision: 1,
    }
}

pub(super) fn cluster(name: &str, aliases: &[&str]) -> Cluster {
    Cluster {
        uid: Uuid::from_u128(2),
        name: name.into(),
        labels: Default::default(),
        server_aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        facts: None,
        created_at: from_millis(0),
        revision: 1,
    }
}

pub(super) fn key(group: &str, kind: &str, namespace: &str, name: &str) -> ResourceKey {
    ResourceKey { group: group.into(), kind: kind.into(), namespace: namespace.into(), name: name.into() }
}

#[test]
fn an_argo_cd_project_is_accepted_as_it_stands() {
    let spec = json!({
        "description": "the shop",
        "sourceRepos": ["https://git.example/shop/*"],
        "destinations": [{"server": "https://kubernetes.default.svc", "namespace": "shop-*"}],
        "clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "shop-*"}],
        "clusterResourceBlacklist": null,
        "namespaceResourceWhitelist": [],
        "roles": [{"name": "ci", "policies": ["p, proj:shop:ci, applications, sync, shop/*, allow"], "jwtTokens": [{"iat": 1}]}],
        "syncWindows": [{"kind": "deny", "schedule": "0 22 * * *", "duration": "1h", "applications": ["*"]}],
        "orphanedResources": {"warn": false},
        "somethingNew": {"a": 1},
    });
    let project = ProjectManifest::parse(&manifest(spec.clone())).expect("a project");
    assert_eq!(project.spec.namespace_resource_whitelist, Some(vec![]), "empty is not absent");
    assert_eq!(project.spec.not_enforced(), ["orphanedResources", "roles", "somethingNew"]);
    let printed = project.to_value();
    assert_eq!(ProjectManifest::parse(&printed), Ok(project));
    for field in ["roles", "syncWindows", "orphanedResources", "somethingNew", "destinations"] {
        assert_eq!(printed["spec"][field], spec[field], "{field}");
    }
    let bare = ProjectManifest::parse(&manifest(json!({}))).expect("a project");
    assert_eq!(bare.spec.namespace_resource_whitelist, None);
    assert!(bare.to_value()["spec"].get("namespaceResourceWhitelist").is_none());
}

#[test]
fn what_is_wrong_is_named() {
    let destination = |part: &str, text: &str| json!({"destinations": [{"server": "*", "namespace": "*", part: text}]});
    let long = "x".repeat(256);
    for (spec, want) in [
        (json!({"sourceRepos": ["!*"]}), "spec.sourceRepos[0]: \"!*\": it would deny every repository"),
        (json!({"sourceRepos": ["*", "!**"]}), "spec.sourceRepos[1]"),
        (json!({"sourceRepos": ["!"]}), "it is empty"),
        (json!({"sourceRepos": ["https://git.example/[z-a]"]}), "is malformed"),
        (json!({"sourceRepos": ["https://gît.example/*"]}), "write the host's xn-- form"),
        (json!({"sourceRepos": ["https://git.example/a/../b"]}), "holds \"..\""),
        (
            json!({"sourceRepos": ["https://me:hunter2@git.example/a"]}),
            "spec.sourceRepos[0]: it holds a user name or password",
        ),
        (destination("namespace", "!*"), "spec.destinations[0].namespace: \"!*\" would deny everything"),
        (destination("name", "!**"), "spec.destinations[0].name"),
        (destination("server", "https://[z-a]"), "spec.destinations[0].server: the glob"),
        (json!({"destinations": [{"namespace": "shop"}]}), "spec.destinations[0]: names no cluster"),
        (json!({"clusterResourceWhitelist": [{"group": "*"}]}), "spec.clusterResourceWhitelist[0]: names no kind"),
        (json!({"namespaceResourceBlacklist": [{"kind": "[a"}]}), "spec.namespaceResourceBlacklist[0]: the glob"),
        (json!({"namespaceResourceWhitelist": [{"kind": "Secret", "name": "x"}]}), "only cluster-scoped kinds"),
        (json!({"description": long}), "longer than 255"),
        (json!({"sourceRepos": "*"}), "malformed"),
        (json!({"sourceRepos": vec!["*"; 1001]}), "has 1001 rules; the limit is 1000"),
    ] {
        let error = ProjectManifest::parse(&manifest(spec)).expect_err("refused").to_string();
        assert!(error.contains(want), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(ProjectManifest::parse(&json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"})).is_err());
    for name in ["", "A", "a/b", "../a", "a b"] {
        let value = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": name}});
        assert!(matches!(ProjectManifest::parse(&value), Err(InvalidProject::Name(_))), "{name}");
    }
}

#[test]
fn the_default_project_permits_everything() {
    let default = ProjectManifest::permissive_default();
    assert_eq!(ProjectManifest::parse(&default.to_value()), Ok(default.clone()));
    for cluster in [cluster("eu-1", &[]), cluster("in-cluster", &["https://kubernetes.default.svc"])] {
        let fence = Fence::new(&default.name, &default.spec, &cluster);
        assert!(fence.is_open());
        assert_eq!(fence.refuses(&key("rbac.authorization.k8s.io", "ClusterRole", "", "x"), false), None);
        assert_eq!(fence.refuses(&key("", "Secret", "kube-system", "x"), true), None);
    }
}

#[test]
fn everything_that_is_not_permitted_is_named() {
    let project = project(json!({
        "sourceRepos": ["https://git.example/shop/*"],
        "destinations": [{"name": "eu-*", "namespace": "shop"}],
    }));
    let resource = |group: &str, kind: &str, namespaced: bool| ApiResource {
        group: group.into(),
        version: "v1".into(),
        kind: kind.into(),
        plural: String::new(),
        namespaced,
    };
    let discovery = Discovery::new(vec![resource("", "ConfigMap", true), resource("", "Namespace", false)], vec![]);
    let entry = |key: ResourceKey| BundleEntry { key, api_version: "v1".into(), digest: Digest::of(b"x") };
    let entries = [
        entry(key("", "ConfigMap", "", "fine")),
        entry(key("", "ConfigMap", "kube-system", "stray")),
        entry(key("", "Namespace", "", "shop")),
        entry(key("example.org", "Widget", "elsewhere", "unknown")),
    ];
    let fetched = "https://git.example/other/app";
    let eu = cluster("eu-1", &[]);
    let admission = Admission {
        sources: &[Source { given: fetched, fetched }],
        cluster: Some(&eu),
        namespace: "shop",
        entries: &entries,
        discovery: Some(&discovery),
    };
    let violations: Vec<_> = admit(&project, &admission).iter().map(ToString::to_string).collect();
    let want = [
        "spec.source.repoURL: project \"shop\" does not permit https://git.example/other/app: its sourceRepos has only \"https://git.example/shop/*\"; \
         `windlass proj add-source shop https://git.example/other/app` adds it",
        "project \"shop\" does not permit ConfigMap kube-system/stray: namespace \"kube-system\" of the cluster is none of its destinations (shop); \
         `windlass proj add-destination shop CLUSTER NAMESPACE` adds one",
        "project \"shop\" does not permit Namespace shop: its clusterResourceWhitelist (empty) does not name the kind; \
         `windlass proj allow-cluster-resource shop \"\" Namespace` adds it",
    ];
    assert_eq!(violations, want, "a kind that the hub cannot scope is left to the agent");
    let us = cluster("us-1", &[]);
    let elsewhere = admit(&project, &Admission { sources: &[], cluster: Some(&us), entries: &[], ..admission });
    assert!(
        elsewhere[0].to_string().contains("does not permit namespace \"shop\" of cluster \"us-1\""),
        "{elsewhere:?}"
    );
}
