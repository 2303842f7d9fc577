//! A hundred manifests as people write them, definitions and their custom resources in one commit: they become Synced, and
//! then nobody writes anything, a restarted agent neither. A commit that touches one object is one PATCH.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use windlass_tests::app::{App, DIRECTORY, Destination, Policy};
use windlass_tests::fleet::{Fleet, Member, control_plane};
use windlass_tests::folder::Folder;
use windlass_tests::hub::HubOptions;
use windlass_tests::wait::wait_for;

use super::stage::EU;

/// Real time in which nobody may write. A longer one belongs to `make soak`.
const QUIET: Duration = Duration::from_secs(60);
/// Real time without a write after which what the commit set in motion is over.
const CALM: Duration = Duration::from_secs(5);
/// How long that may take: pods start, claims are bound, and the first look finds custom resources without definitions.
const SETTLING: Duration = Duration::from_secs(60);

pub(crate) async fn mixed_real_world_manifests_stay_quiet() -> Result<()> {
    // New definitions make every agent of a cluster read again what is served: this cluster is nobody else's.
    let folder = Folder::create("mixed")?;
    let plane = control_plane(&folder.path().join("cluster")).await?;
    let mut fleet = Fleet::start_in(folder, "mixed", &[(EU, plane)], HubOptions::default()).await?;
    let app = App::new(&fleet, "mixed", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let files = corpus()?;
    let first = publish(&app, &files).await?;
    app.create().await?;
    synced_at(&fleet, &app, &first).await?;

    let member = fleet.member(EU)?;
    calm(member).await?;
    let mark = member.plane.audit_mark()?;
    tokio::time::sleep(QUIET).await;
    let written = writes(member, mark)?;
    ensure!(written.is_empty(), "written in {QUIET:?} of nothing: {}", written.join(", "));

    // A new process compares everything with what it kept.
    let mark = member.plane.audit_mark()?;
    fleet.member_mut(EU)?.agent.restart()?;
    fleet.connected(EU).await?;
    synced_at(&fleet, &app, &first).await?;
    let member = fleet.member(EU)?;
    tokio::time::sleep(CALM).await;
    let written = writes(member, mark)?;
    ensure!(written.is_empty(), "written after a restart: {}", written.join(", "));

    let mark = member.plane.audit_mark()?;
    let changed: Vec<_> = files.into_iter().filter(|(path, _)| path.ends_with("limits.yaml")).collect();
    ensure!(changed.len() == 1 && changed[0].1.contains("Above the rest"), "the corpus has no such text to change");
    let changed = vec![(changed[0].0.clone(), changed[0].1.replace("Above the rest", "Above all the rest"))];
    let second = publish(&app, &changed).await?;
    app.refresh().await?;
    synced_at(&fleet, &app, &second).await?;
    calm(member).await?;
    let written = writes(member, mark)?;
    let is_it = |write: &str| write.starts_with("patch ") && write.contains("/priorityclasses/mixed-high?");
    ensure!(written.len() == 1 && is_it(&written[0]), "more or other than the one object: {}", written.join(", "));
    fleet.finish();
    Ok(())
}

/// Path in the repository and text of every file, in the order of their names.
fn corpus() -> Result<Vec<(String, String)>> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/mixed");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().context("a file has a name")?.to_string_lossy().into_owned();
        files.push((format!("{DIRECTORY}/{name}"), std::fs::read_to_string(&path)?));
    }
    files.sort();
    Ok(files)
}

async fn publish(app: &App, files: &[(String, String)]) -> Result<String> {
    let contents: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    app.repo().publish(&contents, "a change").await
}

/// Health is another matter: nobody gives the load balancer an address here, and nobody runs the operators.
async fn synced_at(fleet: &Fleet, app: &App, revision: &str) -> Result<()> {
    let is_synced =
        |target: &Value| target["sync"] == "Synced" && target["current"] == true && target["revision"] == revision;
    let wanted = |(targets, _): &(Vec<Value>, Vec<String>)| {
        (!targets.is_empty() && targets.iter().all(is_synced)).then_some(())
    };
    let told = || async {
        let mut targets = app.targets().await?;
        for target in &mut targets {
            // Its results name every object; those that matter are beside it.
            target["operation"]["results"].take();
        }
        Ok((targets, unsynced(fleet, app).await?))
    };
    wait_for(&format!("everything to be Synced at {revision}"), SETTLING, told, wanted).await
}

/// What the hub says of each object that is not Synced.
async fn unsynced(fleet: &Fleet, app: &App) -> Result<Vec<String>> {
    let rows = fleet.api().resources(app.name()).await?;
    Ok(rows.iter().filter(|row| row["sync"] != "Synced").map(Value::to_string).collect())
}

async fn calm(member: &Member) -> Result<()> {
    let seen = || async {
        let mark = member.plane.audit_mark()?;
        tokio::time::sleep(CALM).await;
        writes(member, mark)
    };
    wait_for("the agent to have nothing to write", SETTLING, seen, |written| written.is_empty().then_some(())).await
}

/// Every write of the agent but those of its own Lease.
fn writes(member: &Member, mark: windlass_tests::control_plane::AuditMark) -> Result<Vec<String>> {
    let events = member.plane.audit_by_user(&member.user, mark)?;
    let is_write = |event: &Value| {
        let verb = event["verb"].as_str().unwrap_or_default();
        let own_lease = event["objectRef"]["resource"] == "leases" && event["objectRef"]["namespace"] != "mixed";
        !["get", "list", "watch"].contains(&verb) && !own_lease && event["stage"] == "ResponseComplete"
    };
    let told = |event: Value| {
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        format!("{} {}", text(&event["verb"]), text(&event["requestURI"]))
    };
    Ok(events.into_iter().filter(is_write).map(told).collect())
}
