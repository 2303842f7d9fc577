//! What must hold after every fault (`promises.md`), read from the hub's API and its store, every API server, the audit
//! logs, and every file that hub, database and agents leave.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::task::AbortHandle;

use crate::api::{Acknowledged, Api};
use crate::app::App;
use crate::fleet::{Fleet, Member};
use crate::hub::Hub;
use crate::objects::Kind;
use crate::wait::wait_until;

/// How often a watcher looks at the generations.
const LOOK: Duration = Duration::from_millis(200);

/// How long a report may take to be stored.
const REPORTED: Duration = Duration::from_secs(10);

/// Checks L1, L2, L4, L5 and L6 of a fleet and the applications that should be on it.
pub async fn check(fleet: &Fleet, apps: &[&App]) -> Result<()> {
    for app in apps.iter().filter(|app| app.is_automated()) {
        nothing_is_lost(fleet, app).await.with_context(|| format!("L1, application {}", app.name()))?;
    }
    for member in fleet.members() {
        // What was done may be on its way to the hub for a moment.
        let reasons = || async { deletes_have_reasons(fleet, member, apps).await.map(Some) };
        let what = format!("L2, cluster {}: every deletion to have a reason", member.name);
        wait_until(&what, REPORTED, reasons).await?;
    }
    acknowledged_is_present(fleet.api()).await.context("L4")?;
    nothing_without_a_grant(fleet.hub()).await.context("L5")?;
    nothing_leaked(fleet).context("L6")
}

/// L1: everything that git names is in every cluster.
async fn nothing_is_lost(fleet: &Fleet, app: &App) -> Result<()> {
    for cluster in app.clusters() {
        let member = fleet.member(cluster)?;
        for manifest in app.manifests() {
            let value = manifest.to_json();
            let text = |path: &str| value.pointer(path).and_then(Value::as_str);
            let kind: Kind<'_> = (
                text("/apiVersion").context("no apiVersion")?,
                text("/kind").context("no kind")?,
                text("/metadata/name").context("no name")?,
            );
            let namespace = match kind.1 {
                "Namespace" => "",
                _ => text("/metadata/namespace").unwrap_or_else(|| app.name()),
            };
            let found = member.objects.present(namespace, kind).await?;
            ensure!(found.is_some(), "git names {} {} and cluster {cluster} does not have it", kind.1, kind.2);
        }
    }
    Ok(())
}

/// L2: each delete that the agent sent, of an object without a namespace or in that of one of the applications, is a prune that an operation reported, or belongs to an application whose deletion
/// was asked for.
async fn deletes_have_reasons(fleet: &Fleet, member: &Member, apps: &[&App]) -> Result<()> {
    let events = member.plane.audit_by_user(&member.user, member.since)?;
    let deletes: Vec<&Value> = events.iter().filter(|event| is_delete(event)).collect();
    if deletes.is_empty() {
        return Ok(());
    }
    let operations = fleet.api().list("/api/v1/operations").await?;
    let operations: Vec<&Value> = operations.iter().filter(|operation| operation["cluster"] == member.name).collect();
    let removed = removed_namespaces(fleet.api());
    for event in deletes {
        let reference = &event["objectRef"];
        ensure!(event["verb"] == "delete", "the agent deleted a collection: {reference}");
        let text = |key: &str| reference[key].as_str().unwrap_or_default();
        // Of a fleet that several scenarios share, each looks at its own.
        let namespace = text("namespace");
        if !apps.is_empty() && !namespace.is_empty() && !apps.iter().any(|app| app.name() == namespace) {
            continue;
        }
        // The audit log puts a Namespace into itself.
        let namespace = if reference["resource"] == "namespaces" { "" } else { text("namespace") };
        let object = (text("resource").to_owned(), namespace.to_owned(), text("name").to_owned());
        let explained =
            pruned(&operations).contains(&object) || removed.contains(&object.1) || removed.contains(&object.2);
        ensure!(explained, "the agent deleted {object:?} at {} and no operation says why", event["stageTimestamp"]);
    }
    Ok(())
}

fn is_delete(event: &Value) -> bool {
    let verb = event["verb"].as_str().unwrap_or_default();
    let dry = event["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun"));
    verb.starts_with("delete") && event["responseStatus"]["code"].as_u64().is_some_and(|code| code < 300) && !dry
}

/// (plural, namespace, name).
type Object = (String, String, String);

/// Everything that operations reported as pruned, and their hooks.
fn pruned(operations: &[&Value]) -> Vec<Object> {
    let results =
        operations.iter().flat_map(|operation| operation["state"]["results"].as_array().into_iter().flatten());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    // A hook goes when its policy says so; its result says that it is one.
    let pruned = results.filter(|result| result["status"] == "Pruned" || result["hook"].is_object());
    pruned.map(|one| (plural(&text(&one["kind"])), text(&one["namespace"]), text(&one["name"]))).collect()
}

/// Of the kinds that scenarios use.
fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    if lower.ends_with('y') { format!("{}ies", &lower[..lower.len() - 1]) } else { format!("{lower}s") }
}

/// The namespaces of applications whose objects were to be deleted with them.
fn removed_namespaces(api: &Api) -> Vec<String> {
    let writes = api.ledger().acknowledged();
    let removed = writes.into_iter().filter_map(|write| match write {
        Acknowledged::Deletion { name, cascade } if cascade != "orphan" => Some(name),
        _ => None,
    });
    removed.collect()
}

/// L4: what was answered 2xx is there.
async fn acknowledged_is_present(api: &Api) -> Result<()> {
    let writes = api.ledger().acknowledged();
    // A later deletion voids what was written before it.
    let mut applications: BTreeMap<String, u64> = BTreeMap::new();
    let mut deleted: Vec<String> = Vec::new();
    for write in &writes {
        match write {
            Acknowledged::Application { name, revision } => {
                applications.insert(name.clone(), *revision);
                deleted.retain(|other| other != name);
            }
            Acknowledged::Deletion { name, .. } => {
                applications.remove(name);
                deleted.push(name.clone());
            }
            Acknowledged::Cluster(name) => {
                api.cluster(name).await.with_context(|| format!("cluster {name} was created"))?;
            }
            Acknowledged::Operation { .. } => {}
        }
    }
    for (name, revision) in &applications {
        let found = api.application(name).await?.with_context(|| format!("application {name} was put and is gone"))?;
        let now = found["revision"].as_u64().unwrap_or_default();
        ensure!(now >= *revision, "application {name} was put as revision {revision} and is at {now}");
    }
    for name in &deleted {
        let found = api.application(name).await?;
        ensure!(found.is_none_or(|found| found["deletion"].is_object()), "application {name} was deleted and is back");
    }
    for write in &writes {
        if let Acknowledged::Operation { id, application } = write
            && !deleted.contains(application)
        {
            api.get(&format!("/api/v1/operations/{id}"))
                .await
                .with_context(|| format!("operation {id} was started"))?;
        }
    }
    Ok(())
}

/// L5: every call that the store's log has as a success was allowed by a grant that its principal has, as the store has it.
///
/// # Errors
/// Names the call.
pub async fn nothing_without_a_grant(hub: &Hub) -> Result<()> {
    let mut grants: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in hub.store().query("SELECT name, grants FROM principals").await? {
        grants.insert(row[0].clone(), serde_json::from_str(&row[1]).context("a principal's grants")?);
    }
    let log = "SELECT principal, permission, method, path, CAST(status AS TEXT) FROM request_log WHERE status < 400";
    for row in hub.store().query(log).await? {
        let [principal, permission, method, path, status] = &row[..] else { bail!("a row of five columns: {row:?}") };
        let granted = grants.get(principal).is_some_and(|grants| grants.iter().any(|grant| covers(grant, permission)));
        ensure!(granted, "{method} {path} by {principal:?} was answered {status}, and no grant says {permission:?}");
    }
    Ok(())
}

/// `permission` is `resource/action/object`; the object `*` is a list, of which the answer had only what the caller may see.
fn covers(grant: &Value, permission: &str) -> bool {
    let mut parts = permission.splitn(3, '/');
    let (resource, action, object) = (parts.next(), parts.next(), parts.next());
    let allows = |field: &str, wanted: Option<&str>| match (grant[field].as_str(), wanted) {
        (Some(pattern), Some(wanted)) => matches_glob(pattern, wanted),
        _ => false,
    };
    allows("resource", resource) && allows("action", action) && (object == Some("*") || allows("object", object))
}

/// Written apart from the product's own: one star stands for anything.
fn matches_glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// L6: no canary in any answer, nor in any file of the hub or an agent.
fn nothing_leaked(fleet: &Fleet) -> Result<()> {
    let ledger = fleet.api().ledger();
    let leaks = ledger.leaks();
    ensure!(leaks.is_empty(), "answers of the API held a canary secret: {}", leaks.join(", "));
    let forbidden = ledger.forbidden();
    if forbidden.is_empty() {
        return Ok(());
    }
    let folders = fleet.members().map(|member| member.agent.folder().to_owned());
    let database = fleet.hub().store().folder();
    for folder in folders.chain([fleet.folder().join("hub")]).chain(database) {
        for file in files_below(&folder)? {
            // A file may go while it is looked for.
            let Ok(bytes) = std::fs::read(&file) else { continue };
            let found = forbidden.iter().find(|canary| contains(&bytes, canary.as_bytes()));
            ensure!(found.is_none(), "{} holds a canary secret", file.display());
        }
    }
    Ok(())
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(bytes, wanted).is_some()
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
        for entry in entries.flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() => files.push(path),
                _ => {}
            }
        }
    }
    Ok(files)
}

/// L3: looks all the time at the generation that each cluster's agent holds. Dropping it ends it.
#[derive(Debug)]
pub struct Generations {
    fallen: Arc<Mutex<Option<String>>>,
    task: AbortHandle,
}

impl Generations {
    /// Begins to look.
    pub fn watch(api: &Api) -> Self {
        let fallen = Arc::new(Mutex::new(None));
        let task = tokio::spawn(look(api.clone(), Arc::clone(&fallen))).abort_handle();
        Self { fallen, task }
    }

    /// An error when one has ever fallen.
    pub fn never_fell(&self) -> Result<()> {
        match self.fallen.lock().clone() {
            Some(what) => bail!("L3: {what}"),
            None => Ok(()),
        }
    }
}

impl Drop for Generations {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(api: Api, fallen: Arc<Mutex<Option<String>>>) {
    let mut highest: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        // The hub may be down; that is what scenarios do to it.
        for cluster in api.list("/api/v1/clusters").await.unwrap_or_default() {
            let name = cluster["name"].as_str().unwrap_or_default().to_owned();
            let now = cluster["ackedGeneration"].as_u64().unwrap_or_default();
            let before = highest.insert(name.clone(), now).unwrap_or_default();
            if now < before {
                fallen.lock().get_or_insert(format!("cluster {name} held generation {before} and then {now}"));
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_needs_a_grant_that_covers_it() {
        let grant = |resource: &str, action: &str, object: &str| serde_json::json!({ "resource": resource, "action": action, "object": object });
        let all = grant("*", "*", "*");
        let one = grant("applications", "get", "default/argocd/web-*");
        for (grant, permission, covered) in [
            (&all, "clusters/delete/eu-1", true),
            (&one, "applications/get/default/argocd/web-1", true),
            (&one, "applications/get/*", true),
            (&one, "applications/get/default/argocd/other", false),
            (&one, "applications/sync/default/argocd/web-1", false),
            (&one, "clusters/get/*", false),
            (&all, "", false),
        ] {
            assert_eq!(covers(grant, permission), covered, "{grant} {permission}");
        }
    }
}
