//! `windlass cluster add`.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};

use super::join::JoinArgs;
use crate::client::Client;
use crate::commands::parse;

/// Register a cluster and get the join file for its agent.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass cluster add eu-1 --label env=prod --label region=eu -o join.json")]
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
        let body = json!({"name": self.name, "labels": labels, "serverAliases": self.server_aliases, "tokenSeconds": self.join.seconds()});
        let joining: Value = client.post(&["clusters"], &body).await?;
        self.join.finish(client, &self.name, &joining).await
    }
}
