//! `windlass cluster add`.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};

use super::join::JoinArgs;
use crate::client::Client;
use crate::commands::parse;
use crate::view::Cluster;

/// Register a cluster, print the one command that installs its agent, and show each stage until it is verified in sync.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass cluster add eu-1 --label env=prod --label region=eu\n  windlass cluster add eu-1 --context kind-eu-1"
)]
pub(crate) struct Add {
    /// Unique name.
    name: String,
    /// A label; may repeat.
    #[arg(short, long = "label", value_name = "KEY=VALUE", value_parser = parse::pair)]
    labels: Vec<(String, String)>,
    /// An address by which `destination.server` may mean this cluster; may repeat.
    #[arg(long = "server-alias", value_name = "URL")]
    server_aliases: Vec<String>,
    #[command(flatten)]
    join: JoinArgs,
}

impl Add {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let labels: BTreeMap<_, _> = self.labels.into_iter().collect();
        let mut body = json!({"name": self.name, "labels": labels, "serverAliases": self.server_aliases, "tokenSeconds": self.join.seconds()});
        if let Some(install) = self.join.install.body()? {
            body["install"] = install;
        }
        let joining: Value = client.post(&["clusters"], &body).await?;
        self.join.finish(client, &self.name, Cluster::default(), &joining).await
    }
}
