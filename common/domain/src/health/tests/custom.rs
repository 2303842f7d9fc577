use super::*;

/// Fixture and message of kinds that no file knows; the status is in the name, `none` where there is no check.
pub(super) const CASES: &[(&str, &str)] = &[
    ("custom/healthy-cert-manager-certificate", "Certificate is up to date and has not expired"),
    (
        "custom/progressing-cert-manager-issuing",
        "Issuing certificate as Secret does not exist (since 2026-11-23T10:00:00Z)",
    ),
    ("custom/progressing-cert-manager-older-generation", "Waiting for Ready to be about the latest change"),
    ("custom/healthy-flux-kustomization", "Applied revision: main@sha1:4f1a"),
    (
        "custom/progressing-flux-kustomization",
        "Running health checks for revision main@sha1:77aa with a timeout of 2m (since 2026-11-23T10:00:00Z)",
    ),
    ("custom/progressing-flux-unobserved", "Waiting for its controller to look at the latest change"),
    ("custom/suspended-flux-kustomization", "Told not to be reconciled"),
    ("custom/degraded-flux-helm-release", "Failed to upgrade after 3 attempt(s) (since 2026-11-23T10:00:00Z)"),
    ("custom/healthy-gateway", "Address assigned to the Gateway, 1/1 envoy replicas available"),
    ("custom/progressing-gateway", "Waiting for Programmed to be about the latest change"),
    ("custom/healthy-keda-scaled-object", "ScaledObject is defined correctly and is ready for scaling"),
    (
        "custom/progressing-keda-scaled-object",
        "ScaledObject doesn't have correct scaleTargetRef specification (since 2026-11-23T10:00:00Z)",
    ),
    ("custom/healthy-cnpg-cluster", "Cluster is Ready"),
    ("custom/progressing-cnpg-cluster", "Cluster Is Not Ready (since 2026-11-23T10:00:00Z)"),
    ("custom/healthy-knative-service", ""),
    ("custom/progressing-knative-service", "Ready is Unknown: RevisionMissing (since 2026-11-23T10:00:00Z)"),
    ("custom/healthy-strimzi-kafka", ""),
    ("custom/progressing-strimzi-kafka", "Kafka cluster is being deployed (since 2026-11-23T10:00:00Z)"),
    ("custom/healthy-external-secret", "secret synced"),
    ("custom/progressing-external-secret", "could not get secret data from provider (since 2026-11-23T10:00:00Z)"),
    ("custom/healthy-crossplane-bucket", ""),
    (
        "custom/progressing-crossplane-unsynced",
        "update failed: AccessDenied: User is not authorized to perform: s3:PutBucketTagging (since 2026-11-23T10:00:00Z)",
    ),
    ("custom/degraded-operator", "2 of 3 members are gone (since 2026-11-23T10:00:00Z)"),
    (
        "custom/degraded-tekton-run",
        "Tasks Completed: 3 (Failed: 1, Cancelled 0), Skipped: 2 (since 2026-11-23T10:00:00Z)",
    ),
    ("custom/healthy-prometheus", ""),
    ("custom/healthy-observed-only", ""),
    ("custom/none-istio-virtual-service", ""),
    ("custom/none-service-monitor", ""),
    ("custom/none-argo-application", ""),
    ("custom/none-phase-only", ""),
    ("custom/none-conditions-of-another-shape", ""),
];

/// The object as if it were of a project that nobody here knows: its own rules may say more.
fn foreign(name: &str) -> Value {
    let mut object = read(name);
    object["apiVersion"] = json!("example.org/v1");
    object
}

#[test]
fn each_custom_resource_is_judged_by_its_conditions() {
    for (name, message) in CASES {
        let want = (!name.contains("/none-")).then(|| Health::new(status_in_name(name), *message));
        assert_eq!(assess(&foreign(name)), want, "{name}");
    }
}

/// The same status under a group of Kubernetes' own says nothing.
#[test]
fn kubernetes_own_kinds_are_not_judged_by_conditions() {
    for api_version in ["v1", "apps/v1", "rbac.authorization.k8s.io/v1", "flowcontrol.apiserver.k8s.io/v1"] {
        let mut object = read("custom/healthy-cnpg-cluster");
        object["apiVersion"] = json!(api_version);
        assert_eq!(assess(&object), None, "{api_version}");
    }
}

#[test]
fn a_custom_resource_without_status_has_no_check_even_when_it_is_told_to_stop() {
    let mut object = foreign("custom/suspended-flux-kustomization");
    object.as_object_mut().expect("an object").remove("status");
    assert_eq!(assess(&object), None);
}

/// Nobody promised their types: never unknown because of one, and no panic.
#[test]
fn malformed_custom_resources_are_judged_without_panic() {
    for (name, _) in CASES {
        let object = foreign(name);
        for pointer in pointers(&object, String::new()) {
            for wrong in [json!(1.5), json!("x"), json!([[]]), json!({"a": 1}), json!(true), Value::Null] {
                let mut broken = object.clone();
                *broken.pointer_mut(&pointer).expect("a value") = wrong;
                let status = assess(&broken).map(|health| health.status);
                assert_ne!(status, Some(HealthStatus::Unknown), "{name} {pointer}");
            }
        }
    }
}
