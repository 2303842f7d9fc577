//! `kubectl apply -k deploy/hub/base`, as it is in the tree: the hub is a Pod, and so is the agent of its own cluster.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use windlass_images::recipe;
use windlass_tests::api::Api;
use windlass_tests::app::{App, SOON};
use windlass_tests::cli::Cli;
use windlass_tests::control_plane::ControlPlane;
use windlass_tests::folder::Folder;
use windlass_tests::git_server::{Credentials, GitServer};
use windlass_tests::message;
use windlass_tests::node::{self, Node, traces};
use windlass_tests::objects::{Objects, deployment};
use windlass_tests::ports::free_port;
use windlass_tests::process::Process;
use windlass_tests::wait::wait_for;

use super::super::stage::not_run;
use super::{ensure_nothing_is_left, serves};

/// As the bases name them, and as a runtime completes it.
const IMAGES: &str = "docker.io/library";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const CLUSTER: &str = "in-cluster";
const HUB: &str = "windlass";

/// The two commands of an installation, then an application that the hub in the Pod brings to its own cluster.
pub(crate) async fn hub_is_a_pod_and_its_cluster_joins_by_itself() -> Result<()> {
    if let Some(why) = node::refusal() {
        not_run("hub_is_a_pod_and_its_cluster_joins_by_itself", &why);
        return Ok(());
    }
    let before = traces::Machine::now()?;
    let mut folder = Folder::create("hub-pod")?;
    let (plane, node) = node::cluster(folder.path()).await?;
    let mark = node.mark();
    story(folder.path(), &plane, &node).await?;
    drop(node);
    ensure_nothing_is_left(&mark, folder.path(), &before).await?;
    drop(plane);
    folder.succeed();
    Ok(())
}

async fn story(folder: &Path, plane: &ControlPlane, node: &Node) -> Result<()> {
    for program in ["windlass-hub", "windlass-agent"] {
        let name = format!("{IMAGES}/{program}:{VERSION}");
        node.import(&message::image(folder, program, &name).await?.0).await?;
    }
    node.import(&message::image(folder, "message", message::IMAGE).await?.0).await?;
    give_a_volume(folder, plane).await?;
    install(plane).await?;
    let (_forwarded, cli, api) = reach(folder, plane).await?;
    let connection = || async { Ok(api.cluster(CLUSTER).await?["connection"].clone()) };
    wait_for("the hub's own cluster to join", SOON, connection, |state| (state == "Connected").then_some(())).await?;

    let git = GitServer::start_at(node.host(), &folder.join("git"), Some(Credentials::new("windlass", "x")), None).await?;
    for (file, text) in [("git-ca.pem", git.ca_pem()), ("git-password", "x")] {
        std::fs::write(folder.join(file), text).with_context(|| format!("writing {file}"))?;
    }
    let (repo, url) = (git.create_repo("message").await?, git.https_url("message"));
    let credentials = ["--username", "windlass", "--password-file", "git-password", "--ca-file", "git-ca.pem"];
    cli.must(&[&["repo", "add", &url], &credentials[..]].concat()).await?;
    let mut app = App::alone_from(&api, "message", CLUSTER, repo, &url);
    let commit = app.commit(&message::application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    serves(node, "hello").await
}

/// What a cloud would give for the hub's claim: a folder of the node that its Pods may write.
async fn give_a_volume(folder: &Path, plane: &ControlPlane) -> Result<()> {
    let place = folder.join("node/volume");
    std::fs::create_dir(&place).context("making a volume")?;
    chown(&place, Some(recipe::USER), Some(recipe::USER)).context("giving the volume away")?;
    let volume = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": { "name": "hub" },
        "spec": {
            "capacity": { "storage": "10Gi" },
            "accessModes": ["ReadWriteOnce"],
            "hostPath": { "path": place, "type": "Directory" },
        },
    });
    let file = folder.join("volume.json");
    std::fs::write(&file, volume.to_string()).context("writing the volume's manifest")?;
    must(plane, &["apply", "-f", &file.display().to_string()]).await.map(drop)
}

async fn install(plane: &ControlPlane) -> Result<()> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/hub/base");
    must(plane, &["apply", "-k", &base.display().to_string()]).await?;
    let objects = Objects::new(plane.client().await?);
    let look = || objects.get(HUB, deployment("windlass-hub"));
    let available = |found: &Option<Value>| (found.as_ref()?["status"]["availableReplicas"] == 1).then_some(());
    let waited = wait_for("the hub's Pod to be available", SOON, look, available).await;
    if let Err(error) = waited {
        let pods = plane.kubectl(&["describe", "pods", "-n", HUB]).await?.stdout;
        let log = plane.kubectl(&["logs", "-n", HUB, "deployment/windlass-hub", "--tail=20"]).await?.stdout;
        return Err(error.context(format!("{pods}\n{log}")));
    }
    Ok(())
}

/// The hub's API on this machine, by `kubectl port-forward` and with what the hub put into its Secret.
async fn reach(folder: &Path, plane: &ControlPlane) -> Result<(Process, Cli, Api)> {
    let port = free_port()?;
    let mut forward = Command::new(plane.kubectl_program());
    forward.arg("--kubeconfig").arg(plane.kubeconfig_path());
    forward.args(["port-forward", "-n", HUB, "service/windlass-hub", &format!("{port}:8443")]);
    let forward = Process::spawn("port-forward", forward, &folder.join("port-forward.log"))?.disposable();
    let connect = || async { Ok(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()) };
    wait_for("kubectl to forward a port", SOON, connect, |connected| connected.then_some(())).await?;

    let objects = Objects::new(plane.client().await?);
    let look = || objects.get(HUB, ("v1", "Secret", "windlass-hub-admin"));
    let told = |found: &Option<Value>| found.as_ref().map(|secret| secret["data"].clone()).filter(Value::is_object);
    let secret = wait_for("the first administrator's token", SOON, look, told).await?;
    let (token, ca) = (written(folder, "token", &secret)?, written(folder, "ca.pem", &secret)?);
    let (cli, url) = (Cli::new(folder)?, format!("https://127.0.0.1:{port}"));
    let files = (token.display().to_string(), ca.display().to_string());
    cli.must(&["login", &url, "--token-file", &files.0, "--ca", &files.1]).await?;
    let api = Api::connect(&url, &std::fs::read_to_string(&ca)?, std::fs::read_to_string(&token)?.trim())?;
    Ok((forward, cli, api))
}

/// An entry of the Secret, as a file.
fn written(folder: &Path, entry: &str, secret: &Value) -> Result<PathBuf> {
    let text = secret[entry].as_str().with_context(|| format!("the Secret has no {entry}"))?;
    let path = folder.join(format!("admin-{entry}"));
    std::fs::write(&path, BASE64.decode(text).context("an entry of a Secret")?).context("writing a Secret's entry")?;
    Ok(path)
}

async fn must(plane: &ControlPlane, arguments: &[&str]) -> Result<String> {
    let output = plane.kubectl(arguments).await?;
    ensure!(output.success, "kubectl {}: {}", arguments.join(" "), output.stderr);
    Ok(output.stdout)
}
