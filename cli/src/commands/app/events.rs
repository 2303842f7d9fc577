//! `windlass app events`: what people did, and what Kubernetes says.

use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::name::NameArgs;
use crate::client::Client;
use crate::output::{self, FormatArgs, age, table};
use crate::view::{Application, ApplicationEvent, Key, Page};

/// Show what people did to an application (freezes of its project, clusters and everything included) and what Kubernetes says about its objects and what
/// they own, newest first. With a cluster or objects named, only the latter.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app events web\n  windlass app events web --kind Pod --cluster eu-1")]
pub(crate) struct Events {
    #[command(flatten)]
    name: NameArgs,
    /// Only about objects of this kind.
    #[arg(long)]
    kind: Option<String>,
    /// Only about the object of this name.
    #[arg(long, value_name = "NAME")]
    resource_name: Option<String>,
    /// Only about objects in this namespace.
    #[arg(long)]
    namespace: Option<String>,
    /// Only about objects of this API group.
    #[arg(long)]
    group: Option<String>,
    /// On this cluster; on every connected one without it.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// The most entries of each.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: u64,
    #[command(flatten)]
    format: FormatArgs,
}

/// Clusters that are asked when none is named.
const CLUSTERS: usize = 10;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Live {
    cluster: String,
    items: Vec<Value>,
    truncated: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Line {
    object: Key,
    #[serde(rename = "type")]
    kind: String,
    reason: String,
    message: String,
    count: u64,
    last_at: Option<Timestamp>,
    source: String,
}

impl Events {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let selects = [&self.kind, &self.resource_name, &self.namespace, &self.group, &self.cluster];
        let people = if selects.iter().any(|part| part.is_some()) { Vec::new() } else { self.people(client).await? };
        let live = self.live(client).await?;
        let of_kubernetes: Vec<Value> = live
            .iter()
            .flat_map(|live| live.items.iter().map(|item| with_cluster(item, &live.cluster)).take(self.most()))
            .collect();
        let value = json!({"items": people, "kubernetes": of_kubernetes});
        if let Some(printed) = output::machine(self.format.output, &value, Vec::new) {
            return printed;
        }
        let now = Timestamp::now();
        if !people.is_empty() {
            print_people(people, now)?;
        }
        for live in live {
            self.print(live, now)?;
        }
        Ok(())
    }

    fn most(&self) -> usize {
        usize::try_from(self.limit.clamp(1, 1000)).unwrap_or(1000)
    }

    async fn people(&self, client: &Client) -> anyhow::Result<Vec<Value>> {
        let limit = self.most().to_string();
        let page: Page = client.get(&self.name.below("events"), &[("limit", Some(limit))]).await?;
        Ok(page.items)
    }

    /// A cluster that is named must answer; of all of them those that can.
    async fn live(&self, client: &Client) -> anyhow::Result<Vec<Live>> {
        if let Some(cluster) = &self.cluster {
            return Ok(vec![self.of_cluster(client, cluster).await?]);
        }
        let app: Application = client.get(&self.name.path(), &[]).await?;
        let mut found = Vec::new();
        for target in app.targets.iter().take(CLUSTERS) {
            match self.of_cluster(client, &target.cluster).await {
                Ok(live) => found.push(live),
                Err(error) => output::note(&format!("{error:#}")),
            }
        }
        if app.targets.len() > CLUSTERS {
            output::note(&format!("{CLUSTERS} of {} clusters were asked; name one with --cluster", app.targets.len()));
        }
        Ok(found)
    }

    async fn of_cluster(&self, client: &Client, cluster: &str) -> anyhow::Result<Live> {
        let query = [
            ("cluster", Some(cluster.to_owned())),
            ("group", self.group.clone()),
            ("kind", self.kind.clone()),
            ("resourceNamespace", self.namespace.clone()),
            ("resourceName", self.resource_name.clone()),
        ];
        client.get(&self.name.live("events"), &query).await
    }

    fn print(&self, live: Live, now: Timestamp) -> anyhow::Result<()> {
        let most = self.most();
        let more = live.truncated || live.items.len() > most;
        let lines: Vec<Line> =
            live.items.into_iter().take(most).map(serde_json::from_value).collect::<Result<_, _>>()?;
        if lines.is_empty() {
            output::note(&format!("cluster {}: Kubernetes has no events about it (any more)", live.cluster));
            return Ok(());
        }
        let row = |line: &Line| {
            let age = age::since(line.last_at, now);
            let times = if line.count > 1 { format!("{age} (x{})", line.count) } else { age };
            let words = [&line.kind, &line.reason].map(Clone::clone);
            let rest = [line.object.to_string(), line.message.clone(), line.source.clone()];
            [times].into_iter().chain(words).chain(rest).collect()
        };
        let header = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE", "FROM"];
        output::line(&format!("\nOn {}:\n{}", live.cluster, table::render(&header, lines.iter().map(row).collect())))?;
        if more {
            output::note("there are older ones; --limit shows more");
        }
        Ok(())
    }
}

fn with_cluster(item: &Value, cluster: &str) -> Value {
    let mut item = item.clone();
    item["cluster"] = Value::from(cluster);
    item
}

fn print_people(items: Vec<Value>, now: Timestamp) -> anyhow::Result<()> {
    let events = items.into_iter().map(serde_json::from_value).collect::<Result<Vec<ApplicationEvent>, _>>()?;
    let row = |event: &ApplicationEvent| {
        let words = [event.kind.clone(), event.by.clone(), event.cluster.clone(), event.message.clone()];
        [age::since(event.at, now)].into_iter().chain(words).collect()
    };
    table::print(&["AGE", "EVENT", "BY", "CLUSTER", "MESSAGE"], events.iter().map(row).collect())
}
