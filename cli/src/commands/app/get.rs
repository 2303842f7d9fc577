//! `windlass app get`.

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::list::short;
use super::name::NameArgs;
use super::resources::{ResourceRows, read_all};
use super::tree::{self, LiveTree, TreeFormat};
use crate::client::Client;
use crate::output::{self, age, table};
use crate::view::{Application, SyncWindow, Target};

/// How many objects the overview shows at most.
const SHOWN: usize = 50;

/// Show one application: source, targets, conditions, operations, and the objects that are not fine first.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass app get web\n  windlass app get team/web -o yaml\n  windlass app get web -o tree --cluster eu-1"
)]
pub(crate) struct Get {
    #[command(flatten)]
    name: NameArgs,
    /// Look at the source first.
    #[arg(long, alias = "hard-refresh")]
    refresh: bool,
    /// As in argocd; operations are always shown.
    #[arg(long, hide = true)]
    show_operation: bool,
    /// On this cluster, for a tree; needed where the application is on more than one.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// How to print.
    #[arg(short = 'o', long, alias = "out", value_enum, default_value_t = TreeFormat::Table, value_name = "FORMAT")]
    output: TreeFormat,
}

impl Get {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        if self.refresh {
            let _: Value = client.post(&self.name.below("refresh"), &json!({})).await?;
        }
        let Some(format) = self.output.flat() else {
            return tree::show(client, &self.name, self.cluster, self.output).await;
        };
        let value: Value = client.get(&self.name.path(), &[]).await?;
        if let Some(printed) = output::machine(format, &value, || vec![self.name.to_string()]) {
            return printed;
        }
        let app: Application = serde_json::from_value(value)?;
        let now = Timestamp::now();
        overview(&app, now)?;
        targets(&app, now)?;
        conditions(&app, now)?;
        operations(&app, now)?;
        holds(&app)?;
        reached(client, &self.name, &app).await?;
        let rows = ResourceRows::of(read_all(client, &self.name, None).await?);
        rows.print_after_blank_line(SHOWN)
    }
}

/// A ref as people write it: branches and tags without their beginning.
fn plain(reference: &str) -> &str {
    let name = reference.strip_prefix("refs/heads/").or_else(|| reference.strip_prefix("refs/tags/"));
    name.unwrap_or(reference)
}

fn overview(app: &Application, now: Timestamp) -> anyhow::Result<()> {
    let field =
        |name: &str, text: &str| output::line(&table::single_line(&format!("{:<13}{text}", format!("{name}:"))));
    let source = &app.source;
    let target_revision = if source.target_revision.is_empty() { "HEAD" } else { &source.target_revision };
    field("Name", &app.full_name())?;
    field("Project", &app.project)?;
    field("Repository", &source.repo_url)?;
    field("Path", if source.path.is_empty() { "." } else { &source.path })?;
    let revision = match &source.revision {
        Some(revision) => {
            let resolved = source.resolved_ref.as_deref().map(plain).filter(|name| *name != target_revision);
            let resolved = resolved.map(|name| format!("{name}, ")).unwrap_or_default();
            format!("{target_revision} ({resolved}{}) {}", short(Some(revision)), source.subject)
        }
        None => format!("{target_revision} (nothing rendered yet)"),
    };
    field("Revision", &revision)?;
    field("Checked", &source.checked_at.map_or_else(|| "never".to_owned(), |at| format!("{} ago", age::ago(at, now))))?;
    field("Sync", &app.status.sync)?;
    field("Health", &app.status.health)?;
    field("Verified", &age::freshness(&app.status.freshness, now))?;
    if let Some(held) = &app.held {
        let back = held.entry.map(|entry| format!(", rolled back to {entry}")).unwrap_or_default();
        let place =
            if held.clusters.is_empty() { String::new() } else { format!(" on {} clusters", held.clusters.len()) };
        let since = age::since(held.since, now);
        field(
            "Held",
            &format!(
                "at {}{place} by {} {since} ago{back}; `windlass app resume` ends it",
                short(Some(&held.revision)),
                held.by
            ),
        )?;
    }
    if let Some(deletion) = &app.deletion {
        let asked = age::since(deletion.requested_at, now);
        field("Deleting", &format!("asked by {} {asked} ago, objects: {}", deletion.by, deletion.cascade))?;
    }
    Ok(())
}

fn targets(app: &Application, now: Timestamp) -> anyhow::Result<()> {
    let rows: Vec<_> = app.targets.iter().map(|target| target_row(target, now)).collect();
    if rows.is_empty() {
        return output::line("\nNo cluster: nothing is rendered yet, or the destination matches none.");
    }
    let header = ["CLUSTER", "SYNC", "HEALTH", "VERIFIED", "CONNECTED", "REVISION", "MESSAGE"];
    output::line(&format!("\n{}", table::render(&header, rows)))
}

fn target_row(target: &Target, now: Timestamp) -> Vec<String> {
    let on_its_way = target.desired_revision.as_deref().filter(|_| !target.current);
    let mut words = Vec::new();
    if let Some(cascade) = &target.removing {
        let waits = match (target.freshness.connected, target.freshness.verified_at) {
            (true, _) => String::new(),
            (false, Some(at)) => format!(", waits for its agent, last heard of {} ago", age::ago(at, now)),
            (false, None) => ", waits for its agent, never heard of".to_owned(),
        };
        words.push(format!("being removed ({cascade}{waits})"));
    }
    if let Some(window) = &target.sync_window {
        words.push(window_words(window, now));
    }
    if let Some(paused) = &target.paused {
        words.push(paused.message.clone());
    }
    if let Some(revision) = on_its_way {
        words.push(format!("{} is on its way", short(Some(revision))));
    }
    if let Some(hold) = &target.hold {
        words.push(format!("{} deletions held", hold.count));
    }
    if !target.health_message.is_empty() {
        words.push(target.health_message.clone());
    }
    vec![
        target.cluster.clone(),
        target.sync.clone(),
        target.health.clone(),
        age::verified(&target.freshness, now),
        if target.freshness.connected { "yes" } else { "no" }.to_owned(),
        short(target.revision.as_deref()),
        words.join("; "),
    ]
}

fn window_words(window: &SyncWindow, now: Timestamp) -> String {
    let until = window.until.map(|at| format!(", for {}", age::until(Some(at), now))).unwrap_or_default();
    match &window.closed {
        None => format!("sync window open{until}"),
        Some(why) if window.manual => format!("sync window closed{until}: {why}; a sync by hand is allowed"),
        Some(why) => format!("sync window closed{until}: {why}"),
    }
}

fn conditions(app: &Application, now: Timestamp) -> anyhow::Result<()> {
    let rows = app.status.conditions.iter().map(|condition| {
        let place = condition.cluster.clone().unwrap_or_else(|| "hub".to_owned());
        vec![condition.kind.clone(), place, age::since(condition.last_transition_time, now), condition.message.clone()]
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        Ok(())
    } else {
        output::line(&format!("\n{}", table::render(&["CONDITION", "FROM", "AGE", "MESSAGE"], rows)))
    }
}

fn operations(app: &Application, now: Timestamp) -> anyhow::Result<()> {
    let rows = app.targets.iter().filter_map(|target| {
        let operation = target.operation.as_ref()?;
        let age = age::since(operation.finished_at.or(operation.started_at), now);
        let words = [short(Some(&operation.revision)), operation.by.clone(), age, operation.message.clone()];
        Some([target.cluster.clone(), operation.phase.clone()].into_iter().chain(words).collect())
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let header = ["OPERATION ON", "PHASE", "REVISION", "BY", "AGE", "MESSAGE"];
    if rows.is_empty() { Ok(()) } else { output::line(&format!("\n{}", table::render(&header, rows))) }
}

/// Where the application is reached and what it runs, as far as its cluster can be asked. Of one on several clusters `windlass app tree` shows it.
async fn reached(client: &Client, name: &NameArgs, app: &Application) -> anyhow::Result<()> {
    let [target] = &app.targets[..] else { return Ok(()) };
    if !target.freshness.connected {
        return Ok(());
    }
    let Ok(value) = tree::read(client, name, Some(target.cluster.clone()), false).await else { return Ok(()) };
    let live: LiveTree = serde_json::from_value(value)?;
    for (title, all) in [("URL", &live.external_urls), ("Image", &live.images)] {
        for (at, one) in all.iter().take(SHOWN).enumerate() {
            let lead = if at == 0 { "\n" } else { "" };
            output::line(&format!("{lead}{:<13}{}", format!("{title}:"), table::single_line(one)))?;
        }
    }
    Ok(())
}

fn holds(app: &Application) -> anyhow::Result<()> {
    if app.deletion.is_some() {
        for target in app.targets.iter().filter(|target| !target.freshness.connected) {
            output::line(&format!(
                "\nCluster {} is waited for. If it will not come back: windlass app delete {} --abandon {}",
                target.cluster,
                app.full_name(),
                target.cluster
            ))?;
        }
    }
    for target in &app.targets {
        let Some(hold) = &target.hold else { continue };
        output::line(&format!(
            "\nHeld on {}: {} deletions. {}",
            target.cluster,
            hold.count,
            table::single_line(&hold.reason)
        ))?;
        output::line(&format!("  windlass app approve {} --cluster {}", app.full_name(), target.cluster))?;
    }
    Ok(())
}
