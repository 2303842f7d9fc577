//! `windlass cluster token`.

use clap::Args;
use serde_json::{Value, json};

use super::join::JoinArgs;
use crate::client::Client;

/// Make a new join file for a cluster; an older one that was not used is void.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass cluster token eu-1 -o join.json")]
pub(crate) struct Token {
    name: String,
    #[command(flatten)]
    join: JoinArgs,
}

impl Token {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let joining: Value =
            client.post(&["clusters", &self.name, "token"], &json!({"tokenSeconds": self.join.seconds()})).await?;
        self.join.finish(client, &self.name, &joining).await
    }
}
