//! The agent's decisions on files, without a cluster or a hub: what it would say of these objects.
//!
//! One subcommand for each decision. Each reads manifests as the hub does, decides with the functions that the running agent uses, and prints a table for
//! people or one JSON object a line. Input that cannot be read is an error with the file and the place.

use std::io::Write as _;
use std::process::ExitCode;

use clap::ValueEnum;

pub mod diff;
pub mod health;
pub mod manifests;

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// One JSON object a line.
    Json,
}

/// Prints what was decided: exit status 0, or 1 for input that cannot be read.
pub fn print(decided: anyhow::Result<String>) -> ExitCode {
    match decided.and_then(|text| Ok(std::io::stdout().write_all(text.as_bytes())?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error, 1),
    }
}

/// Prints a comparison: exit status 0 when all is the same, 1 when something differs, 2 for input that cannot be read, as `argocd app diff`.
pub fn print_compared(compared: anyhow::Result<diff::Compared>) -> ExitCode {
    let printed = compared.and_then(|c| Ok(std::io::stdout().write_all(c.text.as_bytes()).map(|()| c.differs)?));
    match printed {
        Ok(differs) => ExitCode::from(u8::from(differs)),
        Err(error) => failed(&error, 2),
    }
}

fn failed(error: &anyhow::Error, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
    ExitCode::from(code)
}
