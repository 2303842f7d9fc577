//! What a person does to have a cluster join as a Pod: `windlass cluster add`, and the one command that it prints.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use crate::cli::Cli;
use crate::control_plane::ControlPlane;

/// A loaded machine needs a quarter of a minute, a failing one says why.
const PATIENCE: Duration = Duration::from_secs(120);

/// A registration that came to its end.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The command that was printed, and was typed where kubectl reaches the cluster. Its link has been used.
    pub command: String,
    /// What that command printed.
    pub applied: String,
    /// What `windlass cluster add` said: the stages, each with its time.
    pub stages: String,
    /// From asking for the command to "verified in sync".
    pub took: Duration,
}

/// Registers a cluster with these arguments after `cluster add`, types what is printed, and returns when the command line
/// does: the cluster is verified in sync.
pub async fn register(cli: &Cli, plane: &ControlPlane, arguments: &[&str]) -> Result<Registration> {
    let registering = Box::pin(follow(cli, plane, arguments));
    tokio::time::timeout(PATIENCE, registering).await.context("the cluster was not verified in time")?
}

async fn follow(cli: &Cli, plane: &ControlPlane, arguments: &[&str]) -> Result<Registration> {
    let started = Instant::now();
    let mut add = Command::new(cli.program());
    add.args(["cluster", "add"]).args(arguments).env("WINDLASS_CONFIG", cli.config_file());
    add.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut add = add.spawn().context("running windlass cluster add")?;
    let stdout = add.stdout.take().context("it has an output")?;
    let mut stderr = add.stderr.take().context("it has an error output")?;
    let said = tokio::spawn(async move {
        let mut text = String::new();
        stderr.read_to_string(&mut text).await.map(|_| text)
    });
    let printed = BufReader::new(stdout).lines().next_line().await.context("reading the command")?;
    let outcome = match &printed {
        Some(command) => typed(plane, command).await,
        None => Ok(String::new()),
    };
    let applied = match outcome {
        Ok(applied) => applied,
        Err(error) => {
            let _ = add.start_kill();
            return Err(error);
        }
    };
    let status = add.wait().await.context("waiting for windlass cluster add")?;
    let stages = said.await.context("reading what it says")??;
    ensure!(status.success(), "windlass cluster add {}: {stages}", arguments.join(" "));
    Ok(Registration { command: printed.context("it printed no command")?, applied, stages, took: started.elapsed() })
}

/// Types a command where kubectl reaches the cluster.
async fn typed(plane: &ControlPlane, command: &str) -> Result<String> {
    let kubectl = plane.kubectl_program().parent().context("kubectl is in no folder")?;
    let path = format!("{}:{}", kubectl.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &format!("set -o pipefail; {command}")])
        .env("PATH", path)
        .env("KUBECONFIG", plane.kubeconfig_path());
    let output = shell.stdin(Stdio::null()).kill_on_drop(true).output().await.context("running bash")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the printed command ended with {}: {said}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
