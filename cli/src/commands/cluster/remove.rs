//! `windlass cluster remove`.

use clap::Args;

use crate::client::Client;
use crate::output;
use crate::view::Cluster;

/// Remove a cluster from the hub: its agent can no longer connect. Objects in the cluster are left as they are, unless they are to be deleted first.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass cluster remove eu-1 --yes")]
pub(crate) struct Remove {
    /// Name of the cluster.
    name: String,
    /// Leave the objects as they are (the default); also ends a removal that waits for an agent which does not come back.
    #[arg(long, conflicts_with = "cascade")]
    keep_resources: bool,
    /// Have the agent delete what every application has there; the cluster goes when that is done.
    #[arg(long)]
    cascade: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

impl Remove {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let cluster: Cluster = client.get(&["clusters", &self.name], &[]).await?;
        let targets: u64 = cluster.targets.iter().map(|target| target.count).sum();
        let objects = if self.cascade { "Their objects are DELETED." } else { "Its objects stay." };
        output::confirm(
            &format!("Remove cluster {} with {targets} applications on it? {objects}", self.name),
            self.yes,
        )?;
        let cascade = self.cascade.then(|| "true".to_owned());
        client.delete(&["clusters", &self.name], &[("cascade", cascade)]).await?;
        if self.cascade && targets > 0 {
            output::note(&format!(
                "cluster {}: its agent deletes the objects; the cluster goes with the last",
                self.name
            ));
        } else {
            output::note(&format!("cluster {} removed", self.name));
        }
        Ok(())
    }
}
