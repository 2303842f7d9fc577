//! `windlass app terminate`.

use clap::Args;
use serde_json::json;

use super::name::NameArgs;
use crate::client::Client;
use crate::view::Started;

/// Ask running sync operations to stop: what was begun is finished, nothing new is.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app terminate web --cluster eu-1")]
pub(crate) struct Terminate {
    #[command(flatten)]
    name: NameArgs,
    /// Only on this cluster.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
}

impl Terminate {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let started: Started = client.post(&self.name.below("terminate"), &json!({"cluster": self.cluster})).await?;
        super::sync::print(&started, "asked to stop").map(drop)
    }
}
