//! Lists: page after page, up to what was asked for.

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::client::Client;
use crate::output::{self, FormatArgs, table};
use crate::view::Page;

const PAGE: u64 = 500;

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
    let typed: Vec<T> =
        items.iter().cloned().map(serde_json::from_value).collect::<Result<_, _>>().context("the hub's answer")?;
    let value = json!({"items": items});
    let machine = output::machine(args.format.output, &value, || typed.iter().map(name).collect());
    machine.unwrap_or_else(|| table::print(header, typed.iter().map(row).collect()))
}
