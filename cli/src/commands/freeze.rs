//! `windlass freeze`, `windlass thaw` and `windlass freezes`.

use clap::Args;
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use windlass_domain::name::ApplicationName;

use super::parse;
use crate::client::Client;
use crate::output::{self, FormatArgs, age, table};
use crate::view::Freeze as View;

/// What is stopped: exactly one.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Scope {
    /// This application.
    #[arg(value_name = "APP", value_parser = parse::application)]
    app: Option<ApplicationName>,
    /// Everything.
    #[arg(long)]
    all: bool,
    /// Every application of this project, also those to come.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Everything on this cluster, also what is to come.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
}

/// Stop all writes; watching goes on, and the freeze is shown everywhere until it is thawed.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass freeze --cluster eu-1 --reason 'incident 42'\n  windlass freeze web --reason 'database migration'"
)]
pub(crate) struct Freeze {
    #[command(flatten)]
    scope: Scope,
    /// Why, for whoever meets it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Let writes go on that were frozen under the same scope.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass thaw --cluster eu-1")]
pub(crate) struct Thaw {
    #[command(flatten)]
    scope: Scope,
}

/// List what is frozen: who, why and since when.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass freezes -o json")]
pub(crate) struct Freezes {
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Changed {
    clusters: usize,
}

impl Scope {
    fn kind_and_name(&self) -> (&'static str, String) {
        match (&self.app, &self.project, &self.cluster) {
            (Some(name), _, _) => ("application", name.to_string()),
            (_, Some(name), _) => ("project", name.clone()),
            (_, _, Some(name)) => ("cluster", name.clone()),
            (None, None, None) => ("all", String::new()),
        }
    }

    fn words(&self) -> String {
        let (kind, name) = self.kind_and_name();
        if name.is_empty() { "everything".to_owned() } else { format!("{kind} {name}") }
    }
}

impl Freeze {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let (kind, name) = self.scope.kind_and_name();
        let body = json!({"kind": kind, "name": name, "reason": self.reason});
        let changed: Changed = client.send(Method::PUT, &["freezes"], &[], &body).await?;
        output::line(&format!("{} frozen; targets stop on {} clusters", self.scope.words(), changed.clusters))
    }
}

impl Thaw {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let (kind, name) = self.scope.kind_and_name();
        let query = [("kind", Some(kind.to_owned())), ("name", Some(name).filter(|name| !name.is_empty()))];
        client.delete(&["freezes"], &query).await?;
        output::line(&format!("{} thawed", self.scope.words()))
    }
}

impl Freezes {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let value: Value = client.get(&["freezes"], &[]).await?;
        let freezes: Vec<View> = serde_json::from_value(value["items"].clone())?;
        let names =
            || freezes.iter().map(|freeze| format!("{} {}", freeze.kind, freeze.name).trim().to_owned()).collect();
        if let Some(printed) = output::machine(self.format.output, &value, names) {
            return printed;
        }
        let now = Timestamp::now();
        let row = |freeze: &View| {
            let (kind, name) = (freeze.kind.clone(), freeze.name.clone());
            vec![kind, name, age::since(freeze.since, now), freeze.by.clone(), freeze.reason.clone()]
        };
        table::print(&["SCOPE", "NAME", "AGE", "BY", "REASON"], freezes.iter().map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        freeze: Freeze,
    }

    #[test]
    fn exactly_one_thing_is_frozen_and_a_reason_is_needed() {
        let parse = |line: &str| Command::try_parse_from(std::iter::once("freeze").chain(line.split(' ')));
        for (line, want) in [
            ("--all --reason x", ("all", "")),
            ("--project shop --reason x", ("project", "shop")),
            ("--cluster eu-1 --reason x", ("cluster", "eu-1")),
            ("team/web --reason x", ("application", "team/web")),
        ] {
            let (kind, name) = parse(line).expect(line).freeze.scope.kind_and_name();
            assert_eq!((kind, name.as_str()), want);
        }
        for wrong in ["--reason x", "--all", "web --all --reason x", "--project a --cluster b --reason x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
