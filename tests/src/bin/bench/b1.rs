//! B1: from `git push` returning to the last apply answered, and to Synced on the watch.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use serde_json::Value;
use windlass_tests::api::Watch;
use windlass_tests::bench::{Figure, Report, Times};
use windlass_tests::control_plane::AuditMark;
use windlass_tests::wait::wait_for;

use crate::floor::Floor;
use crate::rig::{OBJECTS, Rig};

pub(crate) const NAME: &str = "app";
const ROUNDS: usize = 30;
const LIMIT: Duration = Duration::from_secs(20);

/// One commit's way.
struct Arrival {
    applied: Duration,
    synced: Duration,
}

/// Runs it all: the first commit, thirty more, and the floor in between.
pub(crate) async fn run(folder: &Path) -> Result<Report> {
    let rig = Rig::start(folder).await?;
    let commit = rig.push(0).await?;
    let mut watch = rig.hub.api().watch(None, Some(NAME)).await?;
    let started = Instant::now();
    rig.create(NAME).await?;
    synced(&mut watch, &commit).await?;
    let first = started.elapsed();
    wait_until_healthy(&rig).await?;

    let mut floor = Floor::start(folder, &rig).await?;
    let mut arrivals = Vec::new();
    let (mut serial, mut parallel) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        arrivals.push(measure(&rig, &mut watch, round).await.with_context(|| format!("round {round}"))?);
        // Interleaved, so that both meet the same machine.
        serial.push(floor.measure(&rig, 2 * round, false).await?);
        parallel.push(floor.measure(&rig, 2 * round + 1, true).await?);
    }
    Ok(report(first, &arrivals, &Times::of(serial), &Times::of(parallel)))
}

fn report(first: Duration, arrivals: &[Arrival], serial: &Times, parallel: &Times) -> Report {
    let applied = Times::of(arrivals.iter().map(|arrival| arrival.applied));
    let synced = Times::of(arrivals.iter().map(|arrival| arrival.synced));
    let floor = serial.p50().min(parallel.p50());
    Report {
        id: "B1",
        workload: format!(
            "{ROUNDS} commits, each changing all {OBJECTS} objects (1 Deployment) of one application on one real \
             cluster; from git push returning, refresh called at once, git by local path"
        ),
        figures: vec![
            Figure::at_most("p50_ms", synced.p50(), 50.0),
            Figure::at_most("p99_ms", synced.p99(), 250.0),
            Figure::new("applied_p50_ms", applied.p50()),
            Figure::new("applied_p99_ms", applied.p99()),
            Figure::new("first_ms", first.as_secs_f64() * 1000.0),
            Figure::ratio("ratio", applied.p50() / floor, 2.5),
        ],
        floor: vec![
            Figure::new("p50_ms", floor),
            Figure::new("serial_p50_ms", serial.p50()),
            Figure::new("parallel_p50_ms", parallel.p50()),
            Figure::new("parallel_p99_ms", parallel.p99()),
        ],
        peers: "Argo CD 930 ms to Synced when forced, 75 s by default; argocd-agent 980 ms",
    }
}

async fn measure(rig: &Rig, watch: &mut Watch, round: usize) -> Result<Arrival> {
    let mark = rig.plane.audit_mark()?;
    let commit = rig.push(round).await?;
    let (pushed, pushed_at) = (Instant::now(), Timestamp::now());
    let refreshing = rig.hub.api().refresh(NAME);
    let (refreshed, synced) = tokio::join!(refreshing, async {
        synced(watch, &commit).await?;
        anyhow::Ok(pushed.elapsed())
    });
    refreshed?;
    let applied = last_apply(rig, mark, pushed_at).await?;
    Ok(Arrival { applied, synced: synced? })
}

/// Reads the watch until the application is Synced at the commit.
pub(crate) async fn synced(watch: &mut Watch, commit: &str) -> Result<()> {
    watch
        .until("Synced", LIMIT, |change| {
            let target = &change["object"]["targets"][0];
            let there = target["sync"] == "Synced" && target["current"] == true && target["revision"] == commit;
            there.then_some(())
        })
        .await
}

/// When the last of the five applies was answered, by the API server's own clock, which is ours.
async fn last_apply(rig: &Rig, mark: AuditMark, pushed_at: Timestamp) -> Result<Duration> {
    let answered = || async {
        let applies = rig.requests(mark)?.into_iter().filter(is_apply).collect::<Vec<Value>>();
        Ok(applies)
    };
    let applies = wait_for("five applies in the audit log", LIMIT, answered, |applies| {
        (applies.len() >= OBJECTS).then(|| applies.clone())
    })
    .await?;
    if applies.len() > OBJECTS {
        bail!("{} applies for {OBJECTS} objects", applies.len());
    }
    let times =
        applies.iter().map(|apply| apply["stageTimestamp"].as_str().and_then(|at| at.parse::<Timestamp>().ok()));
    let last = times.collect::<Option<Vec<Timestamp>>>().and_then(|times| times.into_iter().max());
    let last = last.context("an audit event has no time")?;
    Duration::try_from(last.duration_since(pushed_at)).context("an apply was answered before its push")
}

fn is_apply(event: &Value) -> bool {
    let uri = event["requestURI"].as_str().unwrap_or_default();
    event["verb"] == "patch" && event["objectRef"]["namespace"] == NAME && !uri.contains("dryRun")
}

pub(crate) async fn wait_until_healthy(rig: &Rig) -> Result<()> {
    let look = || async { Ok(rig.hub.api().application(NAME).await?.unwrap_or_default()["status"].clone()) };
    wait_for("the application to be Healthy", LIMIT, look, |status| (status["health"] == "Healthy").then_some(())).await
}
