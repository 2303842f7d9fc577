//! `windlass app rollback`.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::name::NameArgs;
use super::sync::{ensure, print, progress};
use crate::client::Client;
use crate::commands::parse;
use crate::view::Started;

/// Go back to what was deployed before, and follow it to its end. It is held there until `app resume`, or a whole `app sync`.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app history web\n  windlass app rollback web 12 --prune")]
pub(crate) struct Rollback {
    #[command(flatten)]
    name: NameArgs,
    /// Number of the history entry.
    #[arg(value_name = "ID")]
    id: u64,
    /// Delete objects that the entry did not have. It never overrides a hold.
    #[arg(long)]
    prune: bool,
    /// Only on this cluster; may repeat.
    #[arg(long = "cluster", value_name = "NAME")]
    clusters: Vec<String>,
    /// Do not follow it.
    #[arg(long = "async")]
    is_async: bool,
    /// The most time to follow it; the hub ends every operation at its own deadline.
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    timeout: Option<Duration>,
}

impl Rollback {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let body = json!({"id": self.id, "prune": self.prune, "clusters": self.clusters});
        let started: Started = client.post(&self.name.below("rollback"), &body).await?;
        let ids = print(&started, "requested")?;
        let refused = started.operations.len() - ids.len();
        let failed = match self.is_async {
            true => vec![],
            false => progress::follow(client, &self.name, &ids, self.timeout).await?,
        };
        ensure(refused, &failed)
    }
}
