//! `windlass app actions ...`.

mod list;
mod run;

use clap::{Args, Subcommand};
use serde::Deserialize;

use super::name::NameArgs;
use crate::client::Client;
use crate::view::Key;

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

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    #[serde(flatten)]
    key: Key,
    actions: Vec<Action>,
    error: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Action {
    name: String,
    disabled: bool,
    reason: String,
    permitted: bool,
    params: Vec<Parameter>,
}

#[derive(Default, Deserialize)]
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
    /// On this cluster; needed where the application is on more than one.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
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
    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        client: &Client,
        name: &NameArgs,
        kind: Option<&str>,
    ) -> anyhow::Result<T> {
        let query = [
            ("cluster", self.cluster.clone()),
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
