//! A deletion of everything waits for a person, and happens when one approves exactly that set.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{SOON, has_condition, message_application};
use windlass_tests::invariants;
use windlass_tests::manifest;
use windlass_tests::objects::{configmap, deployment, namespace};
use windlass_tests::wait::wait_for;

use super::stage::{EU, app, calm_in};

pub(crate) async fn held_prune_is_approved() -> Result<()> {
    let (fleet, mut app) = app("approved").await?;
    let first = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&first).await?;

    let second = app.remove(&["configmap.yaml", "deployment.yaml", "service.yaml"]).await?;
    app.refresh().await?;
    app.wait_for_targets("to hold its deletions", |targets| targets[0]["hold"]["count"] == 3).await?;

    // Syncing with prune does not override a hold.
    let operations = fleet.api().sync(app.name(), true).await?;
    ensure!(operations.len() == 1, "{operations:?}");
    app.wait_for_targets("to finish the sync", |targets| {
        targets[0]["operation"]["id"] == operations[0].as_str() && targets[0]["operation"]["finishedAt"].is_string()
    })
    .await?;
    let cluster = fleet.member(EU)?;
    ensure!(cluster.objects.present(app.name(), configmap("message")).await?.is_some(), "a sync overrode the hold");

    let approved = fleet.api().approve(app.name()).await?;
    ensure!(approved["approved"][0]["count"] == 3, "{approved}");
    for kind in [configmap("message"), deployment("message"), ("v1", "Service", "message")] {
        let look = || cluster.objects.get(app.name(), kind);
        wait_for(&format!("{kind:?} to be gone"), SOON, look, |found| found.is_none().then_some(())).await?;
    }
    app.wait_for_targets("to hold nothing", |targets| {
        targets[0]["hold"].is_null() && targets[0]["sync"] == "Synced" && targets[0]["revision"] == second.as_str()
    })
    .await?;
    invariants::check(fleet, &[&app]).await
}

/// An approval is for the set that was shown and the commit that was there: what was approved and could not happen yet does not happen once either is
/// another one.
pub(crate) async fn approval_is_void_when_its_set_or_its_commit_is_another() -> Result<()> {
    const FILES: [&str; 3] = ["configmap.yaml", "deployment.yaml", "service.yaml"];
    let (fleet, mut app) = app("approval-void").await?;
    let cluster = fleet.member(EU)?;
    let first = app.commit(&message_application("hello")).await?;
    // Whatever else git names, two of three are too many.
    let mut spec = app.manifest();
    spec["spec"]["syncPolicy"]["pruneLimits"] = json!({ "most": 100, "percent": 10, "free": 0 });
    fleet.api().put_application(&spec).await?;
    app.settles_at(&first).await?;
    app.remove(&FILES).await?;
    app.refresh().await?;
    app.wait_for_targets("to hold its deletions", |targets| targets[0]["hold"]["count"] == 3).await?;
    let pause = |why: Value| json!({ "metadata": { "annotations": { "windlass.dev/pause": why } } });
    let paused = |target: &Value| has_condition(target, "WritesFrozen", "not yet");
    let name = app.name().to_owned();
    let hold = |why: Value| cluster.objects.edit("", namespace(&name), pause(why));

    // Another set: one of the three is gone before the approved deletion begins.
    hold(json!("not yet")).await?;
    app.wait_for_targets("to be paused", |targets| paused(&targets[0])).await?;
    ensure!(fleet.api().approve(app.name()).await?["approved"][0]["count"] == 3, "another set was approved");
    cluster.objects.delete(app.name(), ("v1", "Service", "message")).await?;
    app.wait_for_targets("to hold what is left", |targets| targets[0]["hold"]["count"] == 2).await?;
    hold(Value::Null).await?;
    app.wait_for_targets("to go on", |targets| !paused(&targets[0])).await?;
    calm_in(cluster, &[app.name()]).await?;
    ensure!(app.targets().await?[0]["hold"]["count"] == 2, "another set than the approved one was deleted");

    // Another commit: the same deletions, approved for the one before it.
    hold(json!("not yet")).await?;
    app.wait_for_targets("to be paused again", |targets| paused(&targets[0])).await?;
    ensure!(fleet.api().approve(app.name()).await?["approved"][0]["count"] == 2, "another set was approved");
    let third = app.commit(&[("other.yaml", manifest::configmap("other", &[("a", "b")]))]).await?;
    app.refresh().await?;
    app.wait_for_targets("to know the new commit", |targets| targets[0]["revision"] == third.as_str()).await?;
    hold(Value::Null).await?;
    let look = || cluster.objects.get(app.name(), configmap("other"));
    wait_for("the new commit's object", SOON, look, |found| found.is_some().then_some(())).await?;
    calm_in(cluster, &[app.name()]).await?;
    ensure!(app.targets().await?[0]["hold"]["count"] == 2, "an approval of another commit counted");
    for kind in [configmap("message"), deployment("message")] {
        ensure!(cluster.objects.present(app.name(), kind).await?.is_some(), "{kind:?} was deleted");
    }
    fleet.api().approve(app.name()).await?;
    app.settles_at(&third).await?;
    invariants::check(fleet, &[&app]).await
}
