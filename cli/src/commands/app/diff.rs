//! `windlass app diff`.

mod local;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::bail;
use clap::{ArgAction, Args};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use windlass_domain::question::{DiffVerdict, ObjectDiff};

use super::name::NameArgs;
use crate::client::Client;
use crate::output::{self, FormatArgs, table};

/// Show how an application's live objects differ from what git says. Exit codes: 0 nothing differs, 1 something does, 2 it could not be compared.
#[derive(Args)]
#[command(
    after_help = "Values of Secrets are masked in the cluster: equal ones look equal, different ones different.\n\nExample:\n  \
    windlass app diff shop --cluster eu-1\n  \
    windlass app diff shop --revision v2\n  \
    windlass app diff shop --local ./deploy\n  \
    windlass app diff shop --cluster eu-1 --against-cluster us-1"
)]
pub(crate) struct Diff {
    #[command(flatten)]
    name: NameArgs,
    /// The cluster, where the application is on several.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Compare with another commit, branch or tag.
    #[arg(long, value_name = "REVISION", conflicts_with_all = ["local", "against_cluster"])]
    revision: Option<String>,
    /// Compare with manifests of this machine: of a file, or of a directory as the hub would render it from git, by the application's own rules.
    #[arg(long, value_name = "PATH", conflicts_with = "against_cluster")]
    local: Option<PathBuf>,
    /// What the directory is in: links may lead anywhere in it.
    #[arg(long, value_name = "PATH", requires = "local")]
    local_repo_root: Option<PathBuf>,
    /// Compare with the same application on another cluster; values of Secrets are not compared then.
    #[arg(long, value_name = "NAME")]
    against_cluster: Option<String>,
    /// Look at the source first.
    #[arg(long, alias = "hard-refresh")]
    refresh: bool,
    /// Whether a difference is an exit code of its own; with =false it is 0.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true")]
    exit_code: bool,
    /// That exit code.
    #[arg(long, value_name = "CODE", default_value_t = 1)]
    diff_exit_code: u8,
    /// As in argocd; what the server would make of it is always what is compared.
    #[arg(long, hide = true)]
    server_side_diff: bool,
    /// As in argocd; a directory is always rendered as the hub does.
    #[arg(long, hide = true)]
    server_side_generate: bool,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Deserialize)]
struct Answer {
    cluster: String,
    items: Vec<ObjectDiff>,
    #[serde(default)]
    truncated: bool,
}

impl Diff {
    /// 0, 1 or 2, as `argocd app diff`.
    pub(crate) async fn run(self, client: anyhow::Result<Client>) -> anyhow::Result<()> {
        let differs = match client {
            Ok(client) => self.compare(&client).await,
            Err(error) => Err(error),
        };
        match differs {
            Ok(false) => Ok(()),
            Ok(true) if !self.exit_code => Ok(()),
            Ok(true) => Err(output::Exit(self.diff_exit_code).into()),
            Err(error) => {
                output::note(&format!("error: {error:#}"));
                Err(output::Exit(2).into())
            }
        }
    }

    async fn compare(&self, client: &Client) -> anyhow::Result<bool> {
        if self.refresh {
            let _: Value = client.post(&self.name.below("refresh"), &json!({})).await?;
        }
        let body = match (&self.revision, &self.local, &self.against_cluster) {
            (Some(revision), ..) => json!({ "revision": revision }),
            (_, Some(path), _) => {
                let application: Value = client.get(&self.name.path(), &[]).await?;
                let manifests = local::manifests(path, self.local_repo_root.as_deref(), &application["manifest"])?;
                json!({ "manifests": manifests })
            }
            (.., Some(cluster)) => json!({ "cluster": cluster }),
            _ => json!({}),
        };
        let (path, cluster) = (self.name.live("diff"), [("cluster", self.cluster.clone())]);
        let answer: Answer = client.send(Method::POST, &path, &cluster, &body).await?;
        if answer.truncated {
            output::note("note: there are more objects than one answer holds; the rest was not compared");
        }
        let counts = |item: &&ObjectDiff| item.verdict != DiffVerdict::Same || !item.ignored.is_empty();
        let shown: Vec<&ObjectDiff> = answer.items.iter().filter(counts).collect();
        let names = || shown.iter().map(|item| item.key.to_string()).collect();
        match output::machine(self.format.output, &serde_json::to_value(&shown)?, names) {
            Some(printed) => printed?,
            None => shown.iter().try_for_each(|item| print(item))?,
        }
        if let Some(unknown) = answer.items.iter().find(|item| item.verdict == DiffVerdict::Unknown) {
            bail!("{} on cluster {}: {}", unknown.key, answer.cluster, unknown.note);
        }
        Ok(answer.items.iter().any(|item| item.verdict != DiffVerdict::Same))
    }
}

fn print(item: &ObjectDiff) -> anyhow::Result<()> {
    let word = match item.verdict {
        DiffVerdict::Same => "differs only where that is ignored",
        DiffVerdict::Differs => "differs",
        DiffVerdict::Missing => "is not there",
        DiffVerdict::Extra => "is there, and git does not have it",
        DiffVerdict::Unknown => "could not be compared",
    };
    output::line(&table::single_line(&format!("===== {} {word} =====", item.key)))?;
    if !item.note.is_empty() {
        output::line(&table::single_line(&format!("  ({})", item.note)))?;
    }
    item.differences.iter().try_for_each(|one| difference(one, ""))?;
    item.ignored.iter().try_for_each(|one| difference(one, "ignored: "))
}

/// The path, what is there after `<`, what is wanted after `>`.
fn difference(one: &windlass_domain::diff::Difference, mark: &str) -> anyhow::Result<()> {
    let dim = !mark.is_empty() && std::io::stdout().is_terminal();
    let (on, off) = if dim { ("\u{1b}[2m", "\u{1b}[0m") } else { ("", "") };
    output::line(&format!("{on}  {mark}{}{off}", table::single_line(&one.path)))?;
    for (sign, value) in [("<", &one.live), (">", &one.desired)] {
        let value = value.as_ref().map_or_else(|| "(not there)".to_owned(), text);
        output::line(&format!("{on}    {sign} {}{off}", table::single_line(&value)))?;
    }
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("{text:?}"))
}
