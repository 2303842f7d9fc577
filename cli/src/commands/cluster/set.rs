//! `windlass cluster set`.

use clap::Args;
use reqwest::Method;
use serde_json::json;

use crate::client::Client;
use crate::output;
use crate::view::Cluster;

/// Tell a cluster's agent another address of the hub. It tries that one, and leaves the old one only when it works.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass cluster set eu-1 --hub https://hub.example:8444")]
pub(crate) struct Set {
    /// Name of the cluster.
    name: String,
    /// The agents listener, as the cluster reaches it: host:port, or https://host:port. The hub's certificate must have the name (`windlass-hub --name`).
    #[arg(long, value_name = "ADDRESS", required_unless_present = "default_hub")]
    hub: Option<String>,
    /// Back to what the hub says to everybody.
    #[arg(long, conflicts_with = "hub")]
    default_hub: bool,
}

impl Set {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let given = self.hub.unwrap_or_default();
        let address = given.trim_start_matches("https://").trim_end_matches('/');
        let body = json!({"agentsAddress": address});
        let cluster: Cluster = client.send(Method::PATCH, &["clusters", &self.name], &[], &body).await?;
        let told = cluster.agents_address.unwrap_or_else(|| "the hub's own address".to_owned());
        output::note(&format!("cluster {}: its agent is told to connect to {told}", cluster.name));
        Ok(())
    }
}
