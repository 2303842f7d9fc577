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

/// Run an action on a live object, or with --all on every one that is selected and has it.
///
/// Exit codes: 0 run on every selected object, 1 not run on one of them or more.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app actions run web restart --kind Deployment --resource-name web\n  \
    windlass app actions run web scale --kind Deployment --all --param replicas=3\n  \
    windlass app actions run reports create-job --kind CronJob --resource-name nightly --cluster eu-1")]
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

impl Run {
    pub(super) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let parameters = parameters(&self.parameters)?;
        let answer: Answer = self.at.ask(client, &self.name, Some(&self.kind)).await?;
        let objects = self.objects(&answer)?;
        let (mut results, mut failures) = (Vec::new(), 0);
        for object in &objects {
            let body = json!({
                "action": self.action, "cluster": answer.cluster, "group": object.key.group, "kind": object.key.kind,
                "resourceNamespace": object.key.namespace, "resourceName": object.key.name, "parameters": parameters,
            });
            let told = match client.post::<Value>(&super::path(&self.name), &body).await {
                Ok(value) => {
                    let ran: Ran = serde_json::from_value(value.clone())?;
                    failures += usize::from(ran.failed.is_some());
                    (ran.words(), json!({"object": object.key, "result": value}))
                }
                Err(error) => {
                    failures += 1;
                    (format!("not run: {error:#}"), json!({"object": object.key, "error": format!("{error:#}")}))
                }
            };
            self.tell(&object.key, told.0)?;
            results.push(told.1);
        }
        let value = json!({"cluster": answer.cluster, "action": self.action, "items": results});
        let names = || objects.iter().map(|object| object.key.to_string()).collect();
        if let Some(printed) = output::machine(self.format.output, &value, names) {
            printed?;
        }
        if failures > 0 {
            bail!("{} was not run, or not wholly, on {failures} of {} objects", self.action, objects.len());
        }
        Ok(())
    }

    /// As it goes, where a person reads it.
    fn tell(&self, key: &Key, words: String) -> anyhow::Result<()> {
        match self.format.output {
            output::Format::Table | output::Format::Wide => output::line(&format!("{key}: {words}")),
            _ => Ok(()),
        }
    }

    /// The objects that it is run on.
    fn objects<'a>(&self, answer: &'a Answer) -> anyhow::Result<Vec<&'a Object>> {
        let has = |object: &&Object| object.error.is_some() || object.actions.iter().any(|a| a.name == self.action);
        let objects: Vec<&Object> = answer.items.iter().filter(has).collect();
        if answer.truncated && self.all {
            bail!("there are more objects of kind {} than one answer holds; select fewer with --namespace", self.kind);
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
            many => bail!("{many} objects have this action; name one with --resource-name, or take --all"),
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
