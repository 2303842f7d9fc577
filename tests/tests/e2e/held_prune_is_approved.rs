//! A deletion of everything waits for a person, and happens when one approves exactly that set.

use anyhow::{Result, ensure};
use windlass_tests::app::{SOON, message_application};
use windlass_tests::invariants;
use windlass_tests::objects::{configmap, deployment};
use windlass_tests::wait::wait_for;

use super::stage::{EU, app};

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
