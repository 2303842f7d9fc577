//! The agent's disk is full: it takes nothing that it cannot keep, says so, and goes on by itself when there is room.

use anyhow::{Result, bail, ensure};
use serde_json::json;
use windlass_tests::app::{App, Destination, Policy, SOON, message_application, message_of};
use windlass_tests::fleet::Fleet;
use windlass_tests::invariants::{self, Generations};
use windlass_tests::manifest;
use windlass_tests::objects::configmap;
use windlass_tests::tmpfs::Tmpfs;
use windlass_tests::wait::wait_for;

use super::stage::{EU, not_run, plane};

pub(crate) async fn full_disk_of_the_agent_loses_nothing() -> Result<()> {
    let mut fleet = Fleet::start("agent-disk-full", &[]).await?;
    let Some(disk) = Tmpfs::mount(&fleet.folder_of(EU).join("state"), "8m")? else {
        not_run("full_disk_of_the_agent_loses_nothing", "making a small disk takes root");
        fleet.finish();
        return Ok(());
    };
    fleet.add(EU, plane().await?).await?;
    fleet.connected(EU).await?;
    let generations = Generations::watch(fleet.api());
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "agent-disk-full", to, Policy::Automated).await?;
    let first = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&first).await?;

    disk.fill()?;
    until_nothing_fits(&fleet, &app).await?;
    let held = acknowledged(&fleet).await?;
    let added = manifest::configmap("added", &[("a", "b")]);
    let second = app.commit(&[("configmap.yaml", message_of("no room")), ("added.yaml", added)]).await?;
    app.refresh().await?;
    // What it says of it is seen before anything is asserted: by then it has tried.
    let refused = fleet.member(EU)?.agent.says(&["the rows could not be kept"], SOON).await?;
    ensure!(refused.contains("no room"), "{refused}");
    let now = acknowledged(&fleet).await?;
    ensure!(now == held, "generation {now} was acknowledged and could not be kept; {held} was before");
    let objects = &fleet.member(EU)?.objects;
    ensure!(objects.get(app.name(), configmap("added")).await?.is_none(), "it applied what it could not keep");
    let edit = json!({ "data": { "MESSAGE": "by hand" } });
    objects.edit(app.name(), configmap("message"), edit).await?;
    // What was applied before is put right all the same: nothing new is on record by that.
    let look = || objects.get(app.name(), configmap("message"));
    wait_for("the hand edit to be healed on a full disk", SOON, look, |found| {
        (found.as_ref()?["data"]["MESSAGE"] == "hello").then_some(())
    })
    .await?;
    disk.free()?;
    app.settles_at(&second).await?;
    // Killed with its disk full again, it comes back with what it has.
    disk.fill()?;
    fleet.member_mut(EU)?.agent.kill9()?;
    fleet.member_mut(EU)?.agent.restart()?;
    fleet.connected(EU).await?;
    disk.free()?;
    let third = app.remove(&["added.yaml"]).await?;
    app.refresh().await?;
    app.settles_at(&third).await?;
    generations.never_fell()?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    drop(disk);
    Ok(())
}

/// A full disk still has room in the last block of each file: the agent is told of other settings until it cannot keep them.
async fn until_nothing_fits(fleet: &Fleet, app: &App) -> Result<()> {
    for limit in 10..100 {
        let told = acknowledged(fleet).await?;
        let mut manifest = app.manifest();
        manifest["spec"]["syncPolicy"]["retry"] = json!({ "limit": limit });
        fleet.api().put_application(&manifest).await?;
        let agent = &fleet.member(EU)?.agent;
        let outcome = || async { Ok((acknowledged(fleet).await? > told, agent.has_said("the rows could not be kept"))) };
        let kept = |outcome: &(bool, bool)| (outcome.0 || outcome.1).then_some(outcome.1);
        if wait_for("the agent to keep its rows or to say that it cannot", SOON, outcome, kept).await? {
            return Ok(());
        }
    }
    bail!("the disk never was full")
}

async fn acknowledged(fleet: &Fleet) -> Result<u64> {
    Ok(fleet.api().cluster(EU).await?["ackedGeneration"].as_u64().unwrap_or_default())
}
