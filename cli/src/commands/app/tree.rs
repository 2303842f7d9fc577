//! `windlass app tree`: what an application's objects own, in the cluster as it is now.

use std::collections::{HashMap, HashSet};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::name::NameArgs;
use crate::client::Client;
use crate::output::{self, Format, FormatArgs, age, table};
use crate::view::Key;

/// Show everything that an application's objects own, with its health, as it is in the cluster now.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app tree web\n  windlass app tree web --cluster eu-1 -o wide")]
pub(crate) struct Tree {
    #[command(flatten)]
    name: NameArgs,
    /// On this cluster; needed where the application is on more than one.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

/// How an application's objects are printed, flat or as a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TreeFormat {
    /// For people.
    Table,
    /// For people, with more columns.
    Wide,
    /// Everything, as JSON.
    Json,
    /// Everything, as YAML.
    Yaml,
    /// Names only, one a line.
    Name,
    /// As a tree with everything that they own, asked of the cluster now.
    Tree,
    /// The same with images and addresses.
    #[value(name = "tree=detailed")]
    TreeDetailed,
}

/// The hub's answer.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LiveTree {
    nodes: Vec<Node>,
    pub(super) orphans: Vec<Node>,
    pub(super) images: Vec<String>,
    #[serde(rename = "externalURLs")]
    pub(super) external_urls: Vec<String>,
    pub(super) incomplete: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Node {
    #[serde(flatten)]
    pub(super) key: Key,
    uid: String,
    parents: Vec<String>,
    health: Option<Health>,
    created_at: Option<Timestamp>,
    info: Vec<Info>,
    images: Vec<String>,
    #[serde(rename = "externalURLs")]
    external_urls: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Health {
    status: String,
    message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Info {
    name: String,
    value: String,
}

impl Tree {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let value = read(client, &self.name, self.cluster.clone(), false).await?;
        let tree: LiveTree = serde_json::from_value(value.clone())?;
        let names = || tree.nodes.iter().map(|node| node.key.to_string()).collect();
        if let Some(printed) = output::machine(self.format.output, &value, names) {
            return printed;
        }
        tree.print(self.format.output == Format::Wide)
    }
}

impl TreeFormat {
    /// `None` for a tree.
    pub(super) fn flat(self) -> Option<Format> {
        match self {
            Self::Table => Some(Format::Table),
            Self::Wide => Some(Format::Wide),
            Self::Json => Some(Format::Json),
            Self::Yaml => Some(Format::Yaml),
            Self::Name => Some(Format::Name),
            Self::Tree | Self::TreeDetailed => None,
        }
    }
}

/// Asks for the tree and prints it.
pub(super) async fn show(
    client: &Client,
    name: &NameArgs,
    cluster: Option<String>,
    format: TreeFormat,
) -> anyhow::Result<()> {
    let tree: LiveTree = serde_json::from_value(read(client, name, cluster, false).await?)?;
    tree.print(format == TreeFormat::TreeDetailed)
}

/// Asks for the tree.
pub(super) async fn read(
    client: &Client,
    name: &NameArgs,
    cluster: Option<String>,
    orphaned: bool,
) -> anyhow::Result<Value> {
    let query = [("cluster", cluster), ("orphaned", orphaned.then(|| "true".to_owned()))];
    client.get(&name.live("tree"), &query).await
}

// === impl LiveTree ===

impl LiveTree {
    /// As a table whose first column is the tree.
    pub(super) fn print(&self, wide: bool) -> anyhow::Result<()> {
        let mut header = vec!["OBJECT", "HEALTH", "AGE", "MESSAGE"];
        if wide {
            header.extend(["IMAGES", "URLS"]);
        }
        table::print(&header, self.rows(Timestamp::now(), wide))?;
        for what in &self.incomplete {
            output::note(&format!("not looked at: {}", table::single_line(what)));
        }
        Ok(())
    }

    fn rows(&self, now: Timestamp, wide: bool) -> Vec<Vec<String>> {
        let mut below: HashMap<&str, Vec<&Node>> = HashMap::new();
        for node in &self.nodes {
            for parent in &node.parents {
                below.entry(parent).or_default().push(node);
            }
        }
        let (mut rows, mut shown) = (Vec::new(), HashSet::new());
        for root in self.nodes.iter().filter(|node| node.parents.is_empty()) {
            let mut walk = Walk { below: &below, shown: &mut shown, rows: &mut rows, now, wide };
            walk.descend(root, "", "");
        }
        rows
    }
}

/// A walk down the tree.
struct Walk<'a, 'b> {
    below: &'b HashMap<&'a str, Vec<&'a Node>>,
    shown: &'b mut HashSet<&'a str>,
    rows: &'b mut Vec<Vec<String>>,
    now: Timestamp,
    wide: bool,
}

impl<'a> Walk<'a, '_> {
    /// `lead` stands before the node itself, `under` before everything below it.
    fn descend(&mut self, node: &'a Node, lead: &str, under: &str) {
        // With two owners it stands below the first.
        if !node.uid.is_empty() && !self.shown.insert(&node.uid) {
            return;
        }
        self.rows.push(node.row(lead, self.now, self.wide));
        let children: Vec<&Node> = self.below.get(node.uid.as_str()).cloned().unwrap_or_default();
        let children: Vec<&Node> =
            children.into_iter().filter(|child| !self.shown.contains(child.uid.as_str())).collect();
        for (at, child) in children.iter().enumerate() {
            let last = at + 1 == children.len();
            let (corner, rail) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            self.descend(child, &format!("{under}{corner}"), &format!("{under}{rail}"));
        }
    }
}

// === impl Node ===

impl Node {
    fn row(&self, lead: &str, now: Timestamp, wide: bool) -> Vec<String> {
        let health = self.health.as_ref().map_or("-", |health| health.status.as_str());
        let health = if self.uid.is_empty() { "Missing" } else { health };
        let mut words: Vec<String> = self.info.iter().map(|info| format!("{} {}", info.name, info.value)).collect();
        words.extend(self.health.as_ref().map(|health| health.message.clone()).filter(|text| !text.is_empty()));
        let mut row =
            vec![format!("{lead}{}", self.key), health.to_owned(), age::since(self.created_at, now), words.join(", ")];
        if wide {
            row.extend([self.images.join(" "), self.external_urls.join(" ")]);
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn children_stand_below_their_parents_each_once() {
        let node = |name: &str, parents: &[&str]| json!({"kind": "X", "name": name, "uid": name, "parents": parents});
        let nodes = [node("a", &[]), node("b", &["a"]), node("c", &["b", "a"]), node("d", &["a"]), node("e", &[])];
        let tree: LiveTree = serde_json::from_value(json!({"nodes": nodes})).expect("a tree");
        let rows = tree.rows(Timestamp::UNIX_EPOCH, false);
        let column: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(column, ["X a", "├─ X b", "│  └─ X c", "└─ X d", "X e"]);
    }
}
