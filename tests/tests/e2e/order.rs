//! Waves run one after the other, and what leaves git goes in reverse.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{Policy, SOON};
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
