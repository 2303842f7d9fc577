//! `windlass app actions list`.

use clap::Args;
use serde_json::Value;

use super::super::name::NameArgs;
use super::{Action, Answer, Object, Parameter, Where};
use crate::client::Client;
use crate::output::{self, FormatArgs, table};

/// List the actions that an application's live objects have, and why some are not possible now.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app actions list web\n  \
    windlass app actions list web --kind Deployment --resource-name web")]
pub(super) struct List {
    #[command(flatten)]
    name: NameArgs,
    /// Kind of the objects; every kind without it.
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    at: Where,
    #[command(flatten)]
    format: FormatArgs,
}

impl List {
    pub(super) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let value: Value = self.at.ask(client, &self.name, self.kind.as_deref()).await?;
        let answer: Answer = serde_json::from_value(value.clone())?;
        let names = || {
            let of = |object: &Object| {
                let line = |action: &Action| format!("{} {}", object.key, action.name);
                object.actions.iter().map(line).collect::<Vec<_>>()
            };
            answer.items.iter().flat_map(of).collect()
        };
        if let Some(printed) = output::machine(self.format.output, &value, names) {
            return printed;
        }
        let rows = answer.items.iter().flat_map(rows).collect();
        table::print(&["OBJECT", "ACTION", "DISABLED", "PARAMETERS", "REASON"], rows)?;
        if answer.truncated {
            output::note("there are more objects than one answer holds; select fewer with --kind or --resource-name");
        }
        Ok(())
    }
}

fn rows(object: &Object) -> Vec<Vec<String>> {
    let name = object.key.to_string();
    let row = |action: &Action| {
        let reason = match (&*action.reason, action.permitted) {
            ("", false) => "no grant of yours allows it",
            (reason, _) => reason,
        };
        let parameters = action.params.iter().map(parameter).collect::<Vec<_>>().join(" ");
        vec![name.clone(), action.name.clone(), action.disabled.to_string(), parameters, reason.to_owned()]
    };
    let failed = |error: &String| vec![name.clone(), "-".into(), "true".into(), String::new(), error.clone()];
    object.actions.iter().map(row).chain(object.error.iter().map(failed)).collect()
}

fn parameter(parameter: &Parameter) -> String {
    match &parameter.default {
        Some(default) => format!("{}={default}", parameter.name),
        None => parameter.name.clone(),
    }
}
