//! One command takes an empty cluster to "verified in sync"; what it installs is enough for the agent, and keeps everything.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use windlass_tests::app::{App, SOON, message_application};
use windlass_tests::cli::Cli;
use windlass_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use windlass_tests::folder::Folder;
use windlass_tests::hub::Hub;
use windlass_tests::objects::{Objects, configmap};
use windlass_tests::pod::{NAMESPACE, Pod};
use windlass_tests::wait::{wait_for, wait_until};

use super::stage::own_hub;

/// A hub, a cluster that has never heard of it, and an operator's desk.
struct Desk {
    folder: Folder,
    hub: Hub,
    plane: ControlPlane,
    cli: Cli,
}

impl Desk {
    async fn new(name: &str) -> Result<Self> {
        let (folder, hub) = own_hub(name).await?;
        let plane = ControlPlane::start(&folder.path().join("cluster"), ControlPlaneOptions::default()).await?;
        let cli = Cli::new(folder.path())?;
        let (token, ca) = (hub.token_file()?, hub.ca_file());
        let text = |path: &Path| path.display().to_string();
        cli.must(&["login", &hub.url(), "--token-file", &text(&token), "--ca", &text(&ca)]).await?;
        // kubectl as an operator has it: in PATH, with a context.
        let bin = folder.path().join("bin");
        std::fs::create_dir_all(&bin)?;
        std::os::unix::fs::symlink(plane.kubectl_program(), bin.join("kubectl"))?;
        Ok(Self { folder, hub, plane, cli })
    }

    fn at_desk<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.folder.path().join("bin").display()));
        command.env("KUBECONFIG", self.plane.kubeconfig_path()).env("WINDLASS_CONFIG", self.cli.config_file());
        command.env("KUBECACHEDIR", self.folder.path().join("kubectl-cache")).current_dir(self.folder.path());
        command.kill_on_drop(true)
    }

    /// `windlass` at its desk, running.
    fn windlass(&self, arguments: &[&str]) -> Result<Child> {
        let mut command = Command::new(self.cli.program());
        let running = self.at_desk(command.args(arguments)).stdin(Stdio::null());
        running.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("starting windlass")
    }

    /// What an operator pastes into a shell.
    async fn shell(&self, line: &str) -> Result<String> {
        let mut command = Command::new("bash");
        let output = self.at_desk(command.args(["-c", &format!("set -o pipefail; {line}")])).output().await?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{line}: {said}");
        Ok(said)
    }

    async fn pod(&self, name: &str) -> Result<Pod> {
        Pod::start(&self.plane, &self.folder.path().join(name), name).await
    }
}

/// What it printed on standard error, once it has ended well.
async fn ended(mut child: Child) -> Result<String> {
    let mut stderr = child.stderr.take().context("standard error")?;
    let mut said = String::new();
    let read = tokio::io::AsyncReadExt::read_to_string(&mut stderr, &mut said);
    let (status, read) = tokio::time::timeout(SOON, async { tokio::join!(child.wait(), read) }).await?;
    read?;
    ensure!(status?.success(), "it failed: {said}");
    Ok(said)
}

pub(crate) async fn one_command_leads_to_verified_in_sync() -> Result<()> {
    let desk = Desk::new("one-command").await?;
    let mut adding = desk.windlass(&["cluster", "add", "new-1", "--label", "env=prod", "--timeout", "60s"])?;
    let mut printed = BufReader::new(adding.stdout.take().context("standard output")?).lines();
    let line = printed.next_line().await?.context("no command was printed")?;
    ensure!(line.contains("--pinnedpubkey") && line.ends_with("| kubectl apply -f -"), "{line}");

    let begun = Instant::now();
    let applied = desk.shell(&line).await?;
    ensure!(applied.contains("deployment.apps/windlass-agent created"), "{applied}");
    let _pod = desk.pod("agent-0").await?;
    let said = ended(adding).await?;
    let took = begun.elapsed();
    super::stage::tell(&format!("one command to verified in sync: {:.1} s (bar 15 s)", took.as_secs_f64()));
    ensure!(said.contains("cluster-admin"), "the profile is not said plainly: {said}");
    let stages = ["applied", "connected", "identity issued", "first inventory", "verified in sync"];
    let places: Vec<_> = stages.iter().filter_map(|stage| said.find(&format!("\n  {stage}"))).collect();
    ensure!(places.len() == stages.len() && places.is_sorted(), "{said}");

    // The link is good for once, and says so.
    let url = line.split('\'').find(|part| part.starts_with("https://")).context("a link")?;
    let again = desk.shell(&format!("curl -sSk -w ' %{{http_code}}' '{url}'")).await?;
    ensure!(again.contains("this link was used") && again.contains("cluster token") && again.ends_with(" 410"), "{again}");
    let log = std::fs::read_to_string(desk.hub.log_file())?;
    let secret = url.rsplit('.').next().context("a secret")?;
    ensure!(!log.contains(secret), "the link's secret is in the hub's log");
    desk.finish();
    Ok(())
}

pub(crate) async fn agent_in_a_cluster_keeps_everything_as_secrets() -> Result<()> {
    let mut desk = Desk::new("secrets").await?;
    let mut pod = desk.installed("new-1", &[]).await?;
    let app = App::alone(desk.hub.api(), &desk.folder.path().join("git"), "kept", "new-1").await?;
    let mut app = app;
    let commit = app.commit(&[message_application("hello").remove(0)]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    // Killed, without its hub, and with a hand in its objects: all that it knows is what it kept.
    desk.hub.kill9()?;
    pod.kill9()?;
    let objects = Objects::new(desk.plane.client().await?);
    objects.edit(app.name(), configmap("message"), json!({ "data": { "MESSAGE": "while nobody looked" } })).await?;
    pod.restart()?;
    let look = || objects.get(app.name(), configmap("message"));
    wait_for("git's message to be back", SOON, look, |found| (found.as_ref()?["data"]["MESSAGE"] == "hello").then_some(()))
        .await?;

    // What is kept is sealed and in immutable pieces.
    let kept = desk.plane.kubectl(&["-n", NAMESPACE, "get", "secrets", "-o", "json"]).await?;
    let kept: serde_json::Value = serde_json::from_str(&kept.stdout)?;
    let items = kept["items"].as_array().context("Secrets")?;
    let chunks: Vec<_> = items.iter().filter(|item| item["metadata"]["labels"]["windlass.dev/agent-keeps"] == "chunk").collect();
    ensure!(!chunks.is_empty() && chunks.iter().all(|chunk| chunk["immutable"] == true), "{} chunks", chunks.len());
    ensure!(!kept.to_string().contains("aGVsbG8"), "a message is readable in what the agent keeps");

    desk.hub.restart().await?;
    let commit = app.commit(&[message_application("again").remove(0)]).await?;
    app.settles_at(&commit).await?;
    desk.finish();
    Ok(())
}

pub(crate) async fn replica_that_stands_by_takes_over() -> Result<()> {
    let desk = Desk::new("replicas").await?;
    let mut first = desk.installed("new-1", &["--replicas", "2"]).await?;
    let mut second = desk.pod("agent-1").await?;
    let tail = || async { Ok(second.process().log_tail(50)) };
    wait_for("the second replica to stand by", SOON, tail, |log| log.contains("stands by").then_some(())).await?;
    let app = App::alone(desk.hub.api(), &desk.folder.path().join("git"), "taken", "new-1").await?;
    let mut app = app;
    let commit = app.commit(&[message_application("one").remove(0)]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    // Ended politely it gives the Lease back; the other goes on with what it kept.
    first.process().terminate()?;
    first.process().wait_exited(SOON).await?;
    let commit = app.commit(&[message_application("two").remove(0)]).await?;
    app.settles_at(&commit).await?;

    // Stopped, so that it does not know, it loses the Lease; woken, it finds that out and can write nothing.
    let mut third = desk.pod("agent-2").await?;
    let tail = || async { Ok(third.process().log_tail(50)) };
    wait_for("the third replica to stand by", SOON, tail, |log| log.contains("stands by").then_some(())).await?;
    second.process().signal("STOP")?;
    let commit = app.commit(&[message_application("three").remove(0)]).await?;
    app.settles_at(&commit).await?;
    second.process().signal("CONT")?;
    let status = second.process().wait_exited(SOON).await?;
    ensure!(!status.success(), "who lost the Lease ended well");
    let commit = app.commit(&[message_application("four").remove(0)]).await?;
    app.settles_at(&commit).await?;
    desk.finish();
    Ok(())
}

pub(crate) async fn agent_of_some_namespaces_touches_no_other() -> Result<()> {
    let desk = Desk::new("namespaces").await?;
    let _pod = desk.installed("new-1", &["--namespaces", "inside,beside"]).await?;
    let may = |verb: &'static str, what: &'static str, namespace: &'static str| {
        let who = format!("--as=system:serviceaccount:{NAMESPACE}:windlass-agent");
        let plane = &desk.plane;
        async move {
            let said = plane.kubectl(&["auth", "can-i", verb, what, "-n", namespace, &who]).await?;
            Ok::<_, anyhow::Error>(said.stdout.trim() == "yes")
        }
    };
    ensure!(may("create", "deployments.apps", "inside").await? && may("delete", "secrets", "beside").await?);
    ensure!(!may("get", "secrets", "default").await? && !may("create", "configmaps", "kube-system").await?);
    let app = App::alone(desk.hub.api(), &desk.folder.path().join("git"), "inside", "new-1").await?;
    let mut app = app;
    let commit = app.commit(&[message_application("hello").remove(0)]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    desk.finish();
    Ok(())
}

impl Desk {
    /// The agent's objects, by the manifest that the command line prints, and its first Pod, connected.
    async fn installed(&self, name: &str, options: &[&str]) -> Result<Pod> {
        let manifest = self.cli.must(&[&["cluster", "add", name, "-o", "-"], options].concat()).await?;
        let file = self.folder.path().join("agent.yaml");
        std::fs::write(&file, manifest)?;
        self.shell(&format!("kubectl apply -f {}", file.display())).await?;
        let pod = self.pod("agent-0").await?;
        let state = || async { Ok(self.hub.api().cluster(name).await?["connection"] == "Connected") };
        let connected = wait_until("the agent to be connected", Duration::from_secs(30), || async { Ok(state().await?.then_some(())) });
        connected.await.with_context(|| format!("logs are in {}", self.folder.path().display()))?;
        Ok(pod)
    }

    fn finish(mut self) {
        self.folder.succeed();
    }
}
