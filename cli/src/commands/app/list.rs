//! `windlass app list`.

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use crate::client::Client;
use crate::commands::listing::{ListArgs, Listed};
use crate::commands::parse;
use crate::output::{Format, age};
use crate::view::Application;

const HEADER: &[&str] = &["NAME", "PROJECT", "SYNC", "HEALTH", "VERIFIED", "REVISION", "CLUSTERS"];

/// List applications with their state over all clusters, and how fresh that is.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass app list --health Degraded --sort attention\n  windlass app list -l team=shop -o wide\n  windlass app list -w"
)]
pub(crate) struct List {
    /// Only of this project.
    #[arg(short, long, value_name = "NAME")]
    project: Option<String>,
    /// Only of this namespace.
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// Only with a target on this cluster.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Only Synced, OutOfSync or Unknown.
    #[arg(long, value_name = "STATUS")]
    sync: Option<String>,
    /// Only Healthy, Suspended, Progressing, Missing, Degraded or Unknown.
    #[arg(long, value_name = "STATUS")]
    health: Option<String>,
    /// Only with this label; may repeat, all must match.
    #[arg(short = 'l', long = "selector", alias = "label", value_name = "KEY=VALUE", value_parser = parse::pair)]
    labels: Vec<(String, String)>,
    /// What comes first.
    #[arg(long, value_enum, default_value_t = Sort::Name, value_name = "ORDER")]
    sort: Sort,
    /// Go on, and print each application again that changes.
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sort {
    /// Namespace and name.
    Name,
    /// What needs attention.
    Attention,
    /// The newest change.
    Changed,
}

impl List {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let sort = match self.sort {
            Sort::Name => "name",
            Sort::Attention => "attention",
            Sort::Changed => "changed",
        };
        let mut query = vec![
            ("project", self.project),
            ("namespace", self.namespace),
            ("cluster", self.cluster),
            ("sync", self.sync),
            ("health", self.health),
            ("sort", Some(sort.to_owned())),
        ];
        query.extend(self.labels.iter().map(|(key, value)| ("label", Some(format!("{key}={value}")))));
        let is_wide = self.list.format.output == Format::Wide;
        let mut header = HEADER.to_vec();
        if is_wide {
            header.extend(["CONNECTED", "REPOSITORY", "PATH", "TARGET", "CONDITIONS"]);
        }
        let row = |app: &Application, now| row(app, is_wide, now);
        let listed = Listed { path: &["applications"], query, header, name: Application::full_name, row: &row };
        if self.watch {
            return listed.follow(client, &self.list, "application").await;
        }
        listed.print(client, &self.list).await
    }
}

/// What people did to it is said where it is looked for first.
fn sync_word(app: &Application) -> String {
    if app.deletion.is_some() {
        return "Deleting".to_owned();
    }
    let has = |kind: &str| app.status.conditions.iter().any(|condition| condition.kind == kind);
    match (has("WritesFrozen"), has("DependencyWait")) {
        (true, _) => format!("{} (frozen)", app.status.sync),
        (false, true) => format!("{} (waits)", app.status.sync),
        (false, false) => app.status.sync.clone(),
    }
}

fn revision(app: &Application) -> String {
    match &app.held {
        Some(held) => format!("{} (held)", short(Some(&held.revision))),
        None => short(app.source.revision.as_deref()),
    }
}

fn row(app: &Application, is_wide: bool, now: Timestamp) -> Vec<String> {
    let mut row = vec![
        app.full_name(),
        app.project.clone(),
        sync_word(app),
        app.status.health.clone(),
        age::verified(&app.status.freshness, now),
        revision(app),
        clusters(app),
    ];
    if is_wide {
        let connected = app.targets.iter().filter(|target| target.freshness.connected).count();
        let mut conditions: Vec<_> = app.status.conditions.iter().map(|condition| condition.kind.clone()).collect();
        conditions.sort();
        conditions.dedup();
        // Of a large fleet only the worst targets are listed: who of the others is connected is not known here.
        let known = if app.clusters() > app.targets.len() { "?".to_owned() } else { connected.to_string() };
        row.push(format!("{known}/{}", app.clusters()));
        row.push(app.source.repo_url.clone());
        row.push(app.source.path.clone());
        row.push(app.source.target_revision.clone());
        row.push(conditions.join(","));
    }
    row
}

fn clusters(app: &Application) -> String {
    match app.targets.as_slice() {
        [] => "none".to_owned(),
        [one] => one.cluster.clone(),
        _ => format!("{} clusters", app.clusters()),
    }
}

/// The first seven digits of a commit.
pub(super) fn short(revision: Option<&str>) -> String {
    revision.filter(|text| !text.is_empty()).map_or_else(|| "-".to_owned(), |text| text.chars().take(7).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table;
    use crate::view::{Freshness, Target};

    #[test]
    fn a_line_fits_into_a_hundred_columns() {
        let now = Timestamp::from_second(1_000_000).expect("a time");
        let mut app = Application {
            namespace: "argocd".into(),
            name: "checkout-frontend".into(),
            project: "storefront".into(),
            targets: vec![Target { cluster: "eu-west-1".into(), ..Target::default() }],
            ..Application::default()
        };
        app.status.sync = "OutOfSync".into();
        app.status.health = "Progressing".into();
        app.status.freshness =
            Freshness { verified_at: Timestamp::from_second(993_000).ok(), connected: false, stale: true };
        app.source.revision = Some("0123456789".into());
        let text = table::render(HEADER, vec![row(&app, false, now)]);
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
    }
}
