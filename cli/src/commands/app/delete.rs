//! `windlass app delete`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::{Value, json};

use super::follow::follow;
use super::name::NameArgs;
use super::wait::judge_deletion;
use crate::client::Client;
use crate::commands::parse;
use crate::output::{self, table};
use crate::view::{Application, Key, Page};

/// Delete an application. Its objects are treated as its finalizers say, or as the flags do.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass app delete web --cascade foreground --yes --wait\n  windlass app delete web --keep-resources\n  \
    windlass app delete web --abandon eu-1"
)]
pub(crate) struct Delete {
    #[command(flatten)]
    name: NameArgs,
    /// What happens to the objects.
    #[arg(long, value_enum, value_name = "HOW")]
    cascade: Option<Cascade>,
    /// Leave the objects as they are; the same as --cascade orphan.
    #[arg(long, conflicts_with = "cascade")]
    keep_resources: bool,
    /// Do not wait for this cluster, which will not come back: what was last seen there is left and listed. May repeat.
    #[arg(long, value_name = "CLUSTER")]
    abandon: Vec<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Wait until it is gone everywhere.
    #[arg(long)]
    wait: bool,
    /// The most time to wait.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse::duration)]
    timeout: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cascade {
    /// Delete them, dependants first.
    Foreground,
    /// Delete them, dependants afterwards.
    Background,
    /// Leave them.
    Orphan,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Deleting {
    depended_on_by: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Abandoned {
    count: u64,
    keys: Vec<Key>,
    gone: bool,
}

impl Delete {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let cascade = match (self.keep_resources, self.cascade) {
            (true, _) | (false, Some(Cascade::Orphan)) => Some("orphan"),
            (false, Some(Cascade::Foreground)) => Some("foreground"),
            (false, Some(Cascade::Background)) => Some("background"),
            (false, None) => None,
        };
        let application: Application = client.get(&self.name.path(), &[]).await?;
        self.ask(client, &application, cascade).await?;
        // Asking again would change how a deletion that is under way treats the objects.
        if application.deletion.is_none() || cascade.is_some() {
            let query = [("cascade", cascade.map(str::to_owned))];
            let deleting: Deleting = client.delete_for(&self.name.path(), &query).await?;
            if !deleting.depended_on_by.is_empty() {
                output::note(&format!(
                    "depended on by {}: their newer commits wait from now on",
                    deleting.depended_on_by.join(", ")
                ));
            }
        }
        for cluster in &self.abandon {
            if self.abandon_one(client, cluster).await? {
                return output::line(&format!("application {} deleted", self.name));
            }
        }
        if self.wait {
            follow(client, &self.name, self.timeout, judge_deletion).await?;
            return output::line(&format!("application {} deleted", self.name));
        }
        output::line(&format!("application {} is being deleted", self.name))
    }

    /// Whether the application is gone by it.
    async fn abandon_one(&self, client: &Client, cluster: &str) -> anyhow::Result<bool> {
        let left: Abandoned = client.post(&self.name.below("abandon"), &json!({"cluster": cluster})).await?;
        output::line(&format!("application {} given up on {cluster}: {} objects are left", self.name, left.count))?;
        for key in &left.keys {
            output::line(&table::single_line(&format!("  {key}")))?;
        }
        Ok(left.gone)
    }

    async fn ask(&self, client: &Client, application: &Application, cascade: Option<&str>) -> anyhow::Result<()> {
        let page: Page = client.get(&self.name.below("resources"), &[("limit", Some("1".to_owned()))]).await?;
        let (clusters, objects) = (application.clusters(), page.total.unwrap_or_default());
        let fate = match cascade {
            Some("orphan") => "they stay as they are",
            Some(_) => "they are deleted",
            None => "its finalizers decide about them",
        };
        if application.deletion.is_none() {
            output::confirm(
                &format!("Delete application {} with {objects} objects on {clusters} clusters ({fate})?", self.name),
                self.yes,
            )?;
        }
        for cluster in &self.abandon {
            let query = [("cluster", Some(cluster.clone())), ("limit", Some("100".to_owned()))];
            let left: Page = client.get(&self.name.below("resources"), &query).await?;
            left.items.iter().for_each(|item| output::note(&table::single_line(&format!("  {}", key(item)))));
            let count = left.total.unwrap_or_default();
            output::confirm(&format!("Give up cluster {cluster} and leave these {count} objects there?"), self.yes)?;
        }
        Ok(())
    }
}

fn key(item: &Value) -> String {
    serde_json::from_value::<Key>(item.clone()).map(|key| key.to_string()).unwrap_or_default()
}
