//! Following operations: each object's result as it comes, and the whole at the end, as `argocd app sync` prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::bail;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::client::Client;
use crate::commands::app::list::short;
use crate::commands::app::name::NameArgs;
use crate::output::{self, table};
use crate::view::{Operation, OperationState, Page, ResourceResult};

/// Changes come on the watch; what it misses is looked at after this time.
const EVERY: Duration = Duration::from_secs(2);
/// No two looks are closer: a burst of changes is one look.
const APART: Duration = Duration::from_millis(200);
/// An agent that ends an operation at its deadline is heard of by then.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);
/// Pages of operations that are searched for those that are followed.
const PAGES: usize = 20;

/// To a tenth of a second: most operations take less than one.
fn took(length: SignedDuration) -> String {
    format!("{:.1}s", length.as_secs_f64().max(0.0))
}

/// Follows operations, by cluster, until each has ended; returns those that did not succeed.
pub(in crate::commands::app) async fn follow(
    client: &Client,
    name: &NameArgs,
    ids: &BTreeMap<String, String>,
    limit: Option<Duration>,
) -> anyhow::Result<Vec<String>> {
    let mut ended: BTreeMap<String, Operation> = BTreeMap::new();
    let mut said = BTreeSet::new();
    let following = watch(client, name, ids, &mut ended, &mut said);
    if let Some(limit) = limit {
        if tokio::time::timeout(limit, following).await.is_err() {
            let left: Vec<_> =
                ids.iter().filter(|(_, id)| !ended.contains_key(*id)).map(|(cluster, _)| cluster.as_str()).collect();
            bail!(
                "application {name}: not ended within {} s on {}; look at `windlass operation list --app {name}`",
                limit.as_secs(),
                left.join(", ")
            );
        }
    } else {
        following.await?;
    }
    let mut failed = Vec::new();
    for (cluster, id) in ids {
        let Some(operation) = ended.get(id) else { continue };
        let state = operation.state.clone().unwrap_or_default();
        summary(cluster, &state)?;
        if state.phase != "Succeeded" {
            failed.push(format!("{cluster} {}: {}", state.phase, table::single_line(&state.message)));
        }
    }
    Ok(failed)
}

async fn watch(
    client: &Client,
    name: &NameArgs,
    ids: &BTreeMap<String, String>,
    ended: &mut BTreeMap<String, Operation>,
    said: &mut BTreeSet<String>,
) -> anyhow::Result<()> {
    let mut events = client.watch(Some(name.to_string()), None, false);
    loop {
        let looked = Instant::now();
        let mut deadline = None;
        for operation in look(client, name, ids, ended).await? {
            say(&operation, said);
            deadline = deadline.max(operation.request.as_ref().and_then(|request| request.deadline));
            if operation.state.as_ref().is_some_and(|state| state.finished_at.is_some()) {
                ended.insert(operation.id.clone(), operation);
            }
        }
        if ids.values().all(|id| ended.contains_key(id)) {
            return Ok(());
        }
        if let Some(deadline) = deadline
            && Timestamp::now().duration_since(deadline) > MARGIN
        {
            bail!(
                "application {name}: an operation has not ended by its deadline; its agent is not heard of: `windlass explain {name}`"
            );
        }
        if let Ok(event) = tokio::time::timeout(EVERY, events.next()).await {
            event?;
        }
        tokio::time::sleep_until(looked + APART).await;
    }
}

/// Those of the operations that have not ended: a single one by its id, many by pages.
async fn look(
    client: &Client,
    name: &NameArgs,
    ids: &BTreeMap<String, String>,
    ended: &BTreeMap<String, Operation>,
) -> anyhow::Result<Vec<Operation>> {
    let open: BTreeSet<&String> = ids.values().filter(|id| !ended.contains_key(*id)).collect();
    if open.len() <= 3 {
        let mut found = Vec::new();
        for id in open {
            found.push(client.get(&["operations", id], &[]).await?);
        }
        return Ok(found);
    }
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..PAGES {
        let query = [("application", Some(name.to_string())), ("limit", Some("200".to_owned())), ("after", after)];
        let page: Page = client.get(&["operations"], &query).await?;
        for item in page.items {
            let operation: Operation = serde_json::from_value(item)?;
            if open.contains(&operation.id) {
                found.push(operation);
            }
        }
        if found.len() == open.len() || page.next.is_none() {
            break;
        }
        after = page.next;
    }
    Ok(found)
}

/// What is new of it, on stderr.
fn say(operation: &Operation, said: &mut BTreeSet<String>) {
    let at = Timestamp::now().strftime("%H:%M:%S").to_string();
    let Some(state) = &operation.state else {
        if said.insert(operation.id.clone()) {
            output::note(&format!("{at}  {}  waits for its agent", operation.cluster));
        }
        return;
    };
    for result in &state.results {
        let line = table::single_line(&format!(
            "{}  {:<11} {}  {}",
            operation.cluster, result.status, result.key, result.message
        ));
        if said.insert(format!("{} {line}", operation.id)) {
            output::note(&format!("{at}  {line}"));
        }
    }
    let line = table::single_line(&format!("{}  {}  {}", operation.cluster, state.phase, state.message));
    if said.insert(format!("{} {line}", operation.id)) {
        output::note(&format!("{at}  {line}"));
    }
}

/// The whole, on stdout.
fn summary(cluster: &str, state: &OperationState) -> anyhow::Result<()> {
    let field =
        |name: &str, text: &str| output::line(&table::single_line(&format!("{:<16}{text}", format!("{name}:"))));
    output::line("")?;
    field("Cluster", cluster)?;
    field("Sync Revision", &short(Some(&state.revision)))?;
    field("Phase", &state.phase)?;
    if let (Some(start), Some(end)) = (state.started_at, state.finished_at) {
        field("Start", &start.to_string())?;
        field("Finished", &end.to_string())?;
        field("Duration", &took(end.duration_since(start)))?;
    }
    field("Message", &state.message)?;
    let rows: Vec<_> = state.results.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(());
    }
    output::line(&format!(
        "\n{}",
        table::render(&["GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HOOK", "MESSAGE"], rows)
    ))
}

fn row(result: &ResourceResult) -> Vec<String> {
    let key = result.key.clone();
    let hook = result.hook.as_ref().map(|hook| format!("{} {}", hook.phase, hook.outcome)).unwrap_or_default();
    vec![key.group, key.kind, key.namespace, key.name, result.status.clone(), hook, result.message.clone()]
}
