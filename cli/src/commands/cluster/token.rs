//! `windlass cluster token`.

use clap::Args;
use serde_json::{Value, json};

use super::join::JoinArgs;
use crate::client::Client;
use crate::view::Cluster;

/// Print a new command that installs a cluster's agent, or write a new manifest or join file; an older one that was not used is void.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass cluster token eu-1 -o join.json")]
pub(crate) struct Token {
    /// Name of the cluster.
    name: String,
    #[command(flatten)]
    join: JoinArgs,
}

impl Token {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let before: Cluster = client.get(&["clusters", &self.name], &[]).await?;
        let mut body = json!({"tokenSeconds": self.join.seconds()});
        if let Some(install) = self.join.install.body()? {
            body["install"] = install;
        }
        let joining: Value = client.post(&["clusters", &self.name, "token"], &body).await?;
        self.join.finish(client, &self.name, before, &joining).await
    }
}
