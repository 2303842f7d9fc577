use serde_json::{Value, json};

use super::*;
use crate::health::HealthStatus;

fn object(api_version: &str, kind: &str, name: &str, owners: &[&str]) -> Value {
    let owners: Vec<Value> = owners.iter().map(|uid| json!({"uid": uid})).collect();
    json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "uid": format!("{kind}-{name}"), "ownerReferences": owners}})
}

fn root(member: &Value) -> Root {
    let member = Member::of(member);
    Root { key: member.key, version: member.version, uid: Some(member.uid), health: None }
}

fn names(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(|node| format!("{} {}", node.key.kind, node.key.name)).collect()
}

#[test]
fn what_is_owned_directly_or_not_is_below_its_root_once_and_nothing_else_is() {
    let deployment = object("apps/v1", "Deployment", "web", &[]);
    let mut all = vec![deployment.clone(), object("apps/v1", "ReplicaSet", "web-1", &["Deployment-web"])];
    all.extend(["a", "b"].map(|name| object("v1", "Pod", name, &["ReplicaSet-web-1", "Deployment-web"])));
    all.push(object("v1", "Pod", "other", &["ReplicaSet-other"]));
    all.push(object("v1", "ConfigMap", "alone", &[]));
    let tree = build(&[root(&deployment)], all.iter().map(Member::of).collect());
    assert_eq!(names(&tree.nodes), ["Deployment web", "Pod a", "Pod b", "ReplicaSet web-1"]);
    assert_eq!(tree.nodes[1].parents, ["ReplicaSet-web-1", "Deployment-web"]);
    assert!(tree.nodes[0].parents.is_empty());
}

#[test]
fn what_names_no_owner_is_found_as_kubernetes_names_it() {
    let service = object("v1", "Service", "web", &[]);
    let mut set = object("apps/v1", "StatefulSet", "db", &[]);
    set["spec"] = json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}}]});
    let account = object("v1", "ServiceAccount", "bot", &[]);
    let mut token = object("v1", "Secret", "bot-token", &[]);
    token["metadata"]["annotations"] = json!({"kubernetes.io/service-account.name": "bot"});
    let others = [
        object("v1", "Endpoints", "web", &[]),
        object("discovery.k8s.io/v1", "EndpointSlice", "web-x", &["Service-web"]),
        object("v1", "PersistentVolumeClaim", "data-db-0", &[]),
        object("v1", "PersistentVolumeClaim", "data-db-x", &[]),
        object("v1", "PersistentVolumeClaim", "data-other-0", &[]),
        token,
    ];
    let roots = [root(&service), root(&set), root(&account)];
    let all: Vec<Member> = [service, set, account].iter().chain(&others).map(Member::of).collect();
    let want = [
        "Service web",
        "Endpoints web",
        "EndpointSlice web-x",
        "StatefulSet db",
        "PersistentVolumeClaim data-db-0",
        "ServiceAccount bot",
        "Secret bot-token",
    ];
    assert_eq!(names(&build(&roots, all).nodes), want);
}

#[test]
fn an_owner_of_the_same_name_that_is_another_object_is_not_meant() {
    let mut before = root(&object("apps/v1", "Deployment", "web", &[]));
    before.uid = Some("gone".into());
    let now = object("apps/v1", "Deployment", "web", &[]);
    let set = object("apps/v1", "ReplicaSet", "web-1", &["Deployment-web"]);
    let tree = build(&[before], [now, set].iter().map(Member::of).collect());
    assert_eq!(names(&tree.nodes), ["Deployment web"]);
    assert_eq!(tree.nodes[0].uid, "gone");
}

#[test]
fn owners_in_a_circle_end() {
    let (one, two) = (object("v1", "Pod", "a", &["Pod-b"]), object("v1", "Pod", "b", &["Pod-a"]));
    let tree = build(&[root(&one)], [one, two].iter().map(Member::of).collect());
    assert_eq!(tree.nodes.len(), 2);
}

#[test]
fn a_pod_says_how_it_is() {
    let mut pod = object("v1", "Pod", "a", &[]);
    pod["spec"] =
        json!({"restartPolicy": "Always", "nodeName": "n1", "containers": [{"image": "registry.example/web:1"}]});
    pod["status"] = json!({"phase": "Running", "containerStatuses":
        [{"ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}}]});
    let tree = build(&[root(&pod)], vec![Member::of(&pod)]);
    let words: Vec<String> = tree.nodes[0].info.iter().map(|info| format!("{} {}", info.name, info.value)).collect();
    assert_eq!(words, ["Status CrashLoopBackOff", "Containers 0/1", "Restarts 3", "Node n1"]);
    assert_eq!(tree.nodes[0].health.as_ref().map(|health| health.status), Some(HealthStatus::Degraded));
    assert_eq!(tree.images, ["registry.example/web:1"]);
}

#[test]
fn an_orphan_is_nobodys() {
    let mut claimed = object("v1", "ConfigMap", "claimed", &[]);
    claimed["metadata"]["annotations"] = json!({"argocd.argoproj.io/tracking-id": "x:/ConfigMap:shop/claimed"});
    let mut elsewhere = object("v1", "ConfigMap", "elsewhere", &[]);
    elsewhere["metadata"]["namespace"] = json!("other");
    let all = [
        claimed,
        elsewhere,
        object("v1", "ConfigMap", "kube-root-ca.crt", &[]),
        object("v1", "ServiceAccount", "default", &[]),
        object("v1", "Pod", "owned", &["x"]),
        object("v1", "ConfigMap", "left", &[]),
        object("v1", "Secret", "ignored", &[]),
    ];
    let rule: OrphanRule = serde_json::from_value(json!({"kind": "Secret"})).expect("a rule");
    let members: Vec<Member> = all.iter().map(Member::of).collect();
    let found = orphans(&BTreeSet::from(["shop".to_owned()]), &members, &[rule]);
    assert_eq!(names(&found), ["ConfigMap left"]);
}
