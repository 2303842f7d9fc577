//! `windlass proj list`.

use clap::Args;

use crate::client::Client;
use crate::commands::listing::{self, ListArgs};
use crate::view::Project;

/// List projects.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj list")]
pub(crate) struct List {
    #[command(flatten)]
    list: ListArgs,
}

impl List {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let items = listing::read(client, &["projects"], vec![], &self.list).await?;
        let header = ["NAME", "DESCRIPTION", "DESTINATIONS", "SOURCES", "CLUSTER KINDS", "NAMESPACED KINDS", "WINDOWS"];
        listing::print(&self.list, items, |project: &Project| project.name.clone(), &header, row)
    }
}

fn row(project: &Project) -> Vec<String> {
    let spec = &project.manifest["spec"];
    let list = |field: &str| spec[field].as_array();
    let pair = |item: &serde_json::Value, first: [&str; 2], second: &str| {
        let text = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
        let name = first.iter().map(|field| text(field)).find(|text| !text.is_empty()).unwrap_or_default();
        format!("{name},{}", text(second))
    };
    let one_or_count = |field: &str, shown: &dyn Fn(&serde_json::Value) -> String, absent: &str| match list(field) {
        None => absent.to_owned(),
        Some(items) => match items.as_slice() {
            [] => "<none>".to_owned(),
            [one] => shown(one),
            several => several.len().to_string(),
        },
    };
    let kind = |item: &serde_json::Value| {
        let text = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", text("group"), text("kind"))
    };
    vec![
        project.name.clone(),
        project.description.clone(),
        one_or_count("destinations", &|item| pair(item, ["server", "name"], "namespace"), "<none>"),
        one_or_count("sourceRepos", &|item| item.as_str().unwrap_or_default().to_owned(), "<none>"),
        one_or_count("clusterResourceWhitelist", &kind, "<none>"),
        one_or_count("namespaceResourceWhitelist", &kind, "*/*"),
        list("syncWindows").map_or(0, Vec::len).to_string(),
    ]
}
