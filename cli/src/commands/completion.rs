//! `windlass completion`.

use std::io::Write;

use clap::Args;
use clap_complete::Shell;

/// Print a completion script for a shell.
#[derive(Args)]
#[command(after_help = "Example:\n  source <(windlass completion bash)")]
pub(crate) struct Completion {
    /// The shell that is to complete `windlass`.
    shell: Shell,
}

impl Completion {
    /// Of the whole command line.
    pub(crate) fn run(self, whole: &mut clap::Command) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, whole, "windlass", &mut script);
        Ok(std::io::stdout().lock().write_all(&script)?)
    }
}
