//! T01 and T02: the hub, or its agents, are killed again and again at random moments while applications change: what was
//! answered is there, no agent goes back, nothing is deleted, and after the last kill everything arrives.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use windlass_tests::app::{App, Destination, Policy, message_application, message_of};
use windlass_tests::control_plane::ControlPlane;
use windlass_tests::fleet::{Fleet, control_plane};
use windlass_tests::folder::{Folder, of_this_process};
use windlass_tests::hub::{HubOptions, run_is_on_postgres};
use windlass_tests::invariants::{self, Generations};

use super::stage::{EU, US, planes};

/// How long a caller waits for an answer before it goes on: most calls meet a live hub, some do not.
const IMPATIENT: Duration = Duration::from_millis(400);
/// The promise after the last kill.
const CONVERGED: Duration = Duration::from_secs(90);

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Hub,
    Agents,
}

pub(crate) async fn hub_killed_at_random_moments_loses_nothing() -> Result<()> {
    let [one, two] = planes().await?;
    storm("storm", Victim::Hub, &[(EU, one), (US, two)], 4, 10).await
}

pub(crate) async fn agents_killed_at_random_moments_lose_nothing() -> Result<()> {
    let [one, two] = planes().await?;
    storm("agent-storm", Victim::Agents, &[(EU, one), (US, two)], 4, 10).await
}

pub(crate) async fn soak_agents_are_killed_100_times_under_20_applications() -> Result<()> {
    let [one, two] = planes().await?;
    storm("soak-agent-storm", Victim::Agents, &[(EU, one), (US, two)], 20, 100).await
}

pub(crate) async fn soak_hub_is_killed_200_times_under_20_applications() -> Result<()> {
    let [one, two] = planes().await?;
    let three = control_plane(&of_this_process()?.join("third")).await?;
    storm("soak-storm", Victim::Hub, &[(EU, one), (US, two), ("ap-1", three)], 20, 200).await
}

async fn storm(
    name: &str,
    victim: Victim,
    planes: &[(&str, Arc<ControlPlane>)],
    count: usize,
    kills: usize,
) -> Result<()> {
    let mut fleet = Fleet::start_in(Folder::create(name)?, name, planes, HubOptions::default()).await?;
    let generations = Generations::watch(fleet.api());
    let mut apps = Vec::new();
    for i in 0..count {
        let to = Destination::Cluster(planes[i % planes.len()].0.to_owned());
        let mut app = App::new(&fleet, &format!("{name}-{i}"), to, Policy::Automated).await?;
        let commit = app.commit(&message_application("hello")).await?;
        app.create().await?;
        app.settles_within(CONVERGED, &commit).await?;
        apps.push(app);
    }

    let (made, commits) = watch::channel(0);
    let over = CancellationToken::new();
    let changing = change(&mut apps, made, &over);
    let killing = async {
        // However it ends, nobody is to wait for more.
        let _over = over.clone().drop_guard();
        kill(&mut fleet, victim, kills, commits).await
    };
    let (last, killed) = tokio::join!(changing, killing);
    killed?;
    let (last, commits) = last?;
    ensure!(commits > kills / 2, "only {commits} commits during {kills} kills");
    for (app, commit) in apps.iter().zip(&last) {
        app.settles_within(CONVERGED, commit).await?;
    }
    let store = if run_is_on_postgres() { "PostgreSQL" } else { "SQLite" };
    let written = fleet.api().ledger().acknowledged().len();
    eprintln!(
        "{name}: {kills} kills of {victim:?}, {commits} commits to {count} applications on {} agents, {written} writes answered, {store}",
        planes.len()
    );
    generations.never_fell()?;
    let apps: Vec<&App> = apps.iter().collect();
    invariants::check(&fleet, &apps).await?;
    fleet.finish();
    Ok(())
}

/// Commits round and round until it is over; the last commit of each, and how many there were.
async fn change(
    apps: &mut [App],
    made: watch::Sender<usize>,
    over: &CancellationToken,
) -> Result<(Vec<String>, usize)> {
    let mut last = vec![String::new(); apps.len()];
    let mut commits = 0;
    // Each has a commit of the storm, however short it is.
    while !over.is_cancelled() || commits < apps.len() {
        let index = commits % apps.len();
        let app = &mut apps[index];
        last[index] = app.commit(&[("configmap.yaml", message_of(&format!("commit {commits}")))]).await?;
        // Any of these may be cut off by a kill; only what is answered is remembered.
        let _ = tokio::time::timeout(IMPATIENT, app.refresh()).await;
        if commits % 3 == 0 {
            let mut manifest = app.manifest();
            manifest["metadata"]["annotations"] = serde_json::json!({ "windlass.test/commit": commits.to_string() });
            let _ = tokio::time::timeout(IMPATIENT, app.api().put_application(&manifest)).await;
        }
        if commits % 5 == 0 {
            let _ = tokio::time::timeout(IMPATIENT, app.api().sync(app.name(), false)).await;
        }
        commits += 1;
        made.send_replace(commits);
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..60))).await;
    }
    Ok((last, commits))
}

/// Kills at random moments, with a commit between any two kills: on a busy machine the moments alone would leave no time for one.
async fn kill(fleet: &mut Fleet, victim: Victim, kills: usize, mut commits: watch::Receiver<usize>) -> Result<()> {
    let clusters: Vec<String> = fleet.members().map(|member| member.name.clone()).collect();
    for round in 0..kills {
        commits.wait_for(|made| *made >= round).await?;
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..700))).await;
        if victim == Victim::Hub {
            fleet.hub_mut().kill9()?;
            fleet.hub_mut().restart().await?;
            continue;
        }
        let cluster = &clusters[round % clusters.len()];
        fleet.member_mut(cluster)?.agent.kill9()?;
        fleet.member_mut(cluster)?.agent.restart()?;
        // Killed while it starts, or while it works: every third gets to work first.
        if round % 3 == 0 {
            fleet.connected(cluster).await?;
        }
    }
    Ok(())
}
