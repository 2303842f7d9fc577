//! What README and docs/operations.md tell people to type is typed, in a fresh folder, against a real cluster, with a
//! terminal. Only names of machines and places are other ones.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use windlass_tests::app::{SOON, message_of};
use windlass_tests::documents::{Document, Step};
use windlass_tests::faults::AdminPort;
use windlass_tests::folder::Folder;
use windlass_tests::git_server::{Credentials, GitServer, Repo};
use windlass_tests::manifest::{self, documents};
use windlass_tests::objects::Objects;
use windlass_tests::ports::free_ports;
use windlass_tests::wait::{wait_for, wait_until};
use windlass_tests::{binaries, control_plane::ControlPlane};

use super::stage::plane;

/// What runs until somebody ends it.
const SERVERS: &[&str] = &["windlass-hub", "windlass-agent"];
/// What the rest of a document still needs is taken away at its end.
const LAST: &[&str] = &["windlass app delete", "windlass cluster remove"];
/// One command, with whatever it waits for.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) async fn every_command_of_the_readme_runs() -> Result<()> {
    let desk = Desk::new("readme").await?;
    let repo = Repo::create(&desk.path("git"), "examples").await?;
    let files = documents(&[manifest::deployment("guestbook-ui", 1, "registry.example/ui:1"), service()]);
    repo.publish(&[("guestbook/guestbook.yaml", Some(&files))], "guestbook").await?;
    let github = "https://github.com/argoproj/argocd-example-apps.git";
    let desk = desk.with(github, &repo.url());
    let kubeconfig = desk.plane.identity("windlass-documents-readme", &["system:masters"])?;
    std::fs::create_dir_all(desk.path(".kube"))?;
    std::fs::copy(kubeconfig, desk.path(".kube/config"))?;
    let document = Document::read(&repository().join("README.md"))?;
    for step in &document.steps {
        desk.take(step, "README.md").await?;
    }
    desk.finish("README.md", &document)
}

pub(crate) async fn every_command_of_the_operations_guide_runs() -> Result<()> {
    const URL: &str = "https://git.example/team/app.git";
    let desk = Desk::new("operations").await?;
    let server = GitServer::start(&desk.path("git"), Some(Credentials::new("bot", "a-token"))).await?;
    let (repo, url) = (server.create_repo("app").await?, server.https_url("app"));
    let desk = desk.with(URL, &url);
    std::fs::write(desk.path("token.txt"), "a-token\n")?;
    std::fs::write(desk.path("ca.pem"), server.ca_pem())?;
    let kubeconfig = desk.plane.identity("windlass-documents-operations", &["system:masters"])?;
    std::fs::copy(kubeconfig, desk.path("agent.kubeconfig"))?;
    let document = Document::read(&repository().join("docs/operations.md"))?;
    for shown in document.shown.iter().filter(|shown| shown.language == "yaml") {
        let named = shown.text.lines().find_map(|line| line.strip_prefix("  name: "));
        std::fs::write(desk.path(&format!("{}.yaml", named.unwrap_or("unnamed"))), desk.translated(&shown.text))?;
    }
    let web = [message_of("hello"), manifest::deployment("web", 1, "registry.example/web:1")];
    repo.publish(&[("deploy/web.yaml", Some(&documents(&web)))], "web").await?;

    let (last, steps): (Vec<&Step>, Vec<&Step>) =
        document.steps.iter().partition(|step| LAST.iter().any(|command| step.command.starts_with(command)));
    for (index, step) in steps.iter().enumerate() {
        let next = steps.get(index + 1).map_or("", |step| step.command.as_str());
        if step.command == "windlass app get web" && next.starts_with("windlass app approve web") {
            repo.publish(&[("deploy/web.yaml", None), ("deploy/README.md", Some("Nothing.\n"))], "nothing").await?;
            desk.until("windlass app refresh web; windlass app get web -o json", "PruneHeld").await?;
        }
        if step.command == "windlass app adopt web" {
            claimed_by_argo(&desk, &repo, "web", message_of("of Argo CD")).await?;
        } else if step.command.starts_with("windlass app adopt web --resource") {
            let theirs = manifest::deployment("web", 1, "registry.example/web:1");
            claimed_by_argo(&desk, &repo, "shop", theirs).await?;
        }
        let busy = step.command.starts_with("windlass app terminate web");
        if busy {
            endless_sync(&desk, &repo, true).await?;
        }
        desk.take(step, "docs/operations.md").await?;
        if busy {
            endless_sync(&desk, &repo, false).await?;
        }
    }
    for step in last {
        desk.take(step, "docs/operations.md").await?;
    }
    desk.finish("docs/operations.md", &document)
}

/// Git has a hook that never ends, and a sync waits for it; or has it no longer, and the sync was stopped.
async fn endless_sync(desk: &Desk, repo: &Repo, begins: bool) -> Result<()> {
    let hook = manifest::job("endless", "registry.example/hook:1")
        .annotation("argocd.argoproj.io/hook", "PreSync")
        .with("spec.template.spec.nodeSelector", serde_json::json!({ "nobody": "has-this" }));
    // Hooks alone are no reason for a sync.
    let asked = begins.then(|| manifest::configmap("asked", &[("for", "an endless sync")]).to_yaml());
    let hook = begins.then(|| hook.to_yaml());
    let files = [("deploy/endless.yaml", hook), ("deploy/asked.yaml", asked)];
    let files: Vec<(&str, Option<&str>)> = files.iter().map(|(path, text)| (*path, text.as_deref())).collect();
    if !begins {
        desk.until("windlass operation list --app web --limit 1 -o json", "terminated by").await?;
    }
    repo.publish(&files, "a sync that takes its time").await?;
    if begins {
        let listed = "windlass app refresh web; windlass operation list --app web --limit 1 -o json";
        return desk.until(listed, "completion of the PreSync hook").await;
    }
    // What was stopped wrote nothing but its hook: there is nothing to sync then.
    desk.until("windlass app refresh web; windlass app get web -o json", "\"sync\": \"Synced\"").await
}

/// An object that Argo CD has in the cluster and git now names too; returns when the hub knows that it was refused.
async fn claimed_by_argo(desk: &Desk, repo: &Repo, namespace: &str, object: manifest::Manifest) -> Result<()> {
    let object = object.in_namespace(namespace);
    let objects = Objects::new(desk.plane.client().await?);
    objects.apply(&manifest::namespace(namespace), "somebody").await?;
    let named = object.to_json();
    let text = |path: &str| named.pointer(path).and_then(serde_json::Value::as_str).unwrap_or_default();
    let kind = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let look = || objects.get(namespace, kind);
    wait_for("what was approved to be gone", SOON, look, |found| found.is_none().then_some(())).await?;
    let group = kind.0.rsplit_once('/').map_or("", |(group, _)| group);
    let tracking = format!("legacy:{group}/{}:{namespace}/{}", kind.1, kind.2);
    let theirs = object.clone().annotation("argocd.argoproj.io/tracking-id", &tracking);
    objects.apply(&theirs, "argocd-controller").await?;
    let path = format!("deploy/{namespace}.yaml");
    repo.publish(&[(&path, Some(&object.to_yaml()))], "one that is Argo CD's").await?;
    desk.until("windlass app refresh web; windlass app resources web -o json", "legacy").await
}

/// A fresh folder with the programs in the PATH, and what has other names here.
struct Desk {
    folder: Folder,
    plane: std::sync::Arc<ControlPlane>,
    others: Vec<(String, String)>,
    hub_admin: AdminPort,
}

impl Desk {
    async fn new(name: &str) -> Result<Self> {
        let folder = Folder::create(&format!("documents-{name}"))?;
        let plane = plane().await?;
        let [api, agents, hub_admin, agent_admin] = free_ports()?;
        let bin = folder.path().join("bin");
        std::fs::create_dir_all(&bin)?;
        symlink(binaries::find("windlass")?, bin.join("windlass"))?;
        symlink(plane.kubectl_program(), bin.join("kubectl"))?;
        let hub = format!(
            "--api-listen 0.0.0.0:{api} --agents-listen 0.0.0.0:{agents} --admin-listen 127.0.0.1:{hub_admin} \
             --allow-local-repositories --poll-interval 1s"
        );
        server(&folder, "windlass-hub", &hub)?;
        server(&folder, "windlass-agent", &format!("--admin-listen 127.0.0.1:{agent_admin}"))?;
        let here = folder.path().join("var/lib/windlass").display().to_string();
        let others = vec![
            ("hub.example:8443".to_owned(), format!("localhost:{api}")),
            ("hub.example:8444".to_owned(), format!("localhost:{agents}")),
            ("localhost:8443".to_owned(), format!("localhost:{api}")),
            ("/var/lib/windlass".to_owned(), here),
        ];
        Ok(Self { folder, plane, others, hub_admin: AdminPort::of(hub_admin)? })
    }

    fn with(mut self, name: &str, here: &str) -> Self {
        self.others.push((name.to_owned(), here.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn translated(&self, text: &str) -> String {
        self.others.iter().fold(text.to_owned(), |text, (name, here)| text.replace(name, here))
    }

    async fn take(&self, step: &Step, document: &str) -> Result<()> {
        if step.not_run.is_some() {
            return Ok(());
        }
        let place = || format!("{document}:{}: {}", step.line, step.command);
        let command = self.translated(&step.command);
        let serves = SERVERS.iter().any(|server| command.starts_with(server));
        if serves {
            self.started(command.trim_end_matches([' ', '&'])).await.with_context(place)?;
        } else if command.starts_with("windlass watch") {
            self.typed(&format!("timeout 3 {command} || [ $? = 124 ]")).await.with_context(place)?;
        } else {
            self.typed(&command).await.with_context(place)?;
        }
        if command.starts_with("windlass-hub") {
            wait_until("the hub to be ready", SOON, || self.hub_admin.ready()).await.with_context(place)?;
        } else if command.starts_with("windlass-agent") {
            self.until("windlass cluster list -o json", "Connected").await.with_context(place)?;
        }
        Ok(())
    }

    /// Starts it in a terminal that stays open, as far as it can tell.
    async fn started(&self, command: &str) -> Result<()> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("servers.log"))?;
        let mut shell = Command::new("setsid");
        shell.args(["bash", "-ec", &format!("{command} &")]).stdin(std::process::Stdio::null());
        let status = self.at_home(&mut shell).stdout(log.try_clone()?).stderr(log).status().await?;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    fn at_home<'a>(&self, shell: &'a mut Command) -> &'a mut Command {
        let path = std::env::var("PATH").unwrap_or_default();
        shell.env("PATH", format!("{}:{path}", self.path("bin").display())).env("HOME", self.folder.path());
        shell
            .env_remove("KUBECONFIG")
            .env_remove("WINDLASS_FAILPOINTS")
            .env_remove("WINDLASS_STORE")
            .env("TERM", "dumb");
        shell.current_dir(self.folder.path())
    }

    /// Types it at a terminal, and `y` where it asks; what was printed. It must exit 0.
    async fn typed(&self, command: &str) -> Result<String> {
        let file = self.path("typed.sh");
        std::fs::write(&file, format!("{command}\n"))?;
        let mut shell = Command::new("script");
        self.at_home(shell.args(["-qefc", "bash -e typed.sh", "/dev/null"]));
        shell.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).kill_on_drop(true);
        let mut running = shell.spawn().context("running script (util-linux)")?;
        let mut keys = running.stdin.take().context("a terminal's keyboard")?;
        keys.write_all(b"y\n").await?;
        let output = tokio::time::timeout(PATIENCE, running.wait_with_output()).await;
        drop(keys);
        let output = output.with_context(|| format!("it did not end within {PATIENCE:?}"))??;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "it ended with {}: {said}", output.status);
        Ok(said)
    }

    /// Types it again and again until it prints that.
    async fn until(&self, command: &str, wanted: &str) -> Result<()> {
        let look = || async { Ok(self.typed(command).await.unwrap_or_else(|error| format!("{error:#}"))) };
        let what = format!("`{command}` to say {wanted}");
        wait_for(&what, SOON, look, |said| said.contains(wanted).then_some(())).await
    }

    /// Says what was not run.
    fn finish(mut self, document: &str, read: &Document) -> Result<()> {
        let (run, not): (Vec<&Step>, Vec<&Step>) = read.steps.iter().partition(|step| step.not_run.is_none());
        if run.is_empty() {
            bail!("{document} has no command");
        }
        eprintln!("{document}: {} commands ran", run.len());
        for step in not {
            eprintln!("{document}:{}: NOT RUN: {}", step.line, step.not_run.as_deref().unwrap_or_default());
        }
        self.folder.succeed();
        Ok(())
    }
}

/// Ends the servers that this desk's commands started, by their ids.
impl Drop for Desk {
    fn drop(&mut self) {
        let ids = std::fs::read_to_string(self.path("pids")).unwrap_or_default();
        for id in ids.lines() {
            // Of `timeout`, which passes it on, and makes sure a second later.
            let _ = std::process::Command::new("kill").arg(id).stderr(std::process::Stdio::null()).status();
        }
    }
}

/// A program that starts the real one with ports of its own, and remembers its id. It ends by itself some time, should
/// nobody be left to end it.
fn server(folder: &Folder, name: &str, arguments: &str) -> Result<()> {
    let real = binaries::find(name)?;
    let (here, real) = (folder.path().display(), real.display());
    let text = format!("#!/bin/sh\necho $$ >>{here}/pids\nexec timeout --kill-after=1 900 {real} {arguments} \"$@\"\n");
    let path = folder.path().join("bin").join(name);
    std::fs::write(&path, text)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn service() -> manifest::Manifest {
    manifest::service("guestbook-ui", 80)
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}
