//! `windlass app actions ...`.

mod list;
mod run;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Deserialize;

use super::name::NameArgs;
use crate::client::Client;
use crate::view::{Application, Key};

/// List and run actions on live objects: restart, scale, pause, run a CronJob now.
#[derive(Args)]
pub(crate) struct Actions {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(list::List),
    Run(run::Run),
}

/// Objects with their actions, on one cluster.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    cluster: String,
    items: Vec<Object>,
    truncated: bool,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    #[serde(flatten)]
    key: Key,
    actions: Vec<Action>,
    error: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Action {
    name: String,
    disabled: bool,
    reason: String,
    permitted: bool,
    params: Vec<Parameter>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Parameter {
    name: String,
    default: Option<String>,
}

/// Which objects, on which cluster.
#[derive(Args)]
struct Where {
    /// Name of the object.
    #[arg(long, value_name = "NAME")]
    resource_name: Option<String>,
    /// Namespace of the objects.
    #[arg(long)]
    namespace: Option<String>,
    /// API group of the kind; "" is the core group.
    #[arg(long)]
    group: Option<String>,
    /// On these clusters, names with commas between them; needed where the application is on more than one.
    #[arg(long = "cluster", value_name = "NAME", value_delimiter = ',', conflicts_with = "all_clusters")]
    clusters: Vec<String>,
    /// On every cluster that the application is on.
    #[arg(long)]
    all_clusters: bool,
}

impl Actions {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        match self.command {
            Command::List(command) => command.run(client).await,
            Command::Run(command) => command.run(client).await,
        }
    }
}

impl Where {
    /// The clusters to ask; `None` is the only one.
    async fn clusters(&self, client: &Client, name: &NameArgs) -> anyhow::Result<Vec<Option<String>>> {
        if self.all_clusters {
            let application: Application = client.get(&name.path(), &[]).await?;
            let mut clusters: Vec<String> = application.targets.into_iter().map(|target| target.cluster).collect();
            clusters.sort_unstable();
            if clusters.is_empty() {
                bail!("application {name} is on no cluster yet; `windlass app get` says why");
            }
            return Ok(clusters.into_iter().map(Some).collect());
        }
        let mut clusters: Vec<Option<String>> = Vec::new();
        for cluster in &self.clusters {
            if !clusters.iter().any(|named| named.as_ref() == Some(cluster)) {
                clusters.push(Some(cluster.clone()));
            }
        }
        Ok(if clusters.is_empty() { vec![None] } else { clusters })
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        client: &Client,
        name: &NameArgs,
        cluster: Option<String>,
        kind: Option<&str>,
    ) -> anyhow::Result<T> {
        let query = [
            ("cluster", cluster),
            ("group", self.group.clone()),
            ("kind", kind.map(str::to_owned)),
            ("resourceNamespace", self.namespace.clone()),
            ("resourceName", self.resource_name.clone()),
        ];
        client.get(&path(name), &query).await
    }
}

fn path(name: &NameArgs) -> [&str; 5] {
    let [applications, namespace, name] = name.path();
    [applications, namespace, name, "resources", "actions"]
}
