//! The join file: what an agent needs to join. It holds a secret, so it is written for its owner only and shown once.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde_json::Value;

use crate::client::{Client, Event};
use crate::commands::parse;
use crate::context::write_private;
use crate::output;
use crate::view::Cluster;

#[derive(Args)]
pub(super) struct JoinArgs {
    /// Write the join file there; without it, it is printed.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How long the token is valid: 1h by default, 24h at most.
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    valid: Option<Duration>,
    /// Wait until the agent has joined.
    #[arg(long)]
    wait: bool,
    /// The most time to wait.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse::duration)]
    timeout: Duration,
}

impl JoinArgs {
    /// The token's lifetime in seconds, as the API takes it.
    pub(super) fn seconds(&self) -> Option<u64> {
        self.valid.map(|valid| valid.as_secs())
    }

    /// Hands the join file over and says how it goes on.
    pub(super) async fn finish(&self, client: &Client, name: &str, joining: &Value) -> anyhow::Result<()> {
        let join = &joining["join"];
        match &self.output {
            Some(path) => {
                write_private(path, format!("{}\n", serde_json::to_string_pretty(join)?).as_bytes())?;
                output::note(&format!("join file written to {}: it holds a secret, for one agent", path.display()));
                output::note(&format!("in the cluster: windlass-agent --join {}", path.display()));
            }
            None => output::json(join)?,
        }
        output::note(&format!(
            "cluster {name}: the token is valid until {}",
            joining["expiresAt"].as_str().unwrap_or("-")
        ));
        if !self.wait {
            return Ok(());
        }
        match tokio::time::timeout(self.timeout, joined(client, name)).await {
            Ok(result) => result,
            Err(_) => bail!("cluster {name}: no agent has joined within {:?}; look at the agent's log", self.timeout),
        }
    }
}

async fn joined(client: &Client, name: &str) -> anyhow::Result<()> {
    let mut events = client.watch(None, None, false);
    loop {
        let look = match events.next().await? {
            Event::Begin => true,
            Event::Change(change) => change.kind == "cluster" && change.name == name,
        };
        if !look {
            continue;
        }
        let cluster: Cluster = client.get(&["clusters", name], &[]).await?;
        if cluster.connection == "Connected" {
            output::note(&format!(
                "cluster {name}: joined, agent {}, Kubernetes {}",
                cluster.agent_version, cluster.kubernetes_version
            ));
            return Ok(());
        }
        output::note(&format!("cluster {name}: waiting for its agent ({})", cluster.connection));
    }
}
