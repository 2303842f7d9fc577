//! The agent is killed while it applies, several times: it goes on from what it kept, and the cluster comes to what git
//! says.

use anyhow::{Result, ensure};
use windlass_tests::app::{App, Destination, Policy, SOON, message_application};
use windlass_tests::invariants::{self, Generations};
use windlass_tests::manifest;
use windlass_tests::objects::configmap;
use windlass_tests::wait::wait_for;

use super::stage::{EU, own_fleet};

/// Enough objects that a kill falls between two applies, and more than the free deletions.
const OBJECTS: usize = 24;

pub(crate) async fn agent_killed_and_restarted_loses_nothing() -> Result<()> {
    let mut fleet = own_fleet("agent-killed").await?;
    let generations = Generations::watch(fleet.api());
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "agent-killed", to, Policy::Automated).await?;
    app.commit(&message_application("hello")).await?;
    app.create().await?;

    for round in 1..=3 {
        let files: Vec<(String, _)> = (0..OBJECTS).map(|i| (format!("object-{i}.yaml"), object(i, round))).collect();
        let files: Vec<_> = files.iter().map(|(file, manifest)| (file.as_str(), manifest.clone())).collect();
        let commit = app.commit(&files).await?;
        app.refresh().await?;
        // As soon as the first of them is there, most are not.
        let objects = &fleet.member(EU)?.objects;
        let wanted = round.to_string();
        let some = || async {
            for i in 0..OBJECTS {
                let found = objects.get(app.name(), configmap(&format!("object-{i}"))).await?;
                if found.is_some_and(|found| found["data"]["round"] == wanted.as_str()) {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        wait_for("the first object of the round", SOON, some, |some| some.then_some(())).await?;
        fleet.member_mut(EU)?.agent.kill9()?;
        fleet.member_mut(EU)?.agent.restart()?;
        app.settles_at(&commit).await?;
    }

    // What left git while the agent was dead is pruned when it is back: its inventory survived.
    fleet.member_mut(EU)?.agent.kill9()?;
    let commit = app.remove(&["object-0.yaml", "object-1.yaml"]).await?;
    app.refresh().await?;
    fleet.member_mut(EU)?.agent.restart()?;
    app.settles_at(&commit).await?;
    let objects = &fleet.member(EU)?.objects;
    for gone in ["object-0", "object-1"] {
        let look = || objects.get(app.name(), configmap(gone));
        wait_for("a pruned object to be gone", SOON, look, |found| found.is_none().then_some(())).await?;
    }
    ensure!(objects.get(app.name(), configmap("object-2")).await?.is_some(), "more was pruned than left git");
    app.no_operation_failed().await?;
    generations.never_fell()?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

fn object(index: usize, round: u32) -> manifest::Manifest {
    manifest::configmap(&format!("object-{index}"), &[("round", &round.to_string())])
}
