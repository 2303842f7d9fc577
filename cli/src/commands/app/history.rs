//! `windlass app history` and `windlass app events`.

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::list::short;
use super::name::NameArgs;
use crate::client::Client;
use crate::commands::listing::{self, ListArgs};
use crate::output::{self, FormatArgs, age, table};
use crate::view::{ApplicationEvent, HistoryEntry, Page};

/// What was deployed on which cluster, newest first: when, by whom and, with --id, each object.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app history web\n  windlass app history web --cluster eu-1 --id 12")]
pub(crate) struct History {
    #[command(flatten)]
    name: NameArgs,
    /// Only on this cluster.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Only this entry, with what it did to each object.
    #[arg(long, value_name = "ID")]
    id: Option<u64>,
    #[command(flatten)]
    list: ListArgs,
}

/// What people did to an application, newest first; freezes of its project, clusters and everything included.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app events web")]
pub(crate) struct Events {
    #[command(flatten)]
    name: NameArgs,
    /// The most entries.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: u64,
    #[command(flatten)]
    format: FormatArgs,
}

impl History {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let query = vec![("cluster", self.cluster)];
        let mut items = listing::read(client, &self.name.below("history"), query, &self.list).await?;
        if let Some(id) = self.id {
            items.retain(|item| item["id"] == json!(id));
            anyhow::ensure!(!items.is_empty(), "application {}: no history entry {id} is kept", self.name);
        }
        let now = Timestamp::now();
        let header = ["ID", "CLUSTER", "REVISION", "DEPLOYED", "BY", "OBJECTS"];
        let name = |entry: &HistoryEntry| entry.id.to_string();
        listing::print(&self.list, items.clone(), name, &header, |entry| row(entry, now))?;
        let is_table = matches!(self.list.format.output, output::Format::Table | output::Format::Wide);
        if self.id.is_none() || !is_table {
            return Ok(());
        }
        for item in items {
            results(&serde_json::from_value(item)?)?;
        }
        Ok(())
    }
}

fn row(entry: &HistoryEntry, now: Timestamp) -> Vec<String> {
    let by = if entry.automated { format!("{} (automated)", entry.by) } else { entry.by.clone() };
    vec![
        entry.id.to_string(),
        entry.cluster.clone(),
        short(Some(&entry.revision)),
        age::since(entry.deployed_at, now),
        by,
        entry.results.len().to_string(),
    ]
}

fn results(entry: &HistoryEntry) -> anyhow::Result<()> {
    let rows: Vec<_> = entry
        .results
        .iter()
        .map(|result| vec![result.status.clone(), result.key.to_string(), result.message.clone()])
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    output::line(&format!("\n{}\n{}", entry.cluster, table::render(&["RESULT", "OBJECT", "MESSAGE"], rows)))
}

impl Events {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let limit = self.limit.clamp(1, 1000).to_string();
        let page: Page = client.get(&self.name.below("events"), &[("limit", Some(limit))]).await?;
        let value = json!({"items": page.items});
        if let Some(printed) = output::machine(self.format.output, &value, Vec::new) {
            return printed;
        }
        let events =
            page.items.into_iter().map(serde_json::from_value).collect::<Result<Vec<ApplicationEvent>, _>>()?;
        let now = Timestamp::now();
        let row = |event: &ApplicationEvent| {
            let words = [event.kind.clone(), event.by.clone(), event.cluster.clone(), event.message.clone()];
            [age::since(event.at, now)].into_iter().chain(words).collect()
        };
        table::print(&["AGE", "EVENT", "BY", "CLUSTER", "MESSAGE"], events.iter().map(row).collect())
    }
}
