//! Lists: page after page, up to what was asked for; and what changes in them.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, Event, Events};
use crate::output::{self, Format, FormatArgs, table};
use crate::view::Page;

const PAGE: u64 = 500;
/// What changes within this time is read and printed at once.
const BURST: Duration = Duration::from_millis(500);

/// How much of a list.
#[derive(clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    /// Only names that contain this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// The most entries; everything when absent.
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<u64>,
    /// Leave out the header of the table.
    #[arg(long)]
    pub(crate) no_headers: bool,
}

/// A list that can be watched.
pub(crate) struct Listed<'a, T> {
    pub(crate) path: &'a [&'a str],
    pub(crate) query: Vec<(&'a str, Option<String>)>,
    pub(crate) header: Vec<&'a str>,
    pub(crate) name: fn(&T) -> String,
    pub(crate) row: &'a dyn Fn(&T, Timestamp) -> Vec<String>,
}

// === impl Listed ===

impl<T: DeserializeOwned> Listed<'_, T> {
    /// Prints it as it is now.
    pub(crate) async fn print(&self, client: &Client, args: &ListArgs) -> anyhow::Result<()> {
        let items = read(client, self.path, self.query.clone(), args).await?;
        let now = Timestamp::now();
        print(args, items, self.name, &self.header, |item| (self.row)(item, now))
    }

    /// Prints it as it is now, then each entry again that changes, until interrupted. `kind` is what the hub's feed calls its entries.
    pub(crate) async fn follow(&self, client: &Client, args: &ListArgs, kind: &str) -> anyhow::Result<()> {
        let mut events = client.watch(None, None, false);
        loop {
            match events.next().await? {
                // What changed before the stream began, or began again, is in the whole list.
                Event::Begin => self.print(client, args).await?,
                Event::Change(change) if change.kind == kind => match burst(&mut events, kind, change.name).await? {
                    Some(changed) => self.print_changed(client, args, &changed).await?,
                    None => self.print(client, args).await?,
                },
                Event::Change(_) => {}
            }
        }
    }

    /// In a table these entries are aligned as the whole list would be.
    async fn print_changed(&self, client: &Client, args: &ListArgs, changed: &BTreeSet<String>) -> anyhow::Result<()> {
        let items = read(client, self.path, self.query.clone(), args).await?;
        let all: Vec<T> = typed(&items)?;
        let now = Timestamp::now();
        let aligned = match args.format.output {
            Format::Table | Format::Wide => table::render(&[], all.iter().map(|item| (self.row)(item, now)).collect()),
            _ => String::new(),
        };
        let mut lines = aligned.lines();
        for (item, value) in all.iter().zip(&items) {
            let line = lines.next().unwrap_or_default();
            let name = (self.name)(item);
            if changed.contains(&name) {
                let machine = output::machine(args.format.output, value, || vec![name]);
                machine.unwrap_or_else(|| output::line(line))?;
            }
        }
        Ok(())
    }
}

/// What changes within a moment, by name; `None` when the feed began again, and anything may have.
async fn burst(events: &mut Events, kind: &str, first: String) -> anyhow::Result<Option<BTreeSet<String>>> {
    let mut changed = BTreeSet::from([first]);
    let end = Instant::now() + BURST;
    while let Ok(event) = tokio::time::timeout_at(end, events.next()).await {
        match event? {
            Event::Begin => return Ok(None),
            Event::Change(change) if change.kind == kind => drop(changed.insert(change.name)),
            Event::Change(_) => {}
        }
    }
    Ok(Some(changed))
}

/// Reads a list, page by page.
pub(crate) async fn read(
    client: &Client,
    path: &[&str],
    mut query: Vec<(&str, Option<String>)>,
    args: &ListArgs,
) -> anyhow::Result<Vec<Value>> {
    query.push(("search", args.search.clone()));
    let wanted = args.limit.unwrap_or(u64::MAX);
    let mut items: Vec<Value> = Vec::new();
    let mut after = None;
    loop {
        let missing = wanted - items.len() as u64;
        let mut query = query.clone();
        query.push(("limit", Some(missing.clamp(1, PAGE).to_string())));
        query.push(("after", after.take()));
        let page: Page = client.get(path, &query).await?;
        items.extend(page.items);
        let is_all = items.len() as u64 >= wanted;
        if let (true, Some(total)) = (is_all && page.next.is_some(), page.total) {
            output::note(&format!("{} of {total} shown", items.len()));
        }
        match page.next {
            Some(next) if !is_all => after = Some(next),
            _ => return Ok(items),
        }
    }
}

/// Prints a list in the form that was asked for.
pub(crate) fn print<T: DeserializeOwned>(
    args: &ListArgs,
    items: Vec<Value>,
    name: impl Fn(&T) -> String,
    header: &[&str],
    row: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    let typed: Vec<T> = typed(&items)?;
    let header = if args.no_headers { &[] } else { header };
    let value = json!({"items": items});
    let machine = output::machine(args.format.output, &value, || typed.iter().map(name).collect());
    machine.unwrap_or_else(|| table::print(header, typed.iter().map(row).collect()))
}

fn typed<T: DeserializeOwned>(items: &[Value]) -> anyhow::Result<Vec<T>> {
    items.iter().cloned().map(serde_json::from_value).collect::<Result<_, _>>().context("the hub's answer")
}
