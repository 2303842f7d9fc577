//! `windlass-agent health`.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Value, json};
use windlass_domain::health::{self, Health, HealthStatus};
use windlass_runtime::clock::Clock;

use super::{Output, manifests};
use crate::script::HealthScript;

/// Which objects, and how they are judged.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Live objects, YAML or JSON; `-` is standard input.
    #[arg(short, long, value_name = "FILE", required_unless_present = "list")]
    file: Option<PathBuf>,
    /// A Lua script of Argo CD's contract (`obj` in, a table with `status` and `message` out) that judges instead of our own rules.
    #[arg(long, value_name = "FILE", requires = "file")]
    script: Option<PathBuf>,
    /// Print the kinds that have rules of their own; every other custom kind is judged by its conditions.
    #[arg(long, conflicts_with = "file")]
    list: bool,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

// === impl Args ===

impl Args {
    /// Judges each object of the file, or lists the kinds.
    pub fn run(&self) -> anyhow::Result<String> {
        match (&self.file, self.list) {
            (Some(file), false) => self.judge(&manifests::read(file)?),
            _ => Ok(self.kinds()),
        }
    }

    fn judge(&self, objects: &[Value]) -> anyhow::Result<String> {
        let script = match &self.script {
            Some(path) => {
                let source = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
                Some(HealthScript::new(source))
            }
            None => None,
        };
        let clock = Clock::system();
        let mut printed = String::new();
        for object in objects {
            let health = match &script {
                // A script that fails is Unknown, with its reason, as in Argo CD: others are judged all the same.
                Some(script) => script
                    .judge(object, &clock)
                    .unwrap_or_else(|error| Some(Health::new(HealthStatus::Unknown, error.to_string()))),
                None => health::assess(object),
            };
            self.print(object, health, &mut printed)?;
        }
        Ok(printed)
    }

    fn print(&self, object: &Value, health: Option<Health>, to: &mut String) -> anyhow::Result<()> {
        // A kind without a check has no health: empty, as Argo CD shows it.
        let (status, message) = health.map(|h| (h.status.as_str(), h.message)).unwrap_or_default();
        match self.output {
            Output::Json => writeln!(to, "{}", json!({"status": status, "message": message}))?,
            Output::Table => {
                let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                let (kind, namespace, name) = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
                let place = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
                let status = if status.is_empty() { "-" } else { status };
                writeln!(to, "{status:<12} {kind} {place}{}{message}", if message.is_empty() { "" } else { ": " })?;
            }
        }
        Ok(())
    }

    fn kinds(&self) -> String {
        let print = |(group, kind): (&str, &str)| match self.output {
            Output::Json => format!("{}\n", json!({"group": group, "kind": kind})),
            Output::Table => format!("{}/{kind}\n", if group.is_empty() { "core" } else { group }),
        };
        health::kinds().map(print).collect()
    }
}
