//! The real command line, as people run it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use crate::binaries;
use crate::hub::Hub;

/// The command line with a configuration file of its own.
#[derive(Debug, Clone)]
pub struct Cli {
    program: PathBuf,
    config: PathBuf,
    folder: PathBuf,
}

/// What a command printed and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Cli {
    /// One that runs in `folder` and keeps its contexts there.
    pub fn new(folder: &Path) -> Result<Self> {
        let program = binaries::find("windlass")?;
        Ok(Self { program, config: folder.join("windlass-config.yaml"), folder: folder.to_owned() })
    }

    /// One that runs in `folder`, logged in to a hub as its first administrator.
    pub async fn logged_in(folder: &Path, hub: &Hub) -> Result<Self> {
        let cli = Self::new(folder)?;
        let (token, ca) = (hub.token_file()?.display().to_string(), hub.ca_file().display().to_string());
        cli.must(&["login", &hub.url(), "--token-file", &token, "--ca", &ca]).await?;
        Ok(cli)
    }

    /// The file of contexts and credentials, for `WINDLASS_CONFIG`.
    pub fn config_file(&self) -> &Path {
        &self.config
    }

    /// The program, for people who go on by hand.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Runs a command to its end. A failing command is no error here: look at `code`.
    pub async fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder).env("WINDLASS_CONFIG", &self.config);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.with_context(|| format!("running windlass {}", arguments.join(" ")))?;
        Ok(Output {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs a command that must exit 0, and returns what it printed.
    pub async fn must(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments).await?;
        let said = format!("{}{}", output.stdout, output.stderr);
        ensure!(output.code == Some(0), "windlass {} exited {:?}: {said}", arguments.join(" "), output.code);
        Ok(output.stdout)
    }
}
