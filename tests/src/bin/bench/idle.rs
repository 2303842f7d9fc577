//! What a connected fleet costs while nothing changes: one hub, two agents on two clusters, twenty applications of five objects on each.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use windlass_tests::bench::{Figure, Report};
use windlass_tests::control_plane::AuditMark;
use windlass_tests::fleet::{Fleet, control_plane};
use windlass_tests::folder::Folder;
use windlass_tests::git_server::Repo;
use windlass_tests::hub::HubOptions;
use windlass_tests::wait::wait_for;

use crate::rig::{OBJECTS, files_in, is_all_settled};
use crate::{settings, usage};

const APPLICATIONS: usize = 20;
const CLUSTERS: [&str; 2] = ["idle-1", "idle-2"];
/// How long everything may take to become Synced and Healthy.
const SETTLING: Duration = Duration::from_secs(120);
/// Nothing is counted before the agents have asked nothing for so long.
const CALM: Duration = Duration::from_secs(5);

/// What the agents asked of their API servers.
#[derive(Debug, Default)]
struct Calls {
    writes: usize,
    gets: usize,
    lists: usize,
    watches: usize,
}

/// Where one moment stands: processor seconds of hub and agents.
struct Moment {
    at: Instant,
    hub: f64,
    agents: Vec<f64>,
}

/// Lets it settle, and looks at it for ten minutes (`B_MINUTES`).
pub(crate) async fn run(folder: &Path) -> Result<Report> {
    let folders = CLUSTERS.map(|name| folder.join(name));
    let (one, two) = tokio::try_join!(control_plane(&folders[0]), control_plane(&folders[1]))?;
    let planes = [(CLUSTERS[0], one), (CLUSTERS[1], two)];
    // The hub's own default: what it costs to look at git is part of it.
    let options = HubOptions { poll_interval: Some("10s".to_owned()), ..HubOptions::default() };
    let mut fleet = Fleet::start_in(Folder::create_in(folder, "fleet")?, "idle", &planes, options).await?;
    start_applications(&fleet).await?;
    calm(&fleet).await?;

    let before = moment(&mut fleet)?;
    let marks = marks(&fleet)?;
    let quiet = settings::quiet(10.0);
    tokio::time::sleep(quiet).await;
    let calls = calls(&fleet, &marks)?;
    let after = moment(&mut fleet)?;
    let figures = figures(&mut fleet, &before, &after, &calls)?;
    fleet.finish();
    Ok(Report {
        id: "idle",
        workload: format!(
            "one hub, two agents on two clusters, {APPLICATIONS} applications of {OBJECTS} objects on each, {:.1} minutes of nothing",
            quiet.as_secs_f64() / 60.0
        ),
        figures,
        floor: Vec::new(),
        peers: "Argo CD 550 MB with 1 application; KubeFleet's member agent 33 MB, 2.4 mcores",
    })
}

fn figures(fleet: &mut Fleet, before: &Moment, after: &Moment, calls: &Calls) -> Result<Vec<Figure>> {
    let hub = fleet.hub_mut().process().pid();
    let agents = agents(fleet)?;
    let most = |measure: fn(u32) -> Result<f64>| {
        let all = agents.iter().map(|pid| measure(*pid)).collect::<Result<Vec<f64>>>();
        all.map(|all| all.into_iter().fold(0.0, f64::max))
    };
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    let percent = |after: f64, before: f64| (after - before) / seconds * 100.0;
    let of_agents = after.agents.iter().zip(&before.agents).map(|(after, before)| percent(*after, *before));
    Ok(vec![
        Figure::at_most("agent_rss_mib", most(usage::rss_mib)?, 20.0),
        Figure::new("agent_anonymous_mib", most(usage::anonymous_mib)?),
        Figure::new("agent_peak_mib", most(usage::peak_mib)?),
        Figure::at_most("hub_rss_mib", usage::rss_mib(hub)?, 50.0),
        Figure::new("hub_anonymous_mib", usage::anonymous_mib(hub)?),
        Figure::new("hub_peak_mib", usage::peak_mib(hub)?),
        Figure::at_most("api_writes", count(calls.writes), 0.0),
        Figure::at_most("api_gets", count(calls.gets), 0.0),
        Figure::new("api_lists", count(calls.lists)),
        Figure::new("api_watches", count(calls.watches)),
        Figure::new("agent_cpu_percent", of_agents.fold(0.0, f64::max)),
        Figure::new("hub_cpu_percent", percent(after.hub, before.hub)),
    ])
}

async fn start_applications(fleet: &Fleet) -> Result<()> {
    let repo = Repo::create(&fleet.folder().join("git"), "apps").await?;
    let mut files = Vec::new();
    for index in 0..APPLICATIONS {
        files.extend(files_in(&name(index), 0));
    }
    let contents: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let commit = repo.publish(&contents, "all of it").await?;
    for index in 0..APPLICATIONS {
        fleet.api().put_application(&application(&repo, index)).await?;
    }
    let look = || fleet.api().list("/api/v1/applications");
    let settled = |all: &Vec<Value>| is_all_settled(all, APPLICATIONS, CLUSTERS.len(), &commit).then_some(());
    wait_for(&format!("all applications to be Synced and Healthy at {commit}"), SETTLING, look, settled).await
}

fn name(index: usize) -> String {
    format!("app-{index:02}")
}

fn application(repo: &Repo, index: usize) -> Value {
    let name = name(index);
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": { "name": name },
        "spec": {
            "project": "default",
            "source": { "repoURL": repo.url(), "path": name, "targetRevision": "main" },
            "destination": { "clusterSelector": { "matchLabels": { "env": "test" } }, "namespace": name },
            "syncPolicy": {
                "automated": { "prune": true, "selfHeal": true },
                "syncOptions": ["CreateNamespace=true"],
            },
        },
    })
}

/// Waits until the agents ask nothing.
async fn calm(fleet: &Fleet) -> Result<()> {
    let look = || async {
        let marks = marks(fleet)?;
        tokio::time::sleep(CALM).await;
        calls(fleet, &marks)
    };
    wait_for("the agents to be done", SETTLING, look, |calls| {
        (calls.writes + calls.gets + calls.lists == 0).then_some(())
    })
    .await
}

fn marks(fleet: &Fleet) -> Result<Vec<AuditMark>> {
    fleet.members().map(|member| member.plane.audit_mark()).collect()
}

fn calls(fleet: &Fleet, marks: &[AuditMark]) -> Result<Calls> {
    let mut calls = Calls::default();
    for (member, mark) in fleet.members().zip(marks) {
        for event in Arc::clone(&member.plane).audit_by_user(&member.user, *mark)? {
            match event["verb"].as_str().unwrap_or_default() {
                "watch" if event["stage"] == "ResponseComplete" => calls.watches += 1,
                "watch" => {}
                "list" => calls.lists += 1,
                "get" => calls.gets += 1,
                // The Lease of two replicas is no work on behalf of anybody.
                _ if event["objectRef"]["resource"] == "leases" => {}
                _ => calls.writes += 1,
            }
        }
    }
    Ok(calls)
}

fn moment(fleet: &mut Fleet) -> Result<Moment> {
    let hub = usage::cpu_seconds(fleet.hub_mut().process().pid())?;
    let agents = agents(fleet)?.into_iter().map(usage::cpu_seconds).collect::<Result<Vec<f64>>>()?;
    Ok(Moment { at: Instant::now(), hub, agents })
}

fn agents(fleet: &mut Fleet) -> Result<Vec<u32>> {
    let pid = |name: &&str| fleet.member_mut(name).map(|member| member.agent.process().pid());
    CLUSTERS.iter().map(pid).collect::<Result<Vec<u32>>>().context("the agents' processes")
}

#[allow(clippy::cast_precision_loss)]
fn count(calls: usize) -> f64 {
    calls as f64
}
