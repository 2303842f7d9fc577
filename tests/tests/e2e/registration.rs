//! One command takes an empty cluster to "verified in sync"; what it installs is enough for the agent, and keeps everything.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use windlass_tests::app::{App, SOON, message_application};
use windlass_tests::cli::Cli;
use windlass_tests::connect_proxy::ConnectProxy;
use windlass_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use windlass_tests::fault_proxy::FaultProxy;
use windlass_tests::folder::Folder;
use windlass_tests::hub::Hub;
use windlass_tests::objects::{Objects, configmap};
use windlass_tests::pod::{NAMESPACE, Pod};
use windlass_tests::wait::{wait_for, wait_until};

use super::stage::own_hub;

/// A hub, a cluster that has never heard of it, and an operator's desk.
pub(super) struct Desk {
    pub(super) folder: Folder,
    pub(super) hub: Hub,
    pub(super) plane: ControlPlane,
    pub(super) cli: Cli,
}

impl Desk {
    pub(super) async fn new(name: &str) -> Result<Self> {
        let (folder, hub) = own_hub(name).await?;
        let plane = ControlPlane::start(&folder.path().join("cluster"), ControlPlaneOptions::default()).await?;
        let cli = Cli::logged_in(folder.path(), &hub).await?;
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
    pub(super) fn windlass(&self, arguments: &[&str]) -> Result<Child> {
        let mut command = Command::new(self.cli.program());
        let running = self.at_desk(command.args(arguments)).stdin(Stdio::null());
        running.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("starting windlass")
    }

    /// What an operator pastes into a shell.
    pub(super) async fn shell(&self, line: &str) -> Result<String> {
        let mut command = Command::new("bash");
        let output = self.at_desk(command.args(["-c", &format!("set -o pipefail; {line}")])).output().await?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{line}: {said}");
        Ok(said)
    }

    pub(super) async fn pod(&self, name: &str) -> Result<Pod> {
        Pod::start(&self.plane, &self.folder.path().join(name), name).await
    }
}

/// What it printed on standard error, once it has ended well.
pub(super) async fn ended(mut child: Child) -> Result<String> {
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
    ensure!(
        again.contains("this link was used") && again.contains("cluster token") && again.ends_with(" 410"),
        "{again}"
    );
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
    wait_for("git's message to be back", SOON, look, |found| {
        (found.as_ref()?["data"]["MESSAGE"] == "hello").then_some(())
    })
    .await?;

    // What is kept is sealed and in immutable pieces.
    let kept = desk.plane.kubectl(&["-n", NAMESPACE, "get", "secrets", "-o", "json"]).await?;
    let kept: serde_json::Value = serde_json::from_str(&kept.stdout)?;
    let items = kept["items"].as_array().context("Secrets")?;
    let chunks: Vec<_> =
        items.iter().filter(|item| item["metadata"]["labels"]["windlass.dev/agent-keeps"] == "chunk").collect();
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
    second.says("stands by").await?;
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
    let third = desk.pod("agent-2").await?;
    third.says("stands by").await?;
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
    // Of its own namespace it may change what it keeps, and its own Deployment: no Pod, no other's token, no rights.
    ensure!(may("patch", "deployments.apps/windlass-agent", NAMESPACE).await?);
    for (verb, what) in [
        ("patch", "deployments.apps/other"),
        ("create", "deployments.apps"),
        ("delete", "deployments.apps/windlass-agent"),
        ("create", "pods"),
        ("create", "pods/exec"),
        ("create", "serviceaccounts/token"),
        ("impersonate", "serviceaccounts"),
        ("create", "rolebindings.rbac.authorization.k8s.io"),
        ("escalate", "roles.rbac.authorization.k8s.io"),
    ] {
        ensure!(!may(verb, what, NAMESPACE).await?, "the agent may {verb} {what} in its own namespace");
    }
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
    pub(super) async fn installed(&self, name: &str, options: &[&str]) -> Result<Pod> {
        let manifest = self.cli.must(&[&["cluster", "add", name, "-o", "-"], options].concat()).await?;
        let file = self.folder.path().join("agent.yaml");
        std::fs::write(&file, manifest)?;
        self.shell(&format!("kubectl apply -f {}", file.display())).await?;
        let pod = self.pod("agent-0").await?;
        let connected = wait_until("the agent to be connected", SOON, || async {
            let cluster = self.hub.api().cluster(name).await?;
            Ok((cluster["connection"] == "Connected").then_some(()))
        });
        connected.await.with_context(|| format!("logs are in {}", self.folder.path().display()))?;
        Ok(pod)
    }

    pub(super) fn finish(mut self) {
        self.folder.succeed();
    }
}

pub(crate) async fn both_installations_are_accepted_by_an_apiserver() -> Result<()> {
    let desk = Desk::new("accepted").await?;
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").canonicalize()?;
    // A dry run needs the namespaces that the objects go to.
    desk.shell(
        "kubectl create --save-config namespace windlass && kubectl create --save-config namespace windlass-system",
    )
    .await?;
    for folder in ["agent/base", "hub/base", "hub/load-balancer", "hub/ingress"] {
        let place = deploy.join(folder);
        let applied = desk.shell(&format!("kubectl apply --dry-run=server -k {}", place.display())).await?;
        ensure!(applied.contains("deployment.apps/windlass-agent created (server dry run)"), "{folder}: {applied}");
        ensure!(!applied.contains("Warning"), "{folder}: {applied}");
    }
    let overlay = desk.folder.path().join("overlay");
    std::fs::create_dir_all(&overlay)?;
    let base = overlay.join("kustomization.yaml");
    for part in ["base", "postgres"] {
        let to = overlay.join(part);
        copy(&deploy.join("hub").join(part), &to)?;
    }
    copy(&deploy.join("agent/base"), &desk.folder.path().join("agent/base"))?;
    std::fs::write(&base, "resources: [base]\ncomponents: [postgres]\n")?;
    let shown = desk.shell(&format!("kubectl kustomize {}", overlay.display())).await?;
    ensure!(shown.contains("name: WINDLASS_STORE"), "{shown}");
    for options in [
        &["--profile", "impersonate"][..],
        &["--namespaces", "default,kube-public", "--replicas", "2", "--pull-secret", "mirror"],
    ] {
        let name = format!("c{}", options.len());
        let manifest = desk.cli.must(&[&["cluster", "add", &name, "-o", "-"], options].concat()).await?;
        let file = desk.folder.path().join("agent.yaml");
        std::fs::write(&file, manifest)?;
        desk.shell(&format!("kubectl apply --dry-run=server -f {}", file.display())).await?;
    }
    desk.finish();
    Ok(())
}

pub(crate) async fn agent_moves_to_another_address_of_its_hub() -> Result<()> {
    let desk = Desk::new("moves").await?;
    let mut pod = desk.installed("new-1", &[]).await?;
    let agents = SocketAddr::from((Ipv4Addr::LOCALHOST, desk.hub.agents_port()));
    let other = FaultProxy::start(agents).await?;

    // Nobody answers there: the session stays where it is.
    let nowhere = format!("127.0.0.1:{}", windlass_tests::ports::free_port()?);
    desk.cli.must(&["cluster", "set", "new-1", "--hub", &nowhere]).await?;
    pod.says("cannot be reached at its new address yet").await?;
    let connected = || async { Ok(desk.hub.api().cluster("new-1").await?["connection"] == "Connected") };
    wait_for("the session to be back at the old address", SOON, connected, |is_back| is_back.then_some(())).await?;

    let address = other.address().to_string();
    desk.cli.must(&["cluster", "set", "new-1", "--hub", &format!("https://{address}")]).await?;
    pod.says("the hub is reached at its new address").await?;
    pod.says(&format!("in session with the hub hub={address}")).await?;

    // Kept: another process of it dials the new one first.
    pod.kill9()?;
    std::fs::remove_file(desk.folder.path().join("agent-0/agent-0.log"))?;
    pod.restart()?;
    pod.says(&format!("in session with the hub hub={address}")).await?;
    let cluster = desk.hub.api().cluster("new-1").await?;
    ensure!(cluster["agentsAddress"] == address.as_str(), "{cluster}");
    desk.finish();
    Ok(())
}

pub(crate) async fn proxy_leads_an_agent_to_its_hub() -> Result<()> {
    let desk = Desk::new("agent-proxy").await?;
    let proxy = ConnectProxy::start(Some(("agent", "pass-word-7"))).await?;
    let file = desk.folder.path().join("proxy");
    std::fs::write(&file, proxy.url().replace("http://", "http://agent:pass-word-7@"))?;
    let mut pod = desk.installed("new-1", &["--proxy-file", &file.display().to_string()]).await?;
    let hub = desk.hub.url().replace("https://", "");
    let asked: Vec<String> = proxy.take().into_iter().flatten().collect();
    ensure!(asked.iter().any(|line| line.contains(&hub)), "the join went another way: {asked:?}");
    let agents = format!("CONNECT 127.0.0.1:{} ", desk.hub.agents_port());
    ensure!(asked.iter().any(|line| line.starts_with(&agents)), "the session went another way: {asked:?}");
    ensure!(!pod.process().log_tail(1000).contains("pass-word-7"), "the proxy's password is in the agent's log");
    desk.finish();
    Ok(())
}

pub(crate) async fn impersonating_agent_writes_with_the_namespaces_rights() -> Result<()> {
    let desk = Desk::new("impersonate").await?;
    for namespace in ["granted", "bare"] {
        desk.shell(&format!("kubectl create namespace {namespace}")).await?;
    }
    desk.shell("kubectl -n granted create serviceaccount windlass-deployer").await?;
    let binding =
        "kubectl -n granted create rolebinding deployer --clusterrole=edit --serviceaccount=granted:windlass-deployer";
    desk.shell(binding).await?;
    let _pod = desk.installed("new-1", &["--profile", "impersonate"]).await?;
    let git = desk.folder.path().join("git");
    let mut granted = App::alone(desk.hub.api(), &git, "granted", "new-1").await?;
    let commit = granted.commit(&[message_application("hello").remove(0)]).await?;
    granted.create().await?;
    granted.settles_at(&commit).await?;
    let mut bare = App::alone(desk.hub.api(), &git, "bare", "new-1").await?;
    bare.commit(&[message_application("hello").remove(0)]).await?;
    bare.create().await?;
    let forbidden = |targets: &[serde_json::Value]| {
        json!(targets).to_string().contains("system:serviceaccount:bare:windlass-deployer")
    };
    bare.wait_for_targets("to be refused in the name of its account", forbidden).await?;
    desk.finish();
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

pub(crate) async fn hub_in_a_cluster_joins_its_own_cluster() -> Result<()> {
    let mut folder = Folder::create("in-cluster")?;
    let plane = ControlPlane::start(&folder.path().join("cluster"), ControlPlaneOptions::default()).await?;
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/hub/base").canonicalize()?;
    for _ in 0..2 {
        // Twice: what the hub has filled in stays.
        let applied = plane.kubectl(&["apply", "-k", &deploy.display().to_string()]).await?;
        ensure!(applied.success, "{}", applied.stderr);
    }
    let mut hub = windlass_tests::pod::HubPod::start(&plane, &folder.path().join("hub")).await?;
    let pod = Pod::start(&plane, &folder.path().join("agent"), "agent-0").await?;

    let entry = |name: &'static str| {
        let path = format!("jsonpath={{.data.{}}}", name.replace('.', "\\."));
        let plane = &plane;
        async move {
            let said = plane.kubectl(&["-n", "windlass", "get", "secret", "windlass-hub-admin", "-o", &path]).await?;
            Ok::<_, anyhow::Error>((!said.stdout.is_empty()).then_some(said.stdout))
        }
    };
    let token = wait_until("the administrator's token in its Secret", SOON, || entry("token")).await;
    let token = token.with_context(|| hub.process().log_tail(20))?;
    let ca = entry("ca.pem").await?.context("no CA in the Secret")?;
    let cli = Cli::new(folder.path())?;
    for (file, text) in [("token", token), ("ca.pem", ca)] {
        std::fs::write(folder.path().join(file), decoded(&text)?)?;
    }
    cli.must(&["login", &hub.url(), "--token-file", "token", "--ca", "ca.pem"]).await?;
    let verified = wait_until("the hub's own cluster to be verified in sync", SOON, || async {
        let cluster: serde_json::Value =
            serde_json::from_str(&cli.must(&["cluster", "get", "in-cluster", "-o", "json"]).await?)?;
        Ok(cluster["freshness"]["verifiedAt"].is_string().then_some(cluster))
    });
    let cluster = verified.await.with_context(|| format!("logs are in {}", folder.path().display()))?;
    ensure!(cluster["serverAliases"] == json!(["https://kubernetes.default.svc"]), "{cluster}");
    ensure!(!hub.data_folder().join("admin-token").exists(), "the token is still a file too");
    drop(pod);
    folder.succeed();
    Ok(())
}

fn decoded(text: &str) -> Result<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text.trim()).context("an entry of a Secret")
}
