//! `windlass cluster upgrade`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::list::or_dash;
use crate::client::Client;
use crate::commands::parse;
use crate::output::{self, FormatArgs, age, table};

/// Bring agents to another version: one cluster first, then more at a time; the first that fails stops it.
///
/// A new agent that is not in sync with the hub in time is taken back to the old one, by the agent that still runs there.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass cluster upgrade --selector env=test --wait\n  windlass cluster upgrade --all --version 0.2.0 --max-unavailable 5\n  windlass cluster upgrade --status"
)]
pub(crate) struct Upgrade {
    /// Clusters, in the order of their turns.
    #[arg(conflicts_with_all = ["selector", "all"])]
    names: Vec<String>,
    /// The clusters with this label; may repeat.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::pair, conflicts_with = "all")]
    selector: Vec<(String, String)>,
    /// Every cluster.
    #[arg(long)]
    all: bool,
    /// The agents' new image, whole.
    #[arg(long, conflicts_with = "version")]
    image: Option<String>,
    /// Another tag of the image that each agent has; without it and --image, the hub's own version.
    #[arg(long)]
    version: Option<String>,
    /// So many clusters at a time, once the first one is done.
    #[arg(long, visible_alias = "batch", value_name = "NUMBER", default_value_t = 1)]
    max_unavailable: u32,
    /// How long a new agent has to be in sync before its cluster goes back: 5m by default.
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    timeout: Option<Duration>,
    /// Follow it to its end.
    #[arg(long)]
    wait: bool,
    /// Show how far the last one is.
    #[arg(long, conflicts_with_all = ["names", "selector", "all", "image", "version", "timeout", "stop"])]
    status: bool,
    /// Begin no further cluster of the last one.
    #[arg(long, conflicts_with_all = ["names", "selector", "all", "image", "version", "timeout"])]
    stop: bool,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct View {
    id: String,
    to: String,
    by: String,
    started_at: Option<Timestamp>,
    phase: String,
    stopped: Option<String>,
    clusters: Vec<Row>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Row {
    cluster: String,
    stage: String,
    message: String,
}

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(2);

impl Upgrade {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let value = if self.status {
            newest(client).await?
        } else if self.stop {
            let view: View = serde_json::from_value(newest(client).await?)?;
            client.post(&["cluster-upgrades", &view.id, "stop"], &json!({})).await?
        } else {
            self.begin(client).await?
        };
        if self.wait {
            return follow(client, serde_json::from_value(value)?).await;
        }
        let view: View = serde_json::from_value(value.clone())?;
        if let Some(printed) = output::machine(self.format.output, &value, || vec![view.id.clone()]) {
            return printed;
        }
        print(&view)?;
        if !self.status && !self.stop {
            output::note("windlass cluster upgrade --status shows how far it is, --status --wait follows it");
        }
        Ok(())
    }

    async fn begin(&self, client: &Client) -> anyhow::Result<Value> {
        ensure!(
            self.all || !self.names.is_empty() || !self.selector.is_empty(),
            "say which clusters: names, --selector key=value, or --all"
        );
        let selector: BTreeMap<_, _> = self.selector.iter().cloned().collect();
        let body = json!({
            "clusters": self.names, "selector": selector, "all": self.all, "image": self.image, "version": self.version,
            "maxUnavailable": self.max_unavailable, "timeoutSeconds": self.timeout.map(|timeout| timeout.as_secs()),
        });
        client.post(&["cluster-upgrades"], &body).await
    }
}

async fn newest(client: &Client) -> anyhow::Result<Value> {
    let mut all: Value = client.get(&["cluster-upgrades"], &[]).await?;
    match all["items"].get_mut(0).map(Value::take) {
        Some(newest) => Ok(newest),
        None => bail!("no agent was upgraded yet: windlass cluster upgrade NAME begins"),
    }
}

/// Says each change of a cluster's stage, until nothing more happens. Clusters that are away are not waited for.
async fn follow(client: &Client, begun: View) -> anyhow::Result<()> {
    output::note(&format!("upgrading agents to {}; clusters: {}", begun.to, begun.clusters.len()));
    let mut said: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut view = begun;
    loop {
        for row in &view.clusters {
            let now = (row.stage.clone(), row.message.clone());
            if row.stage != "Waiting" && said.get(&row.cluster) != Some(&now) {
                output::note(format!("  {:<20} {:<12} {}", row.cluster, row.stage, row.message).trim_end());
                said.insert(row.cluster.clone(), now);
            }
        }
        match view.phase.as_str() {
            "Done" => return finished(&view),
            "Stopped" => bail!("{}", view.stopped.unwrap_or_else(|| "it was stopped".into())),
            "Waiting" => {
                let away = names(&view, "Waiting");
                output::note(&format!("not connected, upgraded when they are back: {away}"));
                return finished(&view);
            }
            _ => tokio::time::sleep(LOOK).await,
        }
        let mut all: Value = client.get(&["cluster-upgrades"], &[]).await?;
        let items = all["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let mine = items.into_iter().find(|item| item["id"] == *view.id);
        view = serde_json::from_value(mine.unwrap_or_default())?;
    }
}

fn finished(view: &View) -> anyhow::Result<()> {
    let not_possible = names(view, "NotPossible");
    ensure!(
        not_possible.is_empty(),
        "not upgradable from here: {not_possible}; windlass cluster upgrade --status says why"
    );
    Ok(())
}

fn names(view: &View, stage: &str) -> String {
    let of_stage = view.clusters.iter().filter(|row| row.stage == stage).map(|row| row.cluster.as_str());
    of_stage.collect::<Vec<_>>().join(", ")
}

fn print(view: &View) -> anyhow::Result<()> {
    let since = age::since(view.started_at, Timestamp::now());
    output::line(&format!("Upgrade to {} by {}, {since} ago: {}", view.to, or_dash(&view.by), view.phase))?;
    if let Some(why) = &view.stopped {
        output::line(&table::single_line(why))?;
    }
    let row = |row: &Row| vec![row.cluster.clone(), row.stage.clone(), or_dash(&row.message)];
    output::line(table::render(&["CLUSTER", "STAGE", "MESSAGE"], view.clusters.iter().map(row).collect()).trim_end())
}
