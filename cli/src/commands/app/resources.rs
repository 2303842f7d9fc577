//! `windlass app resources`.

use clap::Args;
use serde_json::{Value, json};

use super::name::NameArgs;
use super::tree::{self, LiveTree, TreeFormat};
use crate::client::Client;
use crate::output::{self, Format, table};
use crate::view::{Page, Resource};

/// List an application's objects, those that are not fine first.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass app resources web --cluster eu-1\n  windlass app resources web -o tree=detailed\n  windlass app resources web --orphaned"
)]
pub(crate) struct Resources {
    #[command(flatten)]
    name: NameArgs,
    /// Only on this cluster.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Only what is in the application's namespaces and nobody's; the project must watch that (orphanedResources).
    #[arg(long)]
    orphaned: bool,
    /// How to print.
    #[arg(short = 'o', long, alias = "out", value_enum, default_value_t = TreeFormat::Table, value_name = "FORMAT")]
    output: TreeFormat,
}

/// Objects, in the order in which they are shown.
pub(super) struct ResourceRows(Vec<Resource>);

impl Resources {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let Some(format) = self.output.flat() else {
            return tree::show(client, &self.name, self.cluster.clone(), self.output).await;
        };
        if self.orphaned {
            return self.orphans(client, format).await;
        }
        let items = read_values(client, &self.name, self.cluster.clone()).await?;
        let rows = ResourceRows::of(typed(items.clone())?);
        let names = || rows.0.iter().map(|resource| resource.key.to_string()).collect();
        if let Some(printed) = output::machine(format, &json!({"items": items}), names) {
            return printed;
        }
        table::print(ResourceRows::HEADER, rows.rows(usize::MAX))
    }

    async fn orphans(self, client: &Client, format: Format) -> anyhow::Result<()> {
        let value = tree::read(client, &self.name, self.cluster.clone(), true).await?;
        let orphans = json!({"items": value["orphans"].as_array().cloned().unwrap_or_default()});
        let tree: LiveTree = serde_json::from_value(value)?;
        let names = || tree.orphans.iter().map(|node| node.key.to_string()).collect();
        if let Some(printed) = output::machine(format, &orphans, names) {
            return printed;
        }
        for what in &tree.incomplete {
            output::note(&format!("not looked at: {}", table::single_line(what)));
        }
        table::print(&["ORPHANED OBJECT"], tree.orphans.iter().map(|node| vec![node.key.to_string()]).collect())
    }
}

/// Every object of an application.
pub(super) async fn read_all(
    client: &Client,
    name: &NameArgs,
    cluster: Option<String>,
) -> anyhow::Result<Vec<Resource>> {
    typed(read_values(client, name, cluster).await?)
}

async fn read_values(client: &Client, name: &NameArgs, cluster: Option<String>) -> anyhow::Result<Vec<Value>> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let query = [("cluster", cluster.clone()), ("limit", Some("1000".to_owned())), ("after", after)];
        let page: Page = client.get(&name.below("resources"), &query).await?;
        items.extend(page.items);
        if page.next.is_none() {
            return Ok(items);
        }
        after = page.next;
    }
}

fn typed(items: Vec<Value>) -> anyhow::Result<Vec<Resource>> {
    Ok(items.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?)
}

impl ResourceRows {
    const HEADER: &[&str] = &["CLUSTER", "OBJECT", "SYNC", "HEALTH", "MESSAGE"];

    pub(super) fn of(mut resources: Vec<Resource>) -> Self {
        resources
            .sort_by_cached_key(|resource| (resource.is_fine(), resource.cluster.clone(), resource.key.to_string()));
        Self(resources)
    }

    fn rows(&self, most: usize) -> Vec<Vec<String>> {
        let row = |resource: &Resource| {
            let health = resource.health.clone().unwrap_or_else(|| "-".to_owned());
            vec![resource.cluster.clone(), resource.key.to_string(), resource.sync.clone(), health, resource.words()]
        };
        self.0.iter().take(most).map(row).collect()
    }

    pub(super) fn print_after_blank_line(&self, most: usize) -> anyhow::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        output::line(&format!("\n{}", table::render(Self::HEADER, self.rows(most))))?;
        if self.0.len() > most {
            output::note(&format!("{most} of {} objects shown; `windlass app resources` shows all", self.0.len()));
        }
        Ok(())
    }
}
