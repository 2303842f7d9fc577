//! Where the machine allows, a real node: agent and message application run as Pods of our images, and what they leave is
//! nothing.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use windlass_tests::app::{App, SOON};
use windlass_tests::cli::Cli;
use windlass_tests::binaries;
use windlass_tests::control_plane::ControlPlane;
use windlass_tests::folder::Folder;
use windlass_tests::hub::{Hub, HubOptions};
use windlass_tests::message;
use windlass_tests::node::{self, Network, Node, traces};
use windlass_tests::process::Process;
use windlass_tests::registration::register;
use windlass_tests::wait::{wait_for, wait_until};

use super::stage::not_run;

mod hub_pod;
mod upgrade;

pub(crate) use hub_pod::hub_is_a_pod_and_its_cluster_joins_by_itself;
pub(crate) use upgrade::agent_pod_is_upgraded_and_taken_back;

/// The cluster's name at the hub.
const CLUSTER: &str = "real";

/// From an empty cluster to a message that a Pod serves, another one that a commit brings and a restart makes it serve, and
/// its log.
pub(crate) async fn real_node_serves_the_message() -> Result<()> {
    if let Some(why) = node::refusal() {
        not_run("real_node_serves_the_message", &why);
        return Ok(());
    }
    let before = traces::Machine::now()?;
    let mut folder = Folder::create("real-node")?;
    let started = Instant::now();
    let (plane, node) = node::cluster(folder.path()).await?;
    eprintln!("a control plane and a real node: {:.1} s", started.elapsed().as_secs_f64());
    let mark = node.mark();
    story(folder.path(), &plane, &node).await?;
    drop(node);
    ensure_nothing_is_left(&mark, folder.path(), &before).await?;
    drop(plane);
    folder.succeed();
    Ok(())
}

async fn story(folder: &Path, plane: &ControlPlane, node: &Node) -> Result<()> {
    let agent = "localhost/windlass-agent:test";
    for (program, name) in [("windlass-agent", agent), ("message", message::IMAGE)] {
        node.import(&message::image(folder, program, name).await?.0).await?;
    }
    let options = HubOptions { address: Some(node.host()), ..HubOptions::default() };
    let hub = Hub::start(&folder.join("hub"), options).await?;
    let cli = Cli::new(folder)?;
    let (token, ca) = (hub.token_file()?.display().to_string(), hub.ca_file().display().to_string());
    cli.must(&["login", &hub.url(), "--token-file", &token, "--ca", &ca]).await?;
    let registration = register(&cli, plane, &[CLUSTER, "--label", "env=real", "--image", agent]).await?;
    eprintln!("{}", registration.stages);
    let cluster = hub.api().cluster(CLUSTER).await?;
    ensure!(cluster["connection"] == "Connected", "{cluster}");

    let mut app = App::alone(hub.api(), &folder.join("git"), "message", CLUSTER).await?;
    let first = app.commit(&message::application("hello")).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    serves(node, "hello").await?;

    let second = app.commit(&[("configmap.yaml", message::configmap("good evening"))]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    // A container has the variables that it was started with.
    ensure!(message::served(node.address()).await? == "hello", "the Pod was restarted by nobody");
    let restart = ["app", "actions", "run", "message", "restart", "--kind", "Deployment", "--resource-name", "message"];
    cli.must(&restart).await?;
    serves(node, "good evening").await?;
    let log = || cli.must(&["app", "logs", "message", "--kind", "Deployment", "--name", "message"]);
    let says = |log: &String| log.contains("the message is \"good evening\"").then_some(());
    wait_for("the log to have the new message", SOON, log, says).await
}

/// What a killed process leaves is removed by its guard; where that is killed too, the next one to want a node does it.
pub(crate) async fn killed_harness_leaves_nothing_of_its_node() -> Result<()> {
    if let Some(why) = node::refusal() {
        not_run("killed_harness_leaves_nothing_of_its_node", &why);
        return Ok(());
    }
    let before = traces::Machine::now()?;
    let mut folder = Folder::create("killed-node")?;
    for (name, kill_the_guard) in [("guarded", false), ("unguarded", true)] {
        let folder = folder.path().join(name);
        let (mut holder, mark) = holder(&folder).await?;
        let traces = traces::of(&mark, &folder)?;
        ensure!(traces.len() > 3, "a node that runs has hardly a trace: {traces:?}");
        if kill_the_guard {
            let guards = traces.iter().filter(|trace| trace.contains("guard of a node's network"));
            for guard in guards.filter_map(|trace| trace.split(' ').nth(1)) {
                ensure!(Command::new("kill").args(["-s", "KILL", guard]).status()?.success(), "kill {guard}");
            }
            holder.kill9()?;
            drop(Network::claim()?);
        } else {
            holder.kill9()?;
        }
        ensure_nothing_is_left(&mark, &folder, &before).await?;
    }
    folder.succeed();
    Ok(())
}

/// Another process with a node, and the node's mark.
async fn holder(folder: &Path) -> Result<(Process, String)> {
    let mut command = Command::new(binaries::find("demo")?);
    command.arg("--hold-node").arg(folder);
    let mut holder = Process::spawn("a harness", command, &folder.join("holder.log"))?;
    let told = folder.join("mark");
    let mark = wait_until("the other harness to have a node", Duration::from_secs(120), || {
        let (running, told) = (holder.is_running(), told.clone());
        async move {
            let mark = std::fs::read_to_string(&told).ok().filter(|mark| !mark.is_empty());
            Ok(mark.map(Ok).or_else(|| (!running).then(|| Err(anyhow!("it ended")))))
        }
    });
    match mark.await.and_then(|told| told) {
        Ok(mark) => Ok((holder, mark)),
        Err(error) => Err(error.context(holder.failure("has no node"))),
    }
}

async fn ensure_nothing_is_left(mark: &str, folder: &Path, before: &traces::Machine) -> Result<()> {
    let look = || async { traces::of(mark, &folder.join("node")) };
    wait_for("everything of the node to be gone", SOON, look, |left| left.is_empty().then_some(())).await?;
    let changes = traces::Machine::now()?.changes_since(before);
    ensure!(changes.is_empty(), "the machine is not as it was: {changes:#?}");
    Ok(())
}

async fn serves(node: &Node, text: &str) -> Result<()> {
    let look = || message::served(node.address());
    wait_for("the Pod to serve the message", SOON, look, |said| (said == text).then_some(())).await
}
