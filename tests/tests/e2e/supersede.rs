//! A newer commit takes over from an operation that fails or is stuck.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use windlass_tests::app::{App, Destination, Policy};
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::configmap;

use super::stage::{EU, own_fleet};

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
