//! The real agent, as a process.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::binaries;
use crate::faults::AdminPort;
use crate::ports::free_port;
use crate::process::Process;
use crate::wait::wait_for;

/// An agent. Dropping it ends it; its files stay.
#[derive(Debug)]
pub struct Agent {
    folder: PathBuf,
    join: PathBuf,
    kubeconfig: PathBuf,
    admin_port: u16,
    failpoints: String,
    process: Process,
}

impl Agent {
    /// Starts an agent with key, certificate, state and log in `folder`. It returns at once: whether the agent gets
    /// anywhere is seen at the hub.
    pub fn start(folder: &Path, join: &Path, kubeconfig: &Path) -> Result<Self> {
        Self::start_with(folder, join, kubeconfig, "")
    }

    /// The same with failpoints to begin with: `name=actions;name=actions`. A restart has none.
    pub fn start_with(folder: &Path, join: &Path, kubeconfig: &Path, failpoints: &str) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let admin_port = free_port()?;
        let process = spawn(folder, join, kubeconfig, admin_port, failpoints)?;
        let failpoints = failpoints.to_owned();
        Ok(Self {
            folder: folder.to_owned(),
            join: join.to_owned(),
            kubeconfig: kubeconfig.to_owned(),
            admin_port,
            failpoints,
            process,
        })
    }

    /// Readiness, metrics, failpoints, clock.
    pub fn admin(&self) -> Result<AdminPort> {
        AdminPort::of(self.admin_port)
    }

    /// Everything the agent keeps, its log too.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its key, certificate and trust.
    pub fn identity_folder(&self) -> PathBuf {
        self.folder.join("identity")
    }

    /// Where it was told to find its join file.
    pub fn join_file(&self) -> &Path {
        &self.join
    }

    /// What it prints.
    pub fn log_file(&self) -> PathBuf {
        self.folder.join("agent.log")
    }

    /// The failpoints it was started with.
    pub fn failpoints(&self) -> &str {
        &self.failpoints
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Waits until its log holds one of the texts, in any case of letters, and returns the line.
    pub async fn says(&self, texts: &[&str], timeout: Duration) -> Result<String> {
        let what = format!("the agent to say {}", texts.join(" or "));
        let tail = || async { Ok(self.process.log_tail(100)) };
        wait_for(&what, timeout, tail, |log| {
            let said = |line: &&str| texts.iter().any(|text| line.to_lowercase().contains(&text.to_lowercase()));
            log.lines().rev().find(said).map(str::to_owned)
        })
        .await
    }

    /// Whether the last lines of its log hold the text.
    pub fn has_said(&self, text: &str) -> bool {
        self.process.log_tail(100).contains(text)
    }

    /// SIGKILL: nothing is flushed.
    pub fn kill9(&mut self) -> Result<()> {
        self.process.kill9()
    }

    /// Starts it again, killed or not, on the same folder, without failpoints.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill9()?;
        self.process = spawn(&self.folder, &self.join, &self.kubeconfig, self.admin_port, "")?;
        Ok(())
    }
}

fn spawn(folder: &Path, join: &Path, kubeconfig: &Path, admin_port: u16, failpoints: &str) -> Result<Process> {
    let mut command = Command::new(binaries::find("windlass-agent")?);
    command.arg("--join").arg(join).arg("--kubeconfig").arg(kubeconfig);
    command.arg("--identity-dir").arg(folder.join("identity")).arg("--state-dir").arg(folder.join("state"));
    command.arg("--admin-listen").arg(format!("{}:{admin_port}", Ipv4Addr::LOCALHOST));
    if !failpoints.is_empty() {
        command.env("WINDLASS_FAILPOINTS", failpoints);
    }
    Process::spawn("windlass-agent", command, &folder.join("agent.log"))
}
