//! One function for each object.

use serde_json::{Value, json};

use super::{ADMIN_PORT, InstallOptions, JOIN_ENTRY, JOIN_SECRET, NAME, NAMESPACE, Profile};

const RBAC: &str = "rbac.authorization.k8s.io/v1";
const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
/// The user of our images.
const USER: u32 = 65532;

pub(super) fn of(options: &InstallOptions, image: &str, join: Option<&Value>) -> Vec<Value> {
    let mut objects = vec![namespace(), service_account()];
    match options.profile {
        Profile::Admin => objects.push(bound_to_cluster("cluster-admin", NAME)),
        Profile::Namespaces => objects.extend(some_namespaces(&options.namespaces)),
        Profile::Impersonate => objects.extend(impersonation()),
    }
    if options.profile != Profile::Admin {
        objects.extend(own_namespace());
    }
    objects.extend(join.map(join_secret));
    objects.push(deployment(options, image));
    objects.push(network_policy());
    if options.replicas() > 1 {
        objects.push(disruption_budget());
    }
    objects
}

fn labels() -> Value {
    json!({"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "windlass"})
}

fn metadata(name: &str) -> Value {
    json!({"name": name, "namespace": NAMESPACE, "labels": labels()})
}

fn namespace() -> Value {
    let labels = json!({"app.kubernetes.io/part-of": "windlass", "pod-security.kubernetes.io/enforce": "restricted"});
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}})
}

fn service_account() -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(NAME), "automountServiceAccountToken": false})
}

fn subject() -> Value {
    json!([{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}])
}

fn bound_to_cluster(role: &str, name: &str) -> Value {
    json!({
        "apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": {"name": name, "labels": labels()},
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": role}, "subjects": subject(),
    })
}

fn cluster_role(rules: Value) -> [Value; 2] {
    let role = json!({"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": NAME, "labels": labels()}, "rules": rules});
    [role, bound_to_cluster(NAME, NAME)]
}

fn role(name: &str, namespace: &str, rules: Value) -> [Value; 2] {
    let metadata = json!({"name": name, "namespace": namespace, "labels": labels()});
    let role = json!({"apiVersion": RBAC, "kind": "Role", "metadata": metadata, "rules": rules});
    let reference = json!({"apiGroup": RBAC_GROUP, "kind": "Role", "name": name});
    let binding = json!({"apiVersion": RBAC, "kind": "RoleBinding", "metadata": metadata, "roleRef": reference, "subjects": subject()});
    [role, binding]
}

/// Which kinds there are, which namespaces there are and which of them are paused; no object of an application.
fn look_around() -> Vec<Value> {
    let look = json!(["get", "list", "watch"]);
    vec![
        json!({"apiGroups": [""], "resources": ["namespaces"], "verbs": look}),
        json!({"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": look}),
        json!({"apiGroups": ["apiregistration.k8s.io"], "resources": ["apiservices"], "verbs": look}),
    ]
}

fn some_namespaces(namespaces: &[String]) -> Vec<Value> {
    let mut objects = cluster_role(Value::Array(look_around())).to_vec();
    for namespace in namespaces {
        // Somebody's own: only made where it is missing.
        objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
        let all = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
        objects.extend(role(NAME, namespace, all));
    }
    objects
}

fn impersonation() -> [Value; 2] {
    cluster_role(json!([
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]},
    ]))
}

/// What the agent keeps of its own. Names of what is made cannot be limited by RBAC.
fn own_namespace() -> [Value; 2] {
    let keep = json!(["get", "list", "create", "patch", "update", "delete"]);
    let rules = json!([
        {"apiGroups": [""], "resources": ["secrets"], "verbs": keep},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
        // Its image, and a person's pause; why a Pod of another image does not work.
        {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": [NAME], "verbs": ["get", "list", "watch", "patch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]);
    role("windlass-agent-own", NAMESPACE, rules)
}

fn join_secret(join: &Value) -> Value {
    let text = join.to_string();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata(JOIN_SECRET), "type": "Opaque", "stringData": {JOIN_ENTRY: text}})
}

fn deployment(options: &InstallOptions, image: &str) -> Value {
    let selector = json!({"app.kubernetes.io/name": NAME});
    let mut pod = json!({
        "serviceAccountName": NAME,
        "automountServiceAccountToken": true,
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": 15,
        "containers": [container(options, image)],
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector},
        }],
    });
    if !options.pull_secrets.is_empty() {
        pod["imagePullSecrets"] = options.pull_secrets.iter().map(|name| json!({"name": name})).collect();
    }
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(NAME),
        "spec": {
            "replicas": options.replicas(),
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": labels()}, "spec": pod},
        },
    })
}

fn container(options: &InstallOptions, image: &str) -> Value {
    let probe = |path: &str, period: u32, failures: u32| json!({"httpGet": {"path": path, "port": "admin"}, "periodSeconds": period, "failureThreshold": failures});
    json!({
        "name": "agent",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": arguments(options),
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "MIMALLOC_ALLOW_THP", "value": "0"},
        ],
        "ports": [{"name": "admin", "containerPort": ADMIN_PORT}],
        "livenessProbe": probe("/livez", 20, 3),
        "readinessProbe": probe("/readyz", 2, 3),
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        },
    })
}

fn arguments(options: &InstallOptions) -> Vec<String> {
    let mut arguments = vec!["--state=secrets".to_owned(), format!("--admin-listen=0.0.0.0:{ADMIN_PORT}")];
    if !options.namespaces.is_empty() {
        arguments.push(format!("--namespaces={}", options.namespaces.join(",")));
    }
    if let Some(account) = options.impersonated() {
        arguments.push(format!("--impersonate={account}"));
    }
    arguments
}

/// Nobody connects to an agent; it dials the apiserver and the hub.
fn network_policy() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata(NAME),
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": NAME}},
            "policyTypes": ["Ingress", "Egress"], "ingress": [], "egress": [{}],
        },
    })
}

fn disruption_budget() -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata(NAME),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app.kubernetes.io/name": NAME}}},
    })
}
