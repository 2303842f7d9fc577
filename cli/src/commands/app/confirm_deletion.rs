//! `windlass app confirm-deletion`.

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::name::NameArgs;
use crate::client::Client;
use crate::output;

/// Confirm deletions that ask for it: of objects that left git (`Prune=confirm`), or of an application that is being deleted (`Delete=confirm`).
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app confirm-deletion web --cluster eu-1")]
pub(crate) struct ConfirmDeletion {
    #[command(flatten)]
    name: NameArgs,
    /// Only on this cluster.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Confirmed {
    clusters: Vec<String>,
}

impl ConfirmDeletion {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        output::confirm(&format!("Confirm the deletions of application {} that ask for it?", self.name), self.yes)?;
        let body = json!({"cluster": self.cluster});
        let confirmed: Confirmed = client.post(&self.name.below("confirm-deletion"), &body).await?;
        output::line(&format!("application {} deletions confirmed on {}", self.name, confirmed.clusters.join(", ")))
    }
}
