//! Waves run one after the other, and what leaves git goes in reverse.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{App, Policy, SOON};
use windlass_tests::control_plane::AuditMark;
use windlass_tests::fleet::Member;
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{Kind, configmap};
use windlass_tests::wait::wait_for;

use super::stage::{EU, app};

const WAVE: &str = "argocd.argoproj.io/sync-wave";

fn node() -> Kind<'static> {
    ("v1", "Node", "fake-0")
}

/// A Deployment that is healthy once a node has the label.
fn gated(name: &str, gate: &str) -> Manifest {
    manifest::deployment(name, 1, "registry.example/web:1")
        .with("spec.template.spec.nodeSelector", json!({ gate: "open" }))
}

async fn open(member: &Member, gate: &str) -> Result<()> {
    member.objects.edit("", node(), json!({ "metadata": { "labels": { gate: "open" } } })).await.map(drop)
}

fn wave(manifest: Manifest, wave: i32) -> Manifest {
    manifest.annotation(WAVE, &wave.to_string())
}

/// Deletes that the agent sent in a namespace, in the order of their answers.
fn deleted(member: &Member, namespace: &str, since: AuditMark) -> Result<Vec<String>> {
    let events = member.plane.audit_by_user(&member.user, since)?;
    let is_delete = |event: &&Value| {
        let dry = event["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun"));
        event["verb"] == "delete" && event["objectRef"]["namespace"] == namespace && !dry
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found: Vec<(String, String)> = events
        .iter()
        .filter(is_delete)
        .map(|event| (text(&event["requestReceivedTimestamp"]), text(&event["objectRef"]["name"])))
        .collect();
    found.sort();
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

/// What is in a later wave is not there before the one before it is healthy.
pub(crate) async fn waves_wait_for_health() -> Result<()> {
    let (fleet, mut app) = app("waves").await?;
    let member = fleet.member(EU)?;
    let commit = app
        .commit(&[
            ("first.yaml", wave(manifest::configmap("first", &[("A", "1")]), -1)),
            ("web.yaml", gated("web", "gate-waves")),
            ("last.yaml", wave(manifest::configmap("last", &[("B", "2")]), 3)),
        ])
        .await?;
    app.create().await?;
    let web = || member.objects.get(app.name(), ("apps/v1", "Deployment", "web"));
    wait_for("the deployment to be applied", SOON, web, |web| web.is_some().then_some(())).await?;
    let waiting = app
        .wait_for_targets("to say what it waits for", |targets| {
            targets.first().is_some_and(|target| {
                let message = target["operation"]["message"].as_str().unwrap_or_default();
                target["operation"]["phase"] == "Running" && message.contains("web")
            })
        })
        .await?;
    ensure!(member.objects.get(app.name(), configmap("first")).await?.is_some(), "wave -1 was passed over");
    let last = member.objects.get(app.name(), configmap("last")).await?;
    ensure!(last.is_none(), "the last wave did not wait: {}", waiting[0]["operation"]);
    open(member, "gate-waves").await?;
    app.settles_at(&commit).await?;
    ensure!(member.objects.get(app.name(), configmap("last")).await?.is_some(), "the last wave is missing");
    Ok(())
}

/// What was applied last is deleted first, and each wave waits until the one before it is gone.
pub(crate) async fn prune_goes_in_reverse_waves() -> Result<()> {
    let (fleet, mut app) = app("waves-prune").await?;
    let member = fleet.member(EU)?;
    let map = |name: &str| manifest::configmap(name, &[("A", "1")]);
    let names = ["one", "two", "three"];
    let mut files = vec![("kept.yaml".to_owned(), map("kept"))];
    for (index, name) in (1..).zip(names) {
        files.push((format!("{name}.yaml"), wave(map(name), index)));
    }
    let held = json!({ "metadata": { "finalizers": ["example.test/hold"] } });
    let files: Vec<(&str, Manifest)> = files.iter().map(|(name, file)| (name.as_str(), file.clone())).collect();
    let commit = app.commit(&files).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    member.objects.edit(app.name(), configmap("three"), held).await?;
    let since = member.plane.audit_mark()?;
    let commit = app.remove(&["one.yaml", "two.yaml", "three.yaml"]).await?;
    app.refresh().await?;
    let three = || member.objects.get(app.name(), configmap("three"));
    wait_for("the last wave to be on its way out", SOON, three, |three| {
        three.as_ref().is_some_and(|three| !three["metadata"]["deletionTimestamp"].is_null()).then_some(())
    })
    .await?;
    ensure!(deleted(member, app.name(), since)? == ["three"], "{:?}", deleted(member, app.name(), since)?);
    member.objects.edit(app.name(), configmap("three"), json!({ "metadata": { "finalizers": null } })).await?;
    app.settles_at(&commit).await?;
    let order = deleted(member, app.name(), since)?;
    ensure!(order == ["three", "two", "one"], "{order:?}");
    Ok(())
}

/// A definition and its objects in one commit, synced by hand: one operation brings both.
pub(crate) async fn definition_and_object_are_one_manual_sync() -> Result<()> {
    let fleet = super::stage::workshop().await?;
    let to = windlass_tests::app::Destination::Cluster(EU.to_owned());
    let mut app = windlass_tests::app::App::new(fleet, "one-commit", to, Policy::Manual).await?;
    let schema = json!({ "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
    let version = json!([{ "name": "v1", "served": true, "storage": true, "schema": schema }]);
    let names = json!({ "plural": "lamps", "singular": "lamp", "kind": "Lamp", "listKind": "LampList" });
    let definition = Manifest::new("apiextensions.k8s.io/v1", "CustomResourceDefinition", "lamps.light.test")
        .with("spec", json!({ "group": "light.test", "scope": "Namespaced", "names": names, "versions": version }));
    let lamp = Manifest::new("light.test/v1", "Lamp", "desk").with("spec", json!({ "watts": 9 }));
    let commit = app.commit(&[("crd.yaml", definition), ("lamp.yaml", lamp)]).await?;
    app.create().await?;
    app.wait_for_targets("to be OutOfSync", |targets| targets.first().is_some_and(|t| t["sync"] == "OutOfSync"))
        .await?;
    fleet.api().sync(app.name(), false).await?;
    app.settles_at(&commit).await?;
    let operations = fleet.api().operations(app.name()).await?;
    ensure!(operations.len() == 1 && operations[0]["state"]["phase"] == "Succeeded", "{operations:?}");
    let lamp = fleet.member(EU)?.objects.get(app.name(), ("light.test/v1", "Lamp", "desk")).await?;
    lamp.context("the object of the new kind is missing").map(drop)
}

/// A step of many kinds is written in the order of kinds, one after the other, and what leaves git goes in reverse.
pub(crate) async fn kinds_of_one_step_go_in_order() -> Result<()> {
    let (fleet, mut app) = app("kind-order").await?;
    let member = fleet.member(EU)?;
    let objects = of_every_kind();
    // Neither the order of files nor that of names helps.
    let file = |index: usize| format!("{:02}.yaml", 99 - index);
    let files: Vec<(String, Manifest)> =
        objects.iter().enumerate().map(|(index, (_, object))| (file(index), object.clone())).collect();
    app.commit_all(&files).await?;
    let mut spec = app.manifest();
    spec["spec"]["syncPolicy"]["pruneLimits"] = json!({ "most": 100, "percent": 100, "free": 100 });
    let since = member.plane.audit_mark()?;
    fleet.api().put_application(&spec).await?;
    succeeds(&app).await?;
    let wanted: Vec<&str> = objects.iter().map(|(resource, _)| *resource).collect();
    let made = answered(member, since, "patch", |event| event["responseStatus"]["code"] == 201)?;
    let order: Vec<&str> = made.iter().map(|made| made.resource.as_str()).collect();
    ensure!(order == wanted, "{order:?}, not {wanted:?}");
    let overlap = made.windows(2).find(|pair| pair[1].asked < pair[0].answered);
    ensure!(overlap.is_none(), "one began before the one before it was answered: {overlap:?}");

    // Whatever its deletion waits for stays: a claim and a volume have an approval of their own.
    let goes = |resource: &&str| ["roles", "services", "configmaps", "leases", "deployments"].contains(resource);
    let gone: Vec<String> =
        wanted.iter().enumerate().filter(|(_, resource)| goes(resource)).map(|(index, _)| file(index)).collect();
    let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
    let since = member.plane.audit_mark()?;
    let commit = app.remove(&gone).await?;
    app.refresh().await?;
    app.wait_for_targets("to have pruned", |targets| targets[0]["syncedRevision"] == commit.as_str()).await?;
    succeeds(&app).await?;
    let deleted = answered(member, since, "delete", |_| true)?;
    let order: Vec<&str> = deleted.iter().map(|deleted| deleted.resource.as_str()).collect();
    ensure!(order == ["leases", "deployments", "services", "roles", "configmaps"], "{order:?}");
    Ok(())
}

async fn succeeds(app: &App) -> Result<()> {
    let is = |targets: &[Value]| {
        targets.first().is_some_and(|target| target["operation"]["phase"] == "Succeeded" && target["current"] == true)
    };
    app.wait_for_targets("to have ended its operation well", is).await.map(drop)
}

/// What the agent asked the API server for, and when that was answered.
#[derive(Debug)]
struct Answered {
    resource: String,
    asked: String,
    answered: String,
}

/// Requests of the agent about objects of [`of_every_kind`], in order; dry runs aside.
fn answered(member: &Member, since: AuditMark, verb: &str, counts: impl Fn(&Value) -> bool) -> Result<Vec<Answered>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = member.plane.audit_by_user(&member.user, since)?;
    let is_ours = |event: &&Value| {
        let named = event["objectRef"]["name"].as_str().is_some_and(|name| name.starts_with("kind-order-"));
        let dry = event["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun"));
        named && !dry && event["verb"] == verb && event["stage"] == "ResponseComplete" && counts(event)
    };
    let of = |event: &Value| Answered {
        resource: text(&event["objectRef"]["resource"]),
        asked: text(&event["requestReceivedTimestamp"]),
        answered: text(&event["stageTimestamp"]),
    };
    let mut found: Vec<Answered> = events.iter().filter(is_ours).map(of).collect();
    found.sort_by(|one, other| one.asked.cmp(&other.asked));
    Ok(found)
}

/// One object of nearly every kind that has a place of its own, and one that has none, in the order in which they are written.
fn of_every_kind() -> Vec<(&'static str, Manifest)> {
    const RBAC: &str = "rbac.authorization.k8s.io/v1";
    let mut left = 60;
    let mut of = |resource: &'static str, version: &str, kind: &str, fields: Value| {
        left -= 1;
        let mut object = Manifest::new(version, kind, &format!("kind-order-{left}"));
        for (path, value) in fields.as_object().into_iter().flatten() {
            object = object.with(path, value.clone());
        }
        (resource, object)
    };
    let nobody = json!({ "matchLabels": { "nobody": "has-this" } });
    let pod = json!({ "containers": [{ "name": "web", "image": "registry.example/web:1" }] });
    let labels = |app: &str| json!({ "app": app });
    let template = |app: &str| json!({ "metadata": { "labels": labels(app) }, "spec": pod });
    let runs =
        |app: &str| json!({ "replicas": 0, "selector": { "matchLabels": labels(app) }, "template": template(app) });
    let job = json!({ "template": { "spec": { "containers": pod["containers"], "restartPolicy": "Never" } } });
    let role = |kind: &str| json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "nobodys" });
    let claim = json!({ "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Mi" } }, "storageClassName": "nobodys-claims" });
    let volume = json!({ "accessModes": ["ReadWriteOnce"], "capacity": { "storage": "1Mi" }, "hostPath": { "path": "/nowhere" }, "storageClassName": "nobodys-volumes" });
    let scaled = json!({ "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "nobodys" }, "maxReplicas": 1 });
    let daemons = json!({ "selector": { "matchLabels": labels("daemons") }, "template": template("daemons") });
    let counted = json!({ "replicas": 0, "selector": labels("counted"), "template": template("counted") });
    let stateful = json!({ "replicas": 0, "serviceName": "none", "selector": { "matchLabels": labels("stateful") }, "template": template("stateful") });
    let backend = json!({ "service": { "name": "nobodys", "port": { "number": 80 } } });
    vec![
        of("networkpolicies", "networking.k8s.io/v1", "NetworkPolicy", json!({ "spec.podSelector": nobody })),
        of(
            "resourcequotas",
            "v1",
            "ResourceQuota",
            json!({ "spec": { "hard": { "count/widgets.nobody.test": "5" } } }),
        ),
        of(
            "limitranges",
            "v1",
            "LimitRange",
            json!({ "spec.limits": [{ "type": "PersistentVolumeClaim", "max": { "storage": "9Gi" } }] }),
        ),
        of(
            "poddisruptionbudgets",
            "policy/v1",
            "PodDisruptionBudget",
            json!({ "spec": { "minAvailable": 0, "selector": nobody } }),
        ),
        of("serviceaccounts", "v1", "ServiceAccount", json!({})),
        of("secrets", "v1", "Secret", json!({ "stringData": { "a": "b" } })),
        of("configmaps", "v1", "ConfigMap", json!({ "data": { "a": "b" } })),
        of("storageclasses", "storage.k8s.io/v1", "StorageClass", json!({ "provisioner": "nobody.test/none" })),
        of("persistentvolumes", "v1", "PersistentVolume", json!({ "spec": volume })),
        of("persistentvolumeclaims", "v1", "PersistentVolumeClaim", json!({ "spec": claim })),
        of("clusterroles", RBAC, "ClusterRole", json!({ "rules": [] })),
        of("clusterrolebindings", RBAC, "ClusterRoleBinding", json!({ "roleRef": role("ClusterRole") })),
        of("roles", RBAC, "Role", json!({ "rules": [] })),
        of("rolebindings", RBAC, "RoleBinding", json!({ "roleRef": role("Role") })),
        of("services", "v1", "Service", json!({ "spec": { "ports": [{ "port": 80 }], "selector": labels("nobody") } })),
        of("daemonsets", "apps/v1", "DaemonSet", json!({ "spec": daemons })),
        of("pods", "v1", "Pod", json!({ "spec": pod })),
        of("replicationcontrollers", "v1", "ReplicationController", json!({ "spec": counted })),
        of("replicasets", "apps/v1", "ReplicaSet", json!({ "spec": runs("set") })),
        of("deployments", "apps/v1", "Deployment", json!({ "spec": runs("web") })),
        of("horizontalpodautoscalers", "autoscaling/v2", "HorizontalPodAutoscaler", json!({ "spec": scaled })),
        of("statefulsets", "apps/v1", "StatefulSet", json!({ "spec": stateful })),
        of("jobs", "batch/v1", "Job", json!({ "spec": job })),
        of(
            "cronjobs",
            "batch/v1",
            "CronJob",
            json!({ "spec": { "schedule": "0 0 1 1 *", "jobTemplate": { "spec": job } } }),
        ),
        of(
            "ingressclasses",
            "networking.k8s.io/v1",
            "IngressClass",
            json!({ "spec": { "controller": "nobody.test/none" } }),
        ),
        of("ingresses", "networking.k8s.io/v1", "Ingress", json!({ "spec": { "defaultBackend": backend } })),
        of("leases", "coordination.k8s.io/v1", "Lease", json!({ "spec": { "holderIdentity": "nobody" } })),
    ]
}
