//! A hundred manifests as people write them, definitions and their custom resources in one commit: they become Synced, and
//! then nobody writes anything, a restarted agent neither. A commit that touches one object is one PATCH.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use windlass_tests::app::{App, DIRECTORY, Destination, Policy};
use windlass_tests::fleet::{Fleet, control_plane};
use windlass_tests::folder::Folder;
use windlass_tests::hub::HubOptions;
use windlass_tests::wait::wait_for;

use super::stage::{CALM, EU, SETTLING, calm, writes};

/// Real time in which nobody may write.
const QUIET: Duration = Duration::from_secs(15);
/// What belongs to `make soak`.
const LONG_QUIET: Duration = Duration::from_secs(5 * 60);
/// Steps of the clocks, and what hub and agent have of real time for each to do what is due.
const STEP: Duration = Duration::from_secs(30);
const STEPS: u32 = 20;
const TO_ACT: Duration = Duration::from_millis(500);

pub(crate) async fn mixed_real_world_manifests_stay_quiet() -> Result<()> {
    let (mut fleet, app, files, first) = settled("mixed").await?;
    quiet(&fleet, QUIET).await?;

    // Ten minutes by the clocks of hub and agent.
    let mark = fleet.member(EU)?.plane.audit_mark()?;
    for step in 1..=STEPS {
        fleet.hub().admin()?.shift_clock(STEP * step).await?;
        fleet.member(EU)?.agent.admin()?.shift_clock(STEP * step).await?;
        tokio::time::sleep(TO_ACT).await;
    }
    synced_at(&fleet, &app, &first).await?;
    let written = writes(fleet.member(EU)?, mark)?;
    ensure!(written.is_empty(), "written in ten minutes by the clock: {}", written.join(", "));

    // A new process compares everything with what it kept.
    let mark = fleet.member(EU)?.plane.audit_mark()?;
    fleet.member_mut(EU)?.agent.restart()?;
    fleet.hub().admin()?.shift_clock(Duration::ZERO).await?;
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

pub(crate) async fn soak_mixed_manifests_stay_quiet_for_five_minutes() -> Result<()> {
    let (fleet, app, _, first) = settled("mixed-long").await?;
    quiet(&fleet, LONG_QUIET).await?;
    synced_at(&fleet, &app, &first).await?;
    eprintln!("mixed: {} objects, no write in {LONG_QUIET:?}", fleet.api().resources(app.name()).await?.len());
    fleet.finish();
    Ok(())
}

type Settled = (Fleet, App, Vec<(String, String)>, String);

async fn settled(name: &str) -> Result<Settled> {
    // New definitions make every agent of a cluster read again what is served: this cluster is nobody else's.
    let folder = Folder::create(name)?;
    let plane = control_plane(&folder.path().join("cluster")).await?;
    let fleet = Fleet::start_in(folder, name, &[(EU, plane)], HubOptions::default()).await?;
    let app = App::new(&fleet, "mixed", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let files = corpus()?;
    let first = publish(&app, &files).await?;
    app.create().await?;
    synced_at(&fleet, &app, &first).await?;
    calm(fleet.member(EU)?).await?;
    Ok((fleet, app, files, first))
}

async fn quiet(fleet: &Fleet, time: Duration) -> Result<()> {
    let member = fleet.member(EU)?;
    let mark = member.plane.audit_mark()?;
    tokio::time::sleep(time).await;
    let written = writes(member, mark)?;
    ensure!(written.is_empty(), "written in {time:?} of nothing: {}", written.join(", "));
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
