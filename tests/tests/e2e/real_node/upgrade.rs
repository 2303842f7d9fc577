//! An agent that is a Pod of a real node is brought to another image, and back from one that cannot start.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use windlass_tests::app::SOON;
use windlass_tests::cli::Cli;
use windlass_tests::control_plane::ControlPlane;
use windlass_tests::folder::Folder;
use windlass_tests::hub::{Hub, HubOptions};
use windlass_tests::message;
use windlass_tests::node::{self, Node, cluster, traces};
use windlass_tests::pod::{AGENT, NAMESPACE};
use windlass_tests::registration::register;
use windlass_tests::wait::wait_for;

use super::super::stage::not_run;
use super::{CLUSTER, ensure_nothing_is_left};

const IMAGE: &str = "localhost/windlass-agent";

/// From tag a to b, to a tag that nobody has, and to an image that is no agent.
pub(crate) async fn agent_pod_is_upgraded_and_taken_back() -> Result<()> {
    if let Some(why) = node::refusal() {
        not_run("agent_pod_is_upgraded_and_taken_back", &why);
        return Ok(());
    }
    let before = traces::Machine::now()?;
    let mut folder = Folder::create("upgrade-node")?;
    let (plane, node) = cluster(folder.path()).await?;
    let mark = node.mark();
    story(folder.path(), &plane, &node).await?;
    drop(node);
    ensure_nothing_is_left(&mark, folder.path(), &before).await?;
    drop(plane);
    folder.succeed();
    Ok(())
}

async fn story(folder: &Path, plane: &ControlPlane, node: &Node) -> Result<()> {
    for (program, tag) in [("windlass-agent", "a"), ("windlass-agent", "b"), ("message", "broken")] {
        let place = folder.join(format!("image-{tag}"));
        std::fs::create_dir(&place)?;
        node.import(&message::image(&place, program, &format!("{IMAGE}:{tag}")).await?.0).await?;
    }
    let options = HubOptions { address: Some(node.host()), ..HubOptions::default() };
    let hub = Hub::start(&folder.join("hub"), options).await?;
    let cli = Cli::new(folder)?;
    let (token, ca) = (hub.token_file()?.display().to_string(), hub.ca_file().display().to_string());
    cli.must(&["login", &hub.url(), "--token-file", &token, "--ca", &ca]).await?;
    register(&cli, plane, &[CLUSTER, "--image", &format!("{IMAGE}:a")]).await?;

    let done = cli.must(&["cluster", "upgrade", CLUSTER, "--version", "b", "--wait"]).await?;
    let running = pods(plane).await?;
    let images: Vec<_> = running.iter().map(|pod| &pod["spec"]["containers"][0]["image"]).collect();
    ensure!(images.contains(&&Value::from(format!("{IMAGE}:b"))), "{done}: {images:?}");
    let look = || pods(plane);
    wait_for("the old Pod to be gone", SOON, look, |pods| (pods.len() == 1).then_some(())).await?;
    let kept = name(&pods(plane).await?[0])?;

    for (tag, words) in [("nowhere", "ImagePull"), ("broken", "within 20 s")] {
        let failed = cli.run(&["cluster", "upgrade", CLUSTER, "--version", tag, "--timeout", "20s", "--wait"]).await?;
        ensure!(failed.code != Some(0) && failed.stderr.contains(words), "{tag}: {}", failed.stderr);
        for part in ["cluster real: ", &format!("taken back to {IMAGE}:b")] {
            ensure!(failed.stderr.contains(part), "{part} is not in: {}", failed.stderr);
        }
        wait_for("the Pod that failed to be gone", SOON, look, |pods| (pods.len() == 1).then_some(())).await?;
        let now = name(&pods(plane).await?[0])?;
        ensure!(now == kept, "{tag}: Pod {kept} was replaced by {now}");
    }
    let cluster = hub.api().cluster(CLUSTER).await?;
    ensure!(cluster["connection"] == "Connected" && cluster["upgrade"]["stage"] == "Reverted", "{cluster}");
    Ok(())
}

async fn pods(plane: &ControlPlane) -> Result<Vec<Value>> {
    let label = format!("app.kubernetes.io/name={AGENT}");
    let listed = plane.kubectl(&["-n", NAMESPACE, "get", "pods", "-l", &label, "-o", "json"]).await?;
    let mut listed: Value = serde_json::from_str(&listed.stdout).context("Pods")?;
    Ok(listed["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

fn name(pod: &Value) -> Result<String> {
    Ok(pod["metadata"]["name"].as_str().context("a Pod without a name")?.to_owned())
}
