//! `windlass app actions list`.

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

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
        let clusters = self.at.clusters(client, &self.name).await?;
        let several = clusters.len() > 1;
        let (mut values, mut answers, mut failures) = (Vec::new(), Vec::new(), 0);
        for cluster in clusters {
            match self.at.ask::<Value>(client, &self.name, cluster.clone(), self.kind.as_deref()).await {
                Ok(value) => {
                    answers.push(serde_json::from_value::<Answer>(value.clone())?);
                    values.push(value);
                }
                Err(error) if several => {
                    failures += 1;
                    let cluster = cluster.unwrap_or_default();
                    output::note(&format!("{cluster}: {error:#}"));
                    values.push(json!({"cluster": cluster, "error": format!("{error:#}")}));
                }
                Err(error) => return Err(error),
            }
        }
        let value = if several { json!({"clusters": values}) } else { values.pop().unwrap_or_default() };
        let names = || answers.iter().flat_map(|answer| names(answer, several)).collect();
        match output::machine(self.format.output, &value, names) {
            Some(printed) => printed?,
            None => print(&answers, several)?,
        }
        if failures > 0 {
            bail!("{failures} clusters did not answer");
        }
        Ok(())
    }
}

fn names(answer: &Answer, several: bool) -> Vec<String> {
    let of = |object: &Object| {
        let line = |action: &Action| format!("{}{} {}", before(answer, several), object.key, action.name);
        object.actions.iter().map(line).collect::<Vec<_>>()
    };
    answer.items.iter().flat_map(of).collect()
}

fn before(answer: &Answer, several: bool) -> String {
    if several { format!("{} ", answer.cluster) } else { String::new() }
}

fn print(answers: &[Answer], several: bool) -> anyhow::Result<()> {
    let columns = ["CLUSTER", "OBJECT", "ACTION", "DISABLED", "PARAMETERS", "REASON"];
    let of = |answer: &Answer| -> Vec<Vec<String>> {
        let rows = answer.items.iter().flat_map(rows);
        let with = |mut row: Vec<String>| {
            if several {
                row.insert(0, answer.cluster.clone());
            }
            row
        };
        rows.map(with).collect()
    };
    table::print(&columns[usize::from(!several)..], answers.iter().flat_map(of).collect())?;
    if answers.iter().any(|answer| answer.truncated) {
        output::note("there are more objects than one answer holds; select fewer with --kind or --resource-name");
    }
    Ok(())
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
