//! `windlass completion`.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print a completion script for a shell.
#[derive(Args)]
#[command(after_help = "Example:\n  source <(windlass completion bash)")]
pub(crate) struct Completion {
    shell: Shell,
}

impl Completion {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::args::Args::command(), "windlass", &mut script);
        Ok(std::io::stdout().lock().write_all(&script)?)
    }
}
