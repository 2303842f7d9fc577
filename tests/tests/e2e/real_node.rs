//! Where the machine allows, a real node: agent and message application run as Pods of our images, and what they leave is
//! nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::json;
use windlass_images::layout::Layers;
use windlass_images::recipe;
use windlass_tests::app::{App, SOON};
use windlass_tests::binaries;
use windlass_tests::cli::Cli;
use windlass_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use windlass_tests::folder::Folder;
use windlass_tests::hub::{Hub, HubOptions};
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::node::{self, Network, Node, traces};
use windlass_tests::process::Process;
use windlass_tests::registration::register;
use windlass_tests::wait::{wait_for, wait_until};

use super::stage::not_run;

mod day_two;

/// The cluster's name at the hub.
const CLUSTER: &str = "real";
/// Where the message is served.
const PORT: u16 = 30080;
const HOLDER: &str = "WINDLASS_NODE_HOLDER";

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
    let (plane, node) = cluster(folder.path()).await?;
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
    for program in ["windlass-agent", "message"] {
        node.import(&image(folder, program)?).await?;
    }
    let options = HubOptions { address: Some(node.host()), ..HubOptions::default() };
    let hub = Hub::start(&folder.join("hub"), options).await?;
    let cli = Cli::new(folder)?;
    let (token, ca) = (hub.token_file()?.display().to_string(), hub.ca_file().display().to_string());
    cli.must(&["login", &hub.url(), "--token-file", &token, "--ca", &ca]).await?;
    let arguments = [CLUSTER, "--label", "env=real", "--image", "localhost/windlass-agent:test"];
    let registration = register(&cli, plane, &arguments).await?;
    eprintln!("{}", registration.stages);
    let cluster = hub.api().cluster(CLUSTER).await?;
    ensure!(cluster["connection"] == "Connected", "{cluster}");

    let mut app = App::alone(hub.api(), &folder.join("git"), "message", CLUSTER).await?;
    let first = app.commit(&message("hello")).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    serves(node, "hello").await?;

    let second = app.commit(&message("good evening")[..1]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    // A container has the variables that it was started with.
    ensure!(served(node).await? == "hello\n", "the Pod was restarted by nobody");
    day_two::restart(&cli, plane).await?;
    serves(node, "good evening").await?;
    day_two::log_says(&cli, plane, "the message is \"good evening\"").await
}

/// What a killed process leaves is removed by its guard, and a later run finds nothing to do.
pub(crate) async fn killed_harness_leaves_nothing_of_its_node() -> Result<()> {
    if let Some(why) = node::refusal() {
        not_run("killed_harness_leaves_nothing_of_its_node", &why);
        return Ok(());
    }
    let before = traces::Machine::now()?;
    let mut folder = Folder::create("killed-node")?;
    let mut command = Command::new(std::env::current_exe().context("finding this program")?);
    command.args(["--exact", "node_is_held", "--ignored", "--nocapture"]).env(HOLDER, folder.path());
    let mut holder = Process::spawn("a harness", command, &folder.path().join("holder.log"))?;
    let told = folder.path().join("mark");
    let mark = wait_until("the other harness to have a node", Duration::from_secs(120), || {
        let (running, told) = (holder.is_running(), told.clone());
        async move {
            let mark = std::fs::read_to_string(&told).ok().filter(|mark| !mark.is_empty());
            Ok(mark.map(Ok).or_else(|| (!running).then(|| Err(anyhow!("it ended")))))
        }
    });
    let mark = mark.await.and_then(|told| told).map_err(|error| error.context(holder.failure("has no node")))?;
    ensure!(traces::of(&mark, folder.path())?.len() > 3, "a node that runs has no traces?");
    holder.kill9()?;
    ensure_nothing_is_left(&mark, folder.path(), &before).await?;
    folder.succeed();
    Ok(())
}

/// The other process of that scenario: it has a node until it is killed.
pub(crate) async fn node_is_held() -> Result<()> {
    let Some(folder) = std::env::var_os(HOLDER).map(PathBuf::from) else { bail!("{HOLDER} names no folder") };
    let (_plane, node) = cluster(&folder).await?;
    std::fs::write(folder.join("mark"), node.mark())?;
    std::future::pending().await
}

async fn cluster(folder: &Path) -> Result<(ControlPlane, Node)> {
    let network = Network::claim()?;
    let options = ControlPlaneOptions::for_a_real_node(network.host()).audited();
    let plane = Box::pin(ControlPlane::start(&folder.join("plane"), options)).await?;
    let node = Box::pin(Node::start(&folder.join("node"), &plane, network)).await?;
    Ok((plane, node))
}

async fn ensure_nothing_is_left(mark: &str, folder: &Path, before: &traces::Machine) -> Result<()> {
    let look = || async { traces::of(mark, &folder.join("node")) };
    wait_for("everything of the node to be gone", SOON, look, |left| left.is_empty().then_some(())).await?;
    let changes = traces::Machine::now()?.changes_since(before);
    ensure!(changes.is_empty(), "the machine is not as it was: {changes:#?}");
    Ok(())
}

/// The image of a program under test.
fn image(folder: &Path, program: &str) -> Result<PathBuf> {
    let mut image = recipe::program(&binaries::find(program)?, &format!("localhost/{program}:test"), "test")?;
    recipe::add_machine_data(&mut image)?;
    let path = folder.join(format!("{program}.tar"));
    image.write(Layers::Plain, &path)?;
    Ok(path)
}

/// The message application of an image of ours: first the message, then what says it.
fn message(text: &str) -> [(&'static str, Manifest); 3] {
    let reference = json!({ "configMapKeyRef": { "name": "message", "key": "MESSAGE" } });
    let container = json!({
        "name": "message",
        "image": "localhost/message:test",
        "env": [{ "name": "MESSAGE", "valueFrom": reference }],
        "ports": [{ "containerPort": 8080, "protocol": "TCP" }],
        "readinessProbe": { "httpGet": { "path": "/healthz", "port": 8080 }, "periodSeconds": 1 },
        "securityContext": {
            "runAsNonRoot": true,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
    });
    let deployment = manifest::deployment("message", 1, "").with("spec.template.spec.containers", json!([container]));
    let service = json!({
        "type": "NodePort",
        "selector": { "app": "message" },
        "ports": [{ "port": 8080, "nodePort": PORT, "protocol": "TCP" }],
    });
    [
        ("configmap.yaml", manifest::configmap("message", &[("MESSAGE", text)])),
        ("deployment.yaml", deployment),
        ("service.yaml", Manifest::new("v1", "Service", "message").with("spec", service)),
    ]
}

async fn serves(node: &Node, message: &str) -> Result<()> {
    let expected = format!("{message}\n");
    wait_for("the Pod to serve the message", SOON, || served(node), |said| (*said == expected).then_some(())).await
}

async fn served(node: &Node) -> Result<String> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
    let answer = client.get(format!("http://{}:{PORT}/", node.address())).send().await?;
    Ok(answer.error_for_status()?.text().await?)
}
