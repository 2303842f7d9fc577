//! A cluster on its way in: what is handed over, and each stage as it is reached.

use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use serde_json::Value;

use super::install::{Handed, InstallArgs};
use crate::client::{Client, Event};
use crate::commands::parse;
use crate::output;
use crate::view::Cluster;

#[derive(Args)]
pub(super) struct JoinArgs {
    #[command(flatten)]
    pub(super) install: InstallArgs,
    /// How long the token is valid: 1h by default, 24h at most.
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    valid: Option<Duration>,
    /// Wait until the cluster is verified in sync; so it is unless -o is given.
    #[arg(long, conflicts_with = "no_wait")]
    wait: bool,
    /// Do not wait.
    #[arg(long)]
    no_wait: bool,
    /// The most time to wait.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse::duration)]
    timeout: Duration,
}

/// What happens in turn.
const STAGES: [(&str, Reached); 5] = [
    ("applied", |now, before| {
        now.install_fetched_at
            .filter(|at| Some(*at) != before.install_fetched_at)
            .map(|_| "the manifest was fetched".into())
    }),
    ("connected", |now, before| {
        serial(now).filter(|new| Some(*new) != serial(before)).map(|_| "the agent reached the hub".into())
    }),
    ("identity issued", |now, before| {
        let certificate = now.certificate.as_ref()?;
        (serial(now) != serial(before))
            .then(|| format!("serial {}, {} days", certificate.serial, certificate.days_left))
    }),
    ("first inventory", |now, _| {
        let told = now.connection == "Connected" && now.inventoried;
        told.then(|| format!("Kubernetes {}, agent {}", now.kubernetes_version, now.agent_version))
    }),
    ("verified in sync", |now, before| {
        let newer = now.freshness.verified_at != before.freshness.verified_at;
        (now.connection == "Connected" && newer && !now.freshness.stale).then(String::new)
    }),
];

/// What there is to say of a stage that a cluster has reached since it was another one.
type Reached = fn(&Cluster, &Cluster) -> Option<String>;

// === impl JoinArgs ===

impl JoinArgs {
    /// The token's lifetime in seconds, as the API takes it.
    pub(super) fn seconds(&self) -> Option<u64> {
        self.valid.map(|valid| valid.as_secs())
    }

    /// Hands over what installs the agent, says how it goes on, and waits.
    pub(super) async fn finish(
        &self,
        client: &Client,
        name: &str,
        before: Cluster,
        joining: &Value,
    ) -> anyhow::Result<()> {
        let handed = self.install.hand_over(client, name, joining).await?;
        output::note(&format!(
            "cluster {name}: the token is valid until {}",
            joining["expiresAt"].as_str().unwrap_or("-")
        ));
        if self.no_wait || (self.install.output.is_some() && !self.wait) {
            return Ok(());
        }
        let fetched = matches!(handed, Handed::Link);
        if matches!(handed, Handed::Applied) {
            output::note("  applied");
        }
        match tokio::time::timeout(self.timeout, follow(client, name, &before, fetched)).await {
            Ok(result) => result,
            Err(_) => bail!(
                "cluster {name}: not verified in sync within {:?}; look at the agent's log (kubectl -n windlass-system logs deployment/windlass-agent)",
                self.timeout
            ),
        }
    }
}

/// Says each stage when it is reached; the first is only for those who come with a link.
async fn follow(client: &Client, name: &str, before: &Cluster, fetched: bool) -> anyhow::Result<()> {
    let mut events = client.watch(None, None, false);
    let (mut stages, mut begun) = (STAGES.iter().skip(usize::from(!fetched)).peekable(), Instant::now());
    loop {
        let look = match events.next().await? {
            Event::Begin => true,
            Event::Change(change) => change.kind == "cluster" && change.name == name,
        };
        if !look {
            continue;
        }
        let now: Cluster = client.get(&["clusters", name], &[]).await?;
        while let Some((stage, said)) =
            stages.peek().and_then(|(stage, reached)| Some((*stage, reached(&now, before)?)))
        {
            stages.next();
            if stage == "applied" {
                begun = Instant::now();
            }
            output::note(format!("  {stage:<17}{:>5.1} s  {said}", begun.elapsed().as_secs_f64()).trim_end());
        }
        if stages.peek().is_none() {
            return Ok(());
        }
    }
}

fn serial(cluster: &Cluster) -> Option<&str> {
    cluster.certificate.as_ref().map(|certificate| certificate.serial.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cluster(value: Value) -> Cluster {
        serde_json::from_value(value).expect("a cluster")
    }

    #[test]
    fn a_stage_counts_only_when_it_is_new() {
        let reached = |now: &Cluster, before: &Cluster| -> Vec<&str> {
            STAGES.iter().filter(|(_, reached)| reached(now, before).is_some()).map(|(stage, _)| *stage).collect()
        };
        let base = json!({
            "uid": "u", "name": "eu-1", "connection": "Connected", "createdAt": "2026-11-23T17:00:00Z", "inventoried": true,
            "installFetchedAt": "2026-11-23T17:00:01Z", "kubernetesVersion": "v1.36.3", "agentVersion": "0.1.0",
            "certificate": {"identity": "spiffe://x", "serial": "0a", "issuedAt": "2026-11-23T17:00:02Z", "notAfter": "2026-11-30T17:00:02Z", "daysLeft": 6, "revoked": false},
            "freshness": {"verifiedAt": "2026-11-23T17:00:03Z", "connected": true, "stale": false},
        });
        let now = cluster(base);
        assert_eq!(reached(&now, &Cluster::default()).len(), STAGES.len());
        assert_eq!(
            reached(&now, &now),
            ["first inventory"],
            "of an earlier agent nothing counts but what the cluster is"
        );
    }
}
