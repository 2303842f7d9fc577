//! A newer commit takes over from an operation that fails or is stuck.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use windlass_tests::app::{App, Destination, Policy, SOON};
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::configmap;
use windlass_tests::wait::wait_for;

use super::stage::{EU, app, own_fleet};

const WAVE: &str = "argocd.argoproj.io/sync-wave";

fn stuck(name: &str) -> Manifest {
    manifest::deployment(name, 1, "registry.example/web:1")
        .with("spec.template.spec.nodeSelector", json!({ "nobody": "has-this" }))
}

/// A wave that never becomes healthy does not stand in the way of its fix.
pub(crate) async fn newer_commit_supersedes_a_stuck_operation() -> Result<()> {
    let fleet = own_fleet("supersede").await?;
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "supersede", to, Policy::Automated).await?;
    let last = |text: &str| manifest::configmap("last", &[("TEXT", text)]).annotation(WAVE, "1");
    app.commit(&[("web.yaml", stuck("web")), ("last.yaml", last("one"))]).await?;
    app.create().await?;
    let running = |targets: &[serde_json::Value]| {
        targets
            .first()
            .is_some_and(|target| target["operation"]["phase"] == "Running" && target["health"] == "Progressing")
    };
    let first = app.wait_for_targets("to wait for its first wave", running).await?;
    let fixed = manifest::deployment("web", 1, "registry.example/web:1");
    let commit = app.commit(&[("web.yaml", fixed), ("last.yaml", last("two"))]).await?;
    app.refresh().await?;
    app.wait_for_targets("to know the fix", |targets| targets[0]["revision"] == commit.as_str()).await?;
    fleet.member(EU)?.agent.admin()?.shift_clock(Duration::from_secs(70)).await?;
    app.settles_at(&commit).await?;
    let operations = fleet.api().operations(app.name()).await?;
    let old = operations.iter().find(|operation| operation["id"] == first[0]["operation"]["id"]);
    let state = old.map(|operation| operation["state"].clone()).unwrap_or_default();
    let message = state["message"].as_str().unwrap_or_default();
    ensure!(state["phase"] == "Failed" && message.contains("superseded"), "{state}");
    let text = fleet.member(EU)?.objects.get(app.name(), configmap("last")).await?.unwrap_or_default();
    ensure!(text["data"]["TEXT"] == "two", "{text}");
    fleet.finish();
    Ok(())
}

/// An operation that fails gives way at once, without a word of anybody: what it did not begin is left out, and it says what took its place.
pub(crate) async fn newer_commit_supersedes_a_failing_operation() -> Result<()> {
    let (fleet, mut app) = app("supersede-failing").await?;
    let objects = &fleet.member(EU)?.objects;
    objects.apply(&manifest::namespace(app.name()), "somebody").await?;
    let last = |text: &str| manifest::configmap("last", &[("TEXT", text)]).annotation(WAVE, "1");
    let wrong = manifest::service("web", 80).with("spec.type", json!("NoSuchType"));
    let first = app.commit(&[("web.yaml", wrong), ("last.yaml", last("one"))]).await?;
    app.create().await?;
    let failed = |targets: &[serde_json::Value]| targets.first().is_some_and(|t| t["operation"]["phase"] == "Failed");
    app.wait_for_targets("to have failed", failed).await?;
    ensure!(objects.get(app.name(), configmap("last")).await?.is_none(), "the wave after the failure began");
    let second = app.commit(&[("web.yaml", manifest::service("web", 80)), ("last.yaml", last("two"))]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    let said = || async {
        let operations = fleet.api().operations(app.name()).await?;
        let of_first = |operation: &&serde_json::Value| operation["state"]["revision"] == first.as_str();
        Ok(operations.iter().find(of_first).map(|operation| operation["state"].clone()))
    };
    let told = format!("superseded by {second}");
    wait_for("the last try of the first commit to say what took its place", SOON, said, |state| {
        state.as_ref().filter(|state| state["message"].as_str().is_some_and(|text| text.contains(&told))).map(drop)
    })
    .await?;
    let text = objects.get(app.name(), configmap("last")).await?.unwrap_or_default();
    ensure!(text["data"]["TEXT"] == "two", "{text}");
    Ok(())
}
