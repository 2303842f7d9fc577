//! `windlass cluster remove`.

use clap::Args;

use crate::client::Client;
use crate::output;
use crate::view::Cluster;

/// Remove a cluster from the hub: its agent can no longer connect. Objects in the cluster are left as they are.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass cluster remove eu-1 --yes")]
pub(crate) struct Remove {
    name: String,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

impl Remove {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let cluster: Cluster = client.get(&["clusters", &self.name], &[]).await?;
        let targets: u64 = cluster.targets.iter().map(|target| target.count).sum();
        output::confirm(
            &format!("Remove cluster {} with {targets} applications on it? Its objects stay.", self.name),
            self.yes,
        )?;
        client.delete(&["clusters", &self.name], &[]).await?;
        output::note(&format!("cluster {} removed", self.name));
        Ok(())
    }
}
