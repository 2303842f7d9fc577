//! `windlass app approve`.

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use super::list::short;
use super::name::NameArgs;
use crate::client::Client;
use crate::output::{self, table};
use crate::view::{Application, Hold, Target};

/// Approve deletions that are held: exactly the objects that are shown, for exactly this commit.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app approve web --cluster eu-1")]
pub(crate) struct Approve {
    #[command(flatten)]
    name: NameArgs,
    /// Only on this cluster.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

impl Approve {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let application: Application = client.get(&self.name.path(), &[]).await?;
        let is_wanted = |target: &&Target| self.cluster.as_ref().is_none_or(|cluster| *cluster == target.cluster);
        let held: Vec<_> = application
            .targets
            .iter()
            .filter(is_wanted)
            .filter_map(|target| Some((target, target.hold.as_ref()?)))
            .collect();
        if held.is_empty() {
            bail!("application {}: no deletions are held; there is nothing to approve", self.name);
        }
        for (target, hold) in &held {
            show(target, hold);
        }
        let count: u64 = held.iter().map(|(_, hold)| hold.count).sum();
        output::confirm(&format!("Delete these {count} objects?"), self.yes)?;
        for (target, hold) in held {
            let body = json!({"cluster": target.cluster, "set": hold.set});
            let _: Value = client.post(&self.name.below("approve"), &body).await?;
            output::line(&format!(
                "application {} deletion of {} objects approved on {}",
                self.name, hold.count, target.cluster
            ))?;
        }
        Ok(())
    }
}

fn show(target: &Target, hold: &Hold) {
    let revision = short(target.desired_revision.as_deref());
    output::note(&table::single_line(&format!(
        "{} at {revision}: {} objects would be deleted. {}",
        target.cluster, hold.count, hold.reason
    )));
    for key in &hold.keys {
        output::note(&table::single_line(&format!("  {key}")));
    }
    let hidden = hold.count.saturating_sub(hold.keys.len() as u64);
    if hidden > 0 {
        output::note(&format!("  and {hidden} more"));
    }
}
