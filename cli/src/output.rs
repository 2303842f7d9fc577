//! What is printed: data to stdout, everything else to stderr.

pub(crate) mod age;
pub(crate) mod table;

pub(crate) use windlass_yaml::print as yaml;

use std::io::{BufRead, IsTerminal, Write};

use anyhow::bail;
use clap::ValueEnum;
use serde_json::Value;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For people, with more columns.
    Wide,
    /// Everything, as JSON.
    Json,
    /// Everything, as YAML.
    Yaml,
    /// Names only, one a line.
    Name,
}

/// The flag `-o`.
#[derive(clap::Args)]
pub(crate) struct FormatArgs {
    /// How to print.
    #[arg(short = 'o', long, alias = "out", value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub(crate) output: Format,
}

/// An exit code that says something of its own; everything else was said.
#[derive(Debug)]
pub(crate) struct Exit(pub(crate) u8);

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// A line of data.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

/// A line for people: progress, warnings, errors.
pub(crate) fn note(text: &str) {
    // Nobody is left to be told when stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

pub(crate) fn json(value: &Value) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

/// Prints data in a form for programs; `None` when a table is wanted.
pub(crate) fn machine(
    format: Format,
    value: &Value,
    names: impl FnOnce() -> Vec<String>,
) -> Option<anyhow::Result<()>> {
    match format {
        Format::Json => Some(json(value)),
        Format::Yaml => Some(line(yaml::to_string(value).trim_end())),
        Format::Name => Some(names().iter().try_for_each(|name| line(name))),
        Format::Table | Format::Wide => None,
    }
}

/// Asks before something that cannot be undone; without a terminal the answer must be given by a flag.
pub(crate) fn confirm(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("{question}: nobody can be asked without a terminal; add --yes");
    }
    let mut err = std::io::stderr().lock();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { bail!("not confirmed: nothing was changed") }
}
