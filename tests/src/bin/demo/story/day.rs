//! What people look at all day: why it is degraded, what it is made of, what its containers say; and a restart.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use windlass_tests::objects::deployment;
use windlass_tests::wait::wait_for;

use super::shop::{SHOP, workload};
use super::{SOON, arrives, publish};
use crate::transcript::{chapter, fact, windlass};
use crate::world::World;

/// Breaks the shop's web, looks at it in every way, mends it and restarts it.
pub(super) async fn tell(world: &World) -> Result<()> {
    is_degraded_and_says_why(world).await?;
    is_looked_into(world).await?;
    is_mended(world).await?;
    is_restarted(world).await
}

/// The last wave waits for nothing behind it: git is applied, and it does not work.
async fn is_degraded_and_says_why(world: &World) -> Result<()> {
    chapter("Version 4 is applied, and its web finds no node: what is wrong?");
    let started = Instant::now();
    publish(world, &web(4, json!({ "disk": "fastest" })), "Release version 4 of web").await?;
    world.hub.api().refresh(SHOP).await?;
    let look = || async { Ok(world.hub.api().application(SHOP).await?.unwrap_or_default()["status"].clone()) };
    wait_for("the shop to be Degraded", SOON, look, |status| (status["health"] == "Degraded").then_some(())).await?;
    fact(&format!("known to be Degraded {:.1} s after the push", started.elapsed().as_secs_f64()));
    let why = windlass(&world.cli, &["explain", SHOP]).await?;
    ensure!(why.contains("web"), "the sentence does not name web");
    Ok(())
}

async fn is_looked_into(world: &World) -> Result<()> {
    let started = Instant::now();
    let tree = windlass(&world.cli, &["app", "tree", SHOP]).await?;
    ensure!(tree.contains("ReplicaSet") && tree.contains("Pod"), "the tree ends with git's objects");
    fact(&format!(
        "the tree came from the cluster in {} ms, through the agent's own stream",
        started.elapsed().as_millis()
    ));
    // Simulated nodes have one log for all containers.
    let log: String = ["opening the till", "first customer", "sold 2 apples"]
        .iter()
        .map(|line| format!("{} stdout F {line}\n", Timestamp::now()))
        .collect();
    let place = world.places[0].plane().container_log();
    std::fs::write(&place, log).with_context(|| format!("writing {}", place.display()))?;
    let logs =
        windlass(&world.cli, &["app", "logs", SHOP, "--kind", "Deployment", "--name", "api", "--tail", "2"]).await?;
    ensure!(logs.lines().filter(|line| line.ends_with("sold 2 apples")).count() == 2, "not both Pods of api are read");
    Ok(())
}

async fn is_mended(world: &World) -> Result<()> {
    let started = Instant::now();
    let fix = publish(world, &web(5, json!({ "kubernetes.io/os": "linux" })), "Any node will do for web").await?;
    arrives(world, SHOP, &fix).await?;
    fact(&format!("mended {:.1} s after the push", started.elapsed().as_secs_f64()));
    Ok(())
}

async fn is_restarted(world: &World) -> Result<()> {
    chapter("A restart of api: no kubectl, no access to the cluster, and self-heal does not undo it");
    windlass(&world.cli, &["app", "actions", "list", SHOP, "--kind", "Deployment"]).await?;
    let look = || world.places[0].objects.get(SHOP, deployment("api"));
    let template = |found: &Option<Value>| {
        found.as_ref().map(|found| found["spec"]["template"]["metadata"]["annotations"].to_string())
    };
    let before = template(&look().await?);
    let api = ["--kind", "Deployment", "--resource-name", "api"];
    windlass(&world.cli, &[&["app", "actions", "run", SHOP, "restart"], &api[..]].concat()).await?;
    let restarted = |found: &Option<Value>| {
        let status = &found.as_ref()?["status"];
        let done = status["updatedReplicas"] == 2 && status["availableReplicas"] == 2 && status["replicas"] == 2;
        (template(found) != before && done).then_some(())
    };
    wait_for("api to be restarted", SOON, look, restarted).await?;
    windlass(&world.cli, &["app", "wait", SHOP, "--timeout", "30s"]).await?;
    fact("api runs anew, and the shop is Synced and Healthy");
    Ok(())
}

fn web(version: u32, selector: Value) -> Vec<(String, String)> {
    let web = workload("web", version, "2").with("spec.template.spec.nodeSelector", selector);
    vec![(format!("{SHOP}/web.yaml"), web.to_yaml())]
}
