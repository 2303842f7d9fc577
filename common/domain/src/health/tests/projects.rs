//! What the projects' controllers write, by kind: `testdata/health-projects.txt` has `Status apiVersion/Kind {the rest of the object}` a line.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn cases() -> Vec<(HealthStatus, Value)> {
    let path = format!("{}/testdata/health-projects.txt", env!("CARGO_MANIFEST_DIR"));
    #[allow(clippy::disallowed_methods)]
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|line| case(line).unwrap_or_else(|| panic!("not a case: {line}"))).collect()
}

fn case(line: &str) -> Option<(HealthStatus, Value)> {
    let (status, rest) = line.split_once(' ')?;
    let (kind, body) = rest.trim_start().split_once(' ')?;
    let (api_version, kind) = kind.rsplit_once('/')?;
    let mut object: Value = serde_json::from_str(body.trim()).ok()?;
    object["apiVersion"] = json!(api_version);
    object["kind"] = json!(kind);
    if object["metadata"]["generation"].is_null() {
        object["metadata"]["generation"] = json!(2);
    }
    Some((serde_json::from_value(json!(status)).ok()?, object))
}

#[test]
fn each_kind_is_judged_as_its_project_documents_it() {
    let wrong = cases().into_iter().filter_map(|(want, object)| {
        let health = assess(&object);
        let says_why = want == HealthStatus::Healthy || health.as_ref().is_some_and(|h| !h.message.is_empty());
        let right = health.as_ref().is_some_and(|h| h.status == want) && says_why;
        (!right).then(|| format!("{want}, not {health:?}: {object}"))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a kind's API has no word for, and so no fixture.
const NEVER: &[(&str, &str, HealthStatus)] = &[
    // Only schedules, and says nothing of what it did.
    ("argoproj.io", "CronWorkflow", HealthStatus::Progressing),
    ("postgresql.cnpg.io", "ScheduledBackup", HealthStatus::Progressing),
    ("postgresql.cnpg.io", "ScheduledBackup", HealthStatus::Degraded),
    // Counts its instances and has no word for a failure.
    ("postgresql.cnpg.io", "Pooler", HealthStatus::Degraded),
    // What cannot be launched is deleted by its controller.
    ("karpenter.sh", "NodeClaim", HealthStatus::Degraded),
    // Configuration that is valid or is not.
    ("cilium.io", "CiliumNetworkPolicy", HealthStatus::Progressing),
    ("cilium.io", "CiliumClusterwideNetworkPolicy", HealthStatus::Progressing),
    // Configuration whose status says nothing of how it does.
    ("secrets-store.csi.x-k8s.io", "SecretProviderClass", HealthStatus::Progressing),
    ("secrets-store.csi.x-k8s.io", "SecretProviderClass", HealthStatus::Degraded),
    ("metallb.io", "*", HealthStatus::Progressing),
    ("metallb.io", "*", HealthStatus::Degraded),
    // Not established yet, for as long as it takes.
    ("apiextensions.crossplane.io", "CompositeResourceDefinition", HealthStatus::Degraded),
    ("apiextensions.crossplane.io", "*", HealthStatus::Degraded),
];

/// Every kind that has rules of its own has fixtures of all three, but for what it cannot be.
#[test]
fn every_kind_of_the_list_has_healthy_progressing_and_degraded_fixtures() {
    use HealthStatus::{Degraded, Healthy, Progressing};
    let mut seen: BTreeMap<String, BTreeSet<HealthStatus>> = BTreeMap::new();
    for (status, object) in cases() {
        let group = group_of(object["apiVersion"].as_str().expect("text"));
        let kind = object["kind"].as_str().expect("text");
        let entry = crate::health::kinds().find(|(g, k)| *g == group && *k == kind);
        let family = || {
            crate::health::kinds()
                .find(|(g, k)| (*g == group || g.starts_with('*') && group.ends_with(&g[1..])) && *k == "*")
        };
        let (g, k) = entry.or_else(family).unwrap_or_else(|| panic!("{group} {kind} has no check"));
        seen.entry(format!("{g}/{k}")).or_default().insert(status);
    }
    let mut wrong = Vec::new();
    let mut whole = 0;
    for (group, kind) in crate::health::kinds().skip(super::super::BUILT_IN.len()) {
        let had = seen.remove(&format!("{group}/{kind}")).unwrap_or_default();
        let never = |status: &HealthStatus| NEVER.contains(&(group, kind, *status));
        let lacks: Vec<_> = [Healthy, Progressing, Degraded].into_iter().filter(|s| !had.contains(s)).collect();
        whole += usize::from(lacks.is_empty());
        wrong.extend(lacks.iter().filter(|s| !never(s)).map(|s| format!("{group} {kind} has no {s} fixture")));
        wrong.extend(had.iter().filter(|s| never(s)).map(|s| format!("{group} {kind} can be {s} after all")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(whole >= 60, "{whole} kinds have all three");
}

#[test]
fn malformed_statuses_are_judged_without_panic() {
    for (_, object) in cases() {
        for pointer in pointers(&object, String::new()) {
            for wrong in [json!(1.5), json!("x"), json!([[]]), json!({"a": 1}), json!(true), Value::Null] {
                let mut broken = object.clone();
                *broken.pointer_mut(&pointer).expect("a value") = wrong;
                assess(&broken);
            }
        }
    }
}

#[test]
fn a_progressing_object_says_what_is_waited_for_and_since_when() {
    let object = json!({"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"generation": 1}, "status": {"conditions": [
        {"type": "Ready", "status": "False", "reason": "Pending", "message": "Registering the account", "lastTransitionTime": "2026-11-23T10:00:00Z"},
    ]}});
    let want = Health::progressing("Registering the account (since 2026-11-23T10:00:00Z)");
    assert_eq!(assess(&object), Some(want));
}

/// Every fixture that is not well and has conditions says it, as long as the object has what every object has.
#[test]
fn what_is_waited_for_and_what_is_wrong_say_since_when() {
    let lived = cases().into_iter().map(|(status, mut object)| {
        object["metadata"]["creationTimestamp"] = json!("2026-11-23T08:00:00Z");
        object["metadata"]["managedFields"] = json!([{"manager": "windlass", "time": "2026-11-23T09:00:00Z"}]);
        (status, object)
    });
    let silent = lived.filter(|(status, object)| {
        let matters = matches!(status, HealthStatus::Progressing | HealthStatus::Degraded);
        let told = assess(object).is_some_and(|health| health.message.contains("(since 20"));
        matters && !told && object["status"].to_string().contains("lastTransitionTime")
    });
    let silent: Vec<String> = silent.map(|(_, object)| object.to_string()).collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn the_time_is_that_of_the_condition_the_change_or_the_creation() {
    let created = "2026-11-23T08:00:00Z";
    let managers = json!([
        {"manager": "a", "time": "2026-11-23T09:00:00Z"},
        {"manager": "b", "time": "2026-11-23T09:30:00Z", "subresource": "status"},
    ]);
    let said = |kind: &str, generation: u64, status: Value| {
        let (api_version, kind) = kind.rsplit_once('/').expect("a kind");
        let metadata = json!({"generation": generation, "creationTimestamp": created, "managedFields": managers});
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "status": status});
        assess(&object).map(|health| health.message).unwrap_or_default()
    };
    let failed = json!({"conditions": [
        {"type": "Other", "status": "True", "lastTransitionTime": "2026-11-23T11:00:00Z"},
        {"type": "Ready", "status": "False", "reason": "Failed", "message": "no", "lastTransitionTime": "2026-11-23T10:00:00Z"},
    ]});
    for (kind, generation, status, want) in [
        ("external-secrets.io/v1/ExternalSecret", 1, failed.clone(), "no (since 2026-11-23T10:00:00Z)"),
        ("example.org/v1/Widget", 1, failed, "no (since 2026-11-23T10:00:00Z)"),
        ("external-secrets.io/v1/ExternalSecret", 1, json!({}), "Waiting for Ready (since 2026-11-23T08:00:00Z)"),
        (
            "kustomize.toolkit.fluxcd.io/v1/Kustomization",
            3,
            json!({"observedGeneration": 2}),
            "Waiting for its controller to look at generation 3; it saw 2 (since 2026-11-23T09:00:00Z)",
        ),
        (
            "argoproj.io/v1alpha1/AnalysisRun",
            1,
            json!({"phase": "Running", "startedAt": "2026-11-23T10:00:00Z"}),
            "status.phase is Running (since 2026-11-23T10:00:00Z)",
        ),
        ("argoproj.io/v1alpha1/AnalysisRun", 1, json!({"phase": "Failed"}), "status.phase is Failed"),
    ] {
        assert_eq!(said(kind, generation, status), want, "{kind}");
    }
}
