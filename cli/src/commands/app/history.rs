//! `windlass app history`.

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::list::short;
use super::name::NameArgs;
use crate::client::Client;
use crate::commands::listing::{self, ListArgs};
use crate::output::{self, age, table};
use crate::view::HistoryEntry;

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
    vec![
        entry.id.to_string(),
        entry.cluster.clone(),
        short(Some(&entry.revision)),
        age::since(entry.deployed_at, now),
        entry.by.clone(),
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
