//! `windlass cluster approve`.

use clap::Args;
use serde_json::json;

use crate::client::Client;
use crate::output;
use crate::view::Cluster;

/// Let in what waits for a person: a cluster that was made anew, was away for long, or is quarantined; or one certificate.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass cluster approve eu-1")]
pub(crate) struct Approve {
    /// Name of the cluster.
    name: String,
    /// This certificate is the cluster's, and the one in use is not.
    #[arg(long, value_name = "SERIAL")]
    serial: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

impl Approve {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let before: Cluster = client.get(&["clusters", &self.name], &[]).await?;
        let what = match (&self.serial, before.identity.reason.as_str()) {
            (Some(serial), _) => format!("Take {serial} as the certificate of cluster {}, and no other?", self.name),
            (None, "") => format!("Approve cluster {}?", self.name),
            (None, reason) => format!("Cluster {} is {}: {reason}. Approve it?", self.name, before.identity.state),
        };
        output::confirm(&what, self.yes)?;
        let body = json!({"serial": self.serial});
        let cluster: Cluster = client.post(&["clusters", &self.name, "approve"], &body).await?;
        output::note(&format!("cluster {} approved; its identity is {}", cluster.name, cluster.identity.state));
        Ok(())
    }
}
