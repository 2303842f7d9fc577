//! `windlass cluster revoke`.

use clap::Args;
use serde_json::json;

use crate::client::Client;
use crate::output;
use crate::view::Cluster;

/// End the trust in a cluster's agent, for good: its session ends within seconds, and only a new token lets an agent join again.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass cluster revoke eu-1 --reason 'laptop stolen'")]
pub(crate) struct Revoke {
    /// Name of the cluster.
    name: String,
    /// Only this certificate, as `windlass cluster get` shows it.
    #[arg(long, value_name = "SERIAL")]
    serial: Option<String>,
    /// Why, for whoever meets it.
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

impl Revoke {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let what = match &self.serial {
            Some(serial) => format!("Revoke the certificate {serial} of cluster {}?", self.name),
            None => {
                format!("Revoke cluster {}? Its agent is cut off until it joins again with a new token.", self.name)
            }
        };
        output::confirm(&what, self.yes)?;
        let body = json!({"serial": self.serial, "reason": self.reason});
        let cluster: Cluster = client.post(&["clusters", &self.name, "revoke"], &body).await?;
        match &self.serial {
            Some(serial) => output::note(&format!("cluster {}: certificate {serial} revoked", cluster.name)),
            None => output::note(&format!(
                "cluster {} revoked; for a new identity: windlass cluster rejoin {}",
                cluster.name, cluster.name
            )),
        }
        Ok(())
    }
}
