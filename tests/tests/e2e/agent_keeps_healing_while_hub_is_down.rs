//! Without its hub the agent goes on enforcing what it has, also after a restart of its own.

use anyhow::{Result, ensure};
use serde_json::json;
use windlass_tests::app::{App, Destination, Policy, SOON, message_application};
use windlass_tests::fleet::Fleet;
use windlass_tests::invariants;
use windlass_tests::objects::{configmap, deployment};
use windlass_tests::wait::wait_for;

use super::stage::{EU, own_fleet};

pub(crate) async fn agent_keeps_healing_while_hub_is_down() -> Result<()> {
    let mut fleet = own_fleet("hub-down").await?;
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "hub-down", to, Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    fleet.hub_mut().kill9()?;
    break_and_heal(&fleet, &app).await?;

    fleet.member_mut(EU)?.agent.kill9()?;
    let objects = &fleet.member(EU)?.objects;
    objects.edit(app.name(), configmap("message"), json!({ "data": { "MESSAGE": "while nobody looked" } })).await?;
    fleet.member_mut(EU)?.agent.restart()?;
    heals(&fleet, &app).await?;
    break_and_heal(&fleet, &app).await?;

    fleet.hub_mut().restart().await?;
    fleet.connected(EU).await?;
    app.settles_at(&commit).await?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

async fn break_and_heal(fleet: &Fleet, app: &App) -> Result<()> {
    let objects = &fleet.member(EU)?.objects;
    let old = objects.get(app.name(), deployment("message")).await?.map(|found| found["metadata"]["uid"].clone());
    objects.edit(app.name(), configmap("message"), json!({ "data": { "MESSAGE": "by hand" } })).await?;
    objects.delete(app.name(), deployment("message")).await?;
    heals(fleet, app).await?;
    let new = objects.present(app.name(), deployment("message")).await?.map(|found| found["metadata"]["uid"].clone());
    ensure!(old != new, "the deployment was never deleted");
    Ok(())
}

async fn heals(fleet: &Fleet, app: &App) -> Result<()> {
    let objects = &fleet.member(EU)?.objects;
    let look = || objects.get(app.name(), configmap("message"));
    wait_for("git's message to be back", SOON, look, |found| {
        (found.as_ref()?["data"]["MESSAGE"] == "hello").then_some(())
    })
    .await?;
    let look = || objects.present(app.name(), deployment("message"));
    wait_for("the deployment to be back", SOON, look, |found| found.is_some().then_some(())).await
}
