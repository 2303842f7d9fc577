//! `windlass cluster list`.

use clap::Args;
use jiff::Timestamp;

use crate::client::Client;
use crate::commands::listing::{ListArgs, Listed};
use crate::output::{Format, age};
use crate::view::{Cluster, TargetCount};

const HEADER: &[&str] = &["NAME", "CONNECTION", "SINCE", "VERIFIED", "KUBERNETES", "CERTIFICATE", "TARGETS"];

/// List clusters with their connection and how fresh what they report is.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass cluster list -o wide\n  windlass cluster list -w")]
pub(crate) struct List {
    /// Go on, and print each cluster again that changes.
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    list: ListArgs,
}

impl List {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let is_wide = self.list.format.output == Format::Wide;
        let mut header = HEADER.to_vec();
        if is_wide {
            header.extend(["AGENT", "GENERATION", "LABELS", "ALIASES"]);
        }
        let (name, row) =
            (|cluster: &Cluster| cluster.name.clone(), |cluster: &Cluster, now| row(cluster, is_wide, now));
        let listed = Listed { path: &["clusters"], query: vec![], header, name, row: &row };
        if self.watch {
            return listed.follow(client, &self.list, "cluster").await;
        }
        listed.print(client, &self.list).await
    }
}

fn row(cluster: &Cluster, is_wide: bool, now: Timestamp) -> Vec<String> {
    let mut row = vec![
        cluster.name.clone(),
        connection(cluster),
        age::since(cluster.connection_changed_at, now),
        age::verified(&cluster.freshness, now),
        or_dash(&cluster.kubernetes_version),
        age::until(cluster.certificate_not_after, now),
        total(&cluster.targets),
    ];
    if is_wide {
        let labels: Vec<_> = cluster.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        row.push(or_dash(&cluster.agent_version));
        row.push(format!("{}/{}", cluster.acked_generation, cluster.generation));
        row.push(labels.join(","));
        row.push(cluster.server_aliases.join(","));
    }
    row
}

/// `Disconnected, Revoked`: what a person decided, or has to, is said beside it.
fn connection(cluster: &Cluster) -> String {
    let mut words = vec![cluster.connection.as_str()];
    if cluster.frozen.is_some() {
        words.push("frozen");
    }
    if !matches!(cluster.identity.state.as_str(), "" | "Trusted" | "NotJoined") {
        words.push(&cluster.identity.state);
    }
    if let Some(upgrade) = &cluster.upgrade {
        words.push(if upgrade.stage == "Upgrading" { "upgrading" } else { "upgrade failed" });
    }
    if cluster.removing.is_some() {
        words.push("removing");
    }
    words.join(", ")
}

/// `4 (1 OutOfSync/Degraded)`: how many, and those that need attention.
fn total(targets: &[TargetCount]) -> String {
    let all: u64 = targets.iter().map(|target| target.count).sum();
    let not_fine: Vec<_> = targets.iter().filter(|target| !is_fine(target)).cloned().collect();
    if not_fine.iter().all(|target| target.count == 0) {
        return all.to_string();
    }
    format!("{all} ({})", counts(&not_fine))
}

fn is_fine(target: &TargetCount) -> bool {
    target.sync == "Synced" && target.health == "Healthy"
}

/// `3 Synced/Healthy, 1 OutOfSync/Degraded`, what needs attention first.
pub(super) fn counts(targets: &[TargetCount]) -> String {
    let mut targets: Vec<_> = targets.iter().filter(|target| target.count > 0).collect();
    targets.sort_by_key(|target| is_fine(target));
    let words: Vec<_> =
        targets.iter().map(|target| format!("{} {}/{}", target.count, target.sync, target.health)).collect();
    if words.is_empty() { "0".to_owned() } else { words.join(", ") }
}

pub(super) fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table;
    use crate::view::Freshness;

    fn count(sync: &str, health: &str, count: u64) -> TargetCount {
        TargetCount { sync: sync.into(), health: health.into(), count }
    }

    #[test]
    fn targets_that_are_fine_are_only_counted() {
        assert_eq!(total(&[]), "0");
        assert_eq!(total(&[count("Synced", "Healthy", 20)]), "20");
        assert_eq!(
            total(&[count("Synced", "Healthy", 20), count("OutOfSync", "Degraded", 1)]),
            "21 (1 OutOfSync/Degraded)"
        );
    }

    #[test]
    fn a_line_fits_into_a_hundred_columns() {
        let now = Timestamp::from_second(1_000_000).expect("a time");
        let cluster = Cluster {
            name: "eu-west-1".into(),
            connection: "Disconnected".into(),
            connection_changed_at: Timestamp::from_second(993_000).ok(),
            freshness: Freshness { verified_at: Timestamp::from_second(993_000).ok(), connected: false, stale: true },
            kubernetes_version: "v1.34.1".into(),
            certificate_not_after: Timestamp::from_second(9_000_000).ok(),
            targets: vec![count("Synced", "Healthy", 200), count("OutOfSync", "Degraded", 10)],
            ..Cluster::default()
        };
        let text = table::render(HEADER, vec![row(&cluster, false, now)]);
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
    }
}
