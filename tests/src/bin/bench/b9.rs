//! B9: a thousand applications of four objects on one cluster, installed and then upgraded, against a loop that only applies the same objects.
//!
//! Three things are timed, each from the first word to the hub to the last application Synced: the install of a thousand applications that do not exist yet
//! (creating them is part of it), one commit that changes all of their objects, and the install of a thousand more whose objects have two waves, which a
//! server-side dry run goes before.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use windlass_tests::api::Watch;
use windlass_tests::bench::{Figure, Report};
use windlass_tests::manifest::{self, Manifest};

use crate::parallel_floor::ParallelFloor;
use crate::rig::{Rig, file_of};
use crate::{settings, usage};

/// Objects of an application: as in the Flux benchmark, a Deployment of no replicas, its account, a Service and an Ingress.
const OBJECTS: usize = 4;
/// How long everything may take.
const LIMIT: Duration = Duration::from_secs(900);
/// Applications created at a time.
const AT_A_TIME: usize = 8;

/// A set of applications that live in one namespace.
struct Set {
    namespace: &'static str,
    count: usize,
    waves: bool,
}

/// What one install or upgrade took.
struct Took {
    wall: Duration,
    hub: f64,
    agent: f64,
}

/// Runs it all, the floor's part before each of ours; `B_APPLICATIONS` makes it smaller.
pub(crate) async fn run(folder: &Path) -> Result<Report> {
    let count = settings::number("B_APPLICATIONS", 1000);
    let mut rig = Rig::start(folder).await?;
    let floor = ParallelFloor::start(&rig.plane).await?;
    let (ours, waves) = (Set::new("b9", count, false), Set::new("b9-waves", count, true));
    let theirs = Set::new("b9-floor", count, false);
    for namespace in [ours.namespace, waves.namespace, theirs.namespace] {
        rig.plane.kubectl(&["create", "namespace", namespace]).await?;
    }

    let floor_install = floor.apply(&theirs.objects(0)).await?;
    let install = install(&mut rig, &ours).await?;
    let floor_upgrade = floor.apply(&theirs.objects(1)).await?;
    let upgrade = upgrade(&mut rig, &ours).await?;
    let (agent_rss, agent_peak) = memory(&mut rig)?;
    let with_dry_run = self::install(&mut rig, &waves).await?;
    let hub = rig.hub.process().pid();

    let seconds = |took: &Duration| took.as_secs_f64();
    let per_application = |cpu: f64| cpu * 1000.0 / count_of(count);
    Ok(Report {
        id: "B9",
        workload: format!(
            "{count} applications of {OBJECTS} objects on one cluster: created, changed by one commit, and created with two waves"
        ),
        figures: vec![
            Figure::ratio("ratio.wall", seconds(&install.wall) / seconds(&floor_install), 1.3),
            Figure::ratio("ratio.wall_upgrade", seconds(&upgrade.wall) / seconds(&floor_upgrade), 1.3),
            Figure::ratio("ratio.wall_with_dry_run", seconds(&with_dry_run.wall) / seconds(&floor_install), 2.2),
            Figure::at_most("agent_rss_mib", agent_rss, 40.0),
            Figure::new("agent_peak_mib", agent_peak),
            Figure::new("install_s", seconds(&install.wall)),
            Figure::new("upgrade_s", seconds(&upgrade.wall)),
            Figure::new("install_with_dry_run_s", seconds(&with_dry_run.wall)),
            Figure::new("hub_install_cpu_s", install.hub),
            Figure::new("hub_upgrade_cpu_s", upgrade.hub),
            Figure::new("hub_cpu_ms_per_application", per_application(install.hub)),
            Figure::new("agent_install_cpu_s", install.agent),
            Figure::new("agent_upgrade_cpu_s", upgrade.agent),
            Figure::new("agent_cpu_ms_per_application", per_application(install.agent)),
            Figure::new("hub_rss_mib", usage::rss_mib(hub)?),
        ],
        floor: vec![
            Figure::new("install_s", seconds(&floor_install)),
            Figure::new("upgrade_s", seconds(&floor_upgrade)),
        ],
        peers: "Flux 253 s on 16 cores, 223 MiB; Argo CD on this machine 153 s for 200 applications of 5 objects, 0.58 CPU-s each, 727 MB",
    })
}

async fn install(rig: &mut Rig, set: &Set) -> Result<Took> {
    let commit = rig.publish(set.files(0)).await?;
    let mut watch = rig.hub.api().watch(None, None).await?;
    let (before, started) = (cpu(rig)?, Instant::now());
    let creating = futures::stream::iter(0..set.count)
        .map(|index| {
            let name = set.name(index);
            let application = rig.application(&name, &set.directory(index), set.namespace);
            let api = rig.hub.api().clone();
            async move { api.put_application(&application).await.map(drop) }
        })
        .buffer_unordered(AT_A_TIME)
        .try_collect::<Vec<()>>();
    let (created, synced) = tokio::join!(creating, all_synced(&mut watch, set, &commit));
    created?;
    synced?;
    took(rig, before, started)
}

async fn upgrade(rig: &mut Rig, set: &Set) -> Result<Took> {
    let commit = rig.publish(set.files(1)).await?;
    let mut watch = rig.hub.api().watch(None, None).await?;
    let (before, started) = (cpu(rig)?, Instant::now());
    let api = rig.hub.api().clone();
    let (settings, name) = (json!({ "url": rig.repo.url() }), set.name(0));
    let refreshing = async {
        api.refresh(&name).await?;
        // As a webhook does: whatever else reads this repository is looked at too.
        api.put_repository(&settings).await.map(drop)
    };
    let (refreshed, synced) = tokio::join!(refreshing, all_synced(&mut watch, set, &commit));
    refreshed?;
    synced?;
    took(rig, before, started)
}

/// Reads the watch until every application of the set is Synced at the commit.
async fn all_synced(watch: &mut Watch, set: &Set, commit: &str) -> Result<()> {
    let mut missing: BTreeSet<String> = (0..set.count).map(|index| set.name(index)).collect();
    let reading = async {
        while !missing.is_empty() {
            let event = watch.next().await?;
            let object = &event.data["object"];
            let target = &object["targets"][0];
            if target["sync"] == "Synced" && target["current"] == true && target["revision"] == commit {
                missing.remove(object["name"].as_str().unwrap_or_default());
            }
        }
        anyhow::Ok(())
    };
    let read = tokio::time::timeout(LIMIT, reading).await;
    read.with_context(|| {
        format!("{} applications are not Synced after {LIMIT:?}, such as {:?}", missing.len(), missing.first())
    })?
}

fn took(rig: &mut Rig, before: (f64, f64), started: Instant) -> Result<Took> {
    let wall = started.elapsed();
    let after = cpu(rig)?;
    Ok(Took { wall, hub: after.0 - before.0, agent: after.1 - before.1 })
}

fn cpu(rig: &mut Rig) -> Result<(f64, f64)> {
    Ok((usage::cpu_seconds(rig.hub.process().pid())?, usage::cpu_seconds(rig.agent.process().pid())?))
}

fn memory(rig: &mut Rig) -> Result<(f64, f64)> {
    let agent = rig.agent.process().pid();
    Ok((usage::rss_mib(agent)?, usage::peak_mib(agent)?))
}

#[allow(clippy::cast_precision_loss)]
fn count_of(count: usize) -> f64 {
    count as f64
}

// === impl Set ===

impl Set {
    fn new(namespace: &'static str, count: usize, waves: bool) -> Self {
        Self { namespace, count, waves }
    }

    fn name(&self, index: usize) -> String {
        format!("{}-{index:04}", self.namespace)
    }

    fn directory(&self, index: usize) -> String {
        format!("{}/{index:04}", self.namespace)
    }

    fn files(&self, round: usize) -> Vec<(String, String)> {
        let files_of = |index: usize| {
            let directory = self.directory(index);
            let objects = self.objects_of(index, round).into_iter();
            objects.map(move |(_, manifest)| (file_of(&directory, &manifest), manifest.to_yaml()))
        };
        (0..self.count).flat_map(files_of).collect()
    }

    fn objects(&self, round: usize) -> Vec<(&'static str, Manifest)> {
        let placed = |(plural, manifest): (&'static str, Manifest)| (plural, manifest.in_namespace(self.namespace));
        (0..self.count).flat_map(|index| self.objects_of(index, round)).map(placed).collect()
    }

    /// With the plurals of their kinds; a change of the round changes every object.
    fn objects_of(&self, index: usize, round: usize) -> [(&'static str, Manifest); OBJECTS] {
        let name = format!("app-{index:04}");
        let path = json!({ "path": "/", "pathType": "Prefix", "backend": { "service": { "name": name, "port": { "number": 8080 } } } });
        let rules: Value = json!([{ "host": format!("{name}.example"), "http": { "paths": [path] } }]);
        let deployment = manifest::deployment(&name, 0, "registry.example/web:1");
        [
            ("serviceaccounts", Manifest::new("v1", "ServiceAccount", &name)),
            ("services", manifest::service(&name, 8080)),
            ("deployments", deployment.with("spec.template.spec.serviceAccountName", json!(name))),
            ("ingresses", Manifest::new("networking.k8s.io/v1", "Ingress", &name).with("spec.rules", rules)),
        ]
        .map(|(plural, manifest)| {
            // What nobody here makes healthy, an Ingress without an address, must be last: every other wave is waited for.
            let is_last = self.waves && ["deployments", "ingresses"].contains(&plural);
            let manifest = if is_last { manifest.annotation("argocd.argoproj.io/sync-wave", "1") } else { manifest };
            (plural, manifest.label("round", &format!("r{round}")))
        })
    }
}
