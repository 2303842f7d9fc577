//! `windlass app actions run`.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::name::NameArgs;
use super::{Answer, Object, Where};
use crate::client::Client;
use crate::output::{self, FormatArgs};
use crate::view::Key;

/// Run an action on a live object, or with --all on every one that is selected and has it; on several clusters, on each.
///
/// Every object is an operation of its own: where one fails, the others are run. Exit codes: 0 run on every selected object of every cluster, 1 not run on
/// one of them or more.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app actions run web restart --kind Deployment --resource-name web\n  \
    windlass app actions run web scale --kind Deployment --all --param replicas=3\n  \
    windlass app actions run reports create-job --kind CronJob --resource-name nightly --cluster eu-1\n  \
    windlass app actions run web restart --kind Deployment --resource-name web --all-clusters")]
pub(super) struct Run {
    #[command(flatten)]
    name: NameArgs,
    /// The action.
    #[arg(value_name = "ACTION")]
    action: String,
    /// Kind of the objects.
    #[arg(long)]
    kind: String,
    /// Run it on every selected object.
    #[arg(long)]
    all: bool,
    /// A parameter of the action; repeatable.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    #[command(flatten)]
    at: Where,
    #[command(flatten)]
    format: FormatArgs,
}

/// It is not clear which objects are meant: nothing is run anywhere.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Ambiguous(String);

/// What was done to one object.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Ran {
    done: Vec<Done>,
    notes: Vec<String>,
    failed: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Done {
    #[serde(flatten)]
    key: Key,
    created: bool,
}

/// What came of the objects of one cluster.
#[derive(Default)]
struct Outcome {
    results: Vec<Value>,
    names: Vec<String>,
    failures: usize,
}

impl Run {
    pub(super) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let parameters = parameters(&self.parameters)?;
        let clusters = self.at.clusters(client, &self.name).await?;
        let several = clusters.len() > 1;
        // Everything is selected before anything is done.
        let mut selected = Vec::new();
        for cluster in clusters {
            let named = cluster.clone().unwrap_or_default();
            let asked = self.at.ask::<Answer>(client, &self.name, cluster, Some(&self.kind)).await;
            match asked.and_then(|answer| self.objects(&answer).map(|objects| (answer.cluster.clone(), objects))) {
                Ok(found) => selected.push(Ok(found)),
                Err(error) if several && !error.is::<Ambiguous>() => selected.push(Err((named, error))),
                Err(error) if several => return Err(error.context(format!("cluster {named}"))),
                Err(error) => return Err(error),
            }
        }
        let (mut answers, mut names, mut failures, mut whole) = (Vec::new(), Vec::new(), 0, 0);
        for cluster in selected {
            match cluster {
                Ok((cluster, objects)) => {
                    let outcome = self.on(client, &cluster, &objects, several, &parameters).await?;
                    failures += outcome.failures;
                    whole += objects.len();
                    names.extend(outcome.names);
                    answers.push(json!({"cluster": cluster, "action": self.action, "items": outcome.results}));
                }
                Err((cluster, error)) => {
                    (failures, whole) = (failures + 1, whole + 1);
                    self.tell(&format!("{cluster}: not run: {error:#}"))?;
                    answers.push(json!({"cluster": cluster, "action": self.action, "error": format!("{error:#}")}));
                }
            }
        }
        let value = if several { json!({"clusters": answers}) } else { answers.pop().unwrap_or_default() };
        if let Some(printed) = output::machine(self.format.output, &value, || names) {
            printed?;
        }
        if failures > 0 {
            bail!("{} was not run, or not wholly, on {failures} of {whole} objects", self.action);
        }
        Ok(())
    }

    /// On the objects of one cluster, one after another.
    async fn on(
        &self,
        client: &Client,
        cluster: &str,
        objects: &[Object],
        several: bool,
        parameters: &BTreeMap<&str, &str>,
    ) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome::default();
        for object in objects {
            let body = json!({
                "action": self.action, "cluster": cluster, "group": object.key.group, "kind": object.key.kind,
                "resourceNamespace": object.key.namespace, "resourceName": object.key.name, "parameters": parameters,
            });
            let (words, result) = match client.post::<Value>(&super::path(&self.name), &body).await {
                Ok(value) => {
                    let ran: Ran = serde_json::from_value(value.clone())?;
                    outcome.failures += usize::from(ran.failed.is_some());
                    (ran.words(), json!({"object": object.key, "result": value}))
                }
                Err(error) => {
                    outcome.failures += 1;
                    (format!("not run: {error:#}"), json!({"object": object.key, "error": format!("{error:#}")}))
                }
            };
            let name = if several { format!("{cluster} {}", object.key) } else { object.key.to_string() };
            self.tell(&format!("{name}: {words}"))?;
            outcome.names.push(name);
            outcome.results.push(result);
        }
        Ok(outcome)
    }

    /// As it goes, where a person reads it.
    fn tell(&self, words: &str) -> anyhow::Result<()> {
        match self.format.output {
            output::Format::Table | output::Format::Wide => output::line(words),
            _ => Ok(()),
        }
    }

    /// The objects that it is run on.
    fn objects(&self, answer: &Answer) -> anyhow::Result<Vec<Object>> {
        let has = |object: &&Object| object.error.is_some() || object.actions.iter().any(|a| a.name == self.action);
        let objects: Vec<Object> = answer.items.iter().filter(has).cloned().collect();
        if answer.truncated && self.all {
            let words = format!(
                "there are more objects of kind {} than one answer holds; select fewer with --namespace",
                self.kind
            );
            return Err(Ambiguous(words).into());
        }
        match objects.len() {
            0 => {
                let mut names: Vec<&str> =
                    answer.items.iter().flat_map(|object| &object.actions).map(|action| &*action.name).collect();
                names.sort_unstable();
                names.dedup();
                let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                bail!("no selected object of kind {} has an action {:?}; there are: {has}", self.kind, self.action)
            }
            1 => Ok(objects),
            _ if self.all => Ok(objects),
            many => {
                let words = format!("{many} objects have this action; name one with --resource-name, or take --all");
                Err(Ambiguous(words).into())
            }
        }
    }
}

impl Ran {
    fn words(&self) -> String {
        let done = self.done.iter().map(|done| {
            let verb = if done.created { "created" } else { "patched" };
            format!("{verb} {}", done.key)
        });
        let failed = self.failed.iter().map(|why| format!("then failed: {why}"));
        done.chain(failed).chain(self.notes.iter().cloned()).collect::<Vec<_>>().join("; ")
    }
}

fn parameters(words: &[String]) -> anyhow::Result<BTreeMap<&str, &str>> {
    words.iter().map(|word| split(word).with_context(|| format!("--param {word:?}: write NAME=VALUE"))).collect()
}

fn split(word: &str) -> Option<(&str, &str)> {
    word.split_once('=').filter(|(name, _)| !name.is_empty())
}
