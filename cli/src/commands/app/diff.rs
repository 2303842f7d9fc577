//! `windlass app diff`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use windlass_domain::name::ApplicationName;
use windlass_domain::question::{DiffVerdict, ObjectDiff};
use windlass_yaml::{Limits, documents};

use crate::client::Client;
use crate::commands::parse;
use crate::output::{self, FormatArgs, table};

/// Most bytes of manifests that are sent.
const MOST: usize = 8 << 20;

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
    #[arg(value_parser = parse::application, value_name = "[NAMESPACE/]NAME")]
    application: ApplicationName,
    /// The cluster, where the application is on several.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Compare with another commit, branch or tag.
    #[arg(long, value_name = "REVISION", conflicts_with_all = ["local", "against_cluster"])]
    revision: Option<String>,
    /// Compare with manifests of a file, or of a directory and those below it.
    #[arg(long, value_name = "PATH", conflicts_with = "against_cluster")]
    local: Option<PathBuf>,
    /// Compare with the same application on another cluster; values of Secrets are not compared then.
    #[arg(long, value_name = "NAME")]
    against_cluster: Option<String>,
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
            Ok(true) => Err(output::Exit(1).into()),
            Err(error) => {
                output::note(&format!("error: {error:#}"));
                Err(output::Exit(2).into())
            }
        }
    }

    async fn compare(&self, client: &Client) -> anyhow::Result<bool> {
        let body = match (&self.revision, &self.local, &self.against_cluster) {
            (Some(revision), ..) => json!({ "revision": revision }),
            (_, Some(path), _) => json!({ "manifests": manifests(path)? }),
            (.., Some(cluster)) => json!({ "cluster": cluster }),
            _ => json!({}),
        };
        let ApplicationName { namespace, name } = &self.application;
        let path = ["applications", namespace, name, "live", "diff"];
        let answer: Answer = client.send(Method::POST, &path, &[("cluster", self.cluster.clone())], &body).await?;
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

/// Every object of a file, or of the YAML and JSON files of a directory and those below it, in order of their names.
fn manifests(path: &Path) -> anyhow::Result<Vec<Value>> {
    let mut files = Vec::new();
    collect(path, &mut files).with_context(|| path.display().to_string())?;
    files.sort();
    let (mut found, mut bytes) = (Vec::new(), 0);
    for file in files {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(&file).with_context(|| name.clone())?;
        bytes += text.len();
        if bytes > MOST {
            bail!("{name}: the manifests have more than {} MiB together", MOST >> 20);
        }
        for document in documents(&text, &Limits::default())
            .map_err(|e| anyhow::anyhow!("{name}, line {}, column {}: {}", e.line, e.column, e.kind))?
        {
            match document.value.get("items").and_then(Value::as_array) {
                Some(items) => found.extend(items.iter().cloned()),
                None if document.value.get("kind").is_some() => found.push(document.value),
                None => {}
            }
        }
    }
    if found.is_empty() {
        bail!("{}: holds no manifest", path.display());
    }
    Ok(found)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        let is_manifest = path.extension().is_some_and(|ext| ["yaml", "yml", "json"].iter().any(|known| ext == *known));
        // A link may lead back up.
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files)?;
        } else if path.is_file() && is_manifest {
            files.push(path);
        }
    }
    Ok(())
}
