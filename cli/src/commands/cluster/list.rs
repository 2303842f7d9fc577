//! `windlass cluster list`.

use clap::Args;
use jiff::Timestamp;

use crate::client::Client;
use crate::commands::listing::{self, ListArgs};
use crate::output::{Format, age};
use crate::view::{Cluster, TargetCount};

/// List clusters with their connection and how fresh what they report is.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass cluster list -o wide")]
pub(crate) struct List {
    #[command(flatten)]
    list: ListArgs,
}

impl List {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let items = listing::read(client, &["clusters"], vec![], &self.list).await?;
        let is_wide = self.list.format.output == Format::Wide;
        let mut header =
            vec!["NAME", "CONNECTION", "SINCE", "VERIFIED", "AGENT", "KUBERNETES", "CERTIFICATE", "TARGETS"];
        if is_wide {
            header.extend(["GENERATION", "LABELS", "ALIASES"]);
        }
        let now = Timestamp::now();
        listing::print(
            &self.list,
            items,
            |cluster: &Cluster| cluster.name.clone(),
            &header,
            |cluster| row(cluster, is_wide, now),
        )
    }
}

fn row(cluster: &Cluster, is_wide: bool, now: Timestamp) -> Vec<String> {
    let mut row = vec![
        cluster.name.clone(),
        cluster.connection.clone(),
        age::since(cluster.connection_changed_at, now),
        age::freshness(&cluster.freshness, now),
        or_dash(&cluster.agent_version),
        or_dash(&cluster.kubernetes_version),
        age::until(cluster.certificate_not_after, now),
        counts(&cluster.targets),
    ];
    if is_wide {
        let labels: Vec<_> = cluster.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        row.push(format!("{}/{}", cluster.acked_generation, cluster.generation));
        row.push(labels.join(","));
        row.push(cluster.server_aliases.join(","));
    }
    row
}

/// `3 Synced/Healthy, 1 OutOfSync/Degraded`, what needs attention first.
pub(super) fn counts(targets: &[TargetCount]) -> String {
    let is_fine = |target: &TargetCount| target.sync == "Synced" && target.health == "Healthy";
    let mut targets: Vec<_> = targets.iter().filter(|target| target.count > 0).collect();
    targets.sort_by_key(|target| is_fine(target));
    let words: Vec<_> =
        targets.iter().map(|target| format!("{} {}/{}", target.count, target.sync, target.health)).collect();
    if words.is_empty() { "0".to_owned() } else { words.join(", ") }
}

pub(super) fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}
