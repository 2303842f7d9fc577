//! A tree of thousands of objects, asked of a live cluster: through the API, the hub, the agent's stream and back.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::Instant;
use windlass_tests::bench::{Figure, Report, Times};
use windlass_tests::manifest;
use windlass_tests::objects::configmap;
use windlass_tests::wait::wait_for;

use crate::rig::{Rig, is_all_settled};
use crate::{settings, usage};

const NAME: &str = "forest";
/// Objects that one object owns, in two generations below what git names.
const FAMILY: usize = 100;
/// Writes at once.
const AT_ONCE: usize = 16;
const LIMIT: Duration = Duration::from_secs(180);

/// Runs it: `B_OBJECTS` objects, `B_ROUNDS` questions.
pub(crate) async fn run(folder: &Path) -> Result<Report> {
    let (objects, rounds) = (settings::number("B_OBJECTS", 5_000), settings::number("B_ROUNDS", 50));
    let mut rig = Rig::start(folder).await?;
    let map = manifest::configmap("root", &[("from", "git")]);
    let commit = rig.publish(vec![(format!("{NAME}/root.yaml"), map.to_yaml())]).await?;
    rig.hub.api().put_application(&rig.application(NAME, NAME, NAME)).await?;
    let look = || rig.hub.api().list("/api/v1/applications");
    let settled = |all: &Vec<Value>| is_all_settled(all, 1, 1, &commit).then_some(());
    wait_for("the application to be Synced and Healthy", LIMIT, look, settled).await?;
    let client = rig.plane.client().await?;
    plant(&client, objects).await?;

    let path = format!("/api/v1/applications/argocd/{NAME}/live/tree");
    let ask = async || {
        let started = Instant::now();
        let tree = rig.hub.api().get(&path).await?;
        let took = started.elapsed();
        let nodes = tree["nodes"].as_array().context("a tree has nodes")?.len();
        ensure!(nodes == objects + 1, "the tree has {nodes} nodes, not {}: {}", objects + 1, tree["incomplete"]);
        anyhow::Ok(took)
    };
    let first = ask().await?;
    // What was seen owned is held from then on; its watch lists once.
    let mut times = Vec::new();
    for round in 0..rounds + 5 {
        let took = ask().await?;
        if round >= 5 {
            times.push(took);
        }
    }
    let times = Times::of(times);
    let (agent, hub) = (rig.agent.process().pid(), rig.hub.process().pid());
    Ok(Report {
        id: "tree",
        workload: format!(
            "an application of {objects} objects below one that git names, its tree asked {rounds} times"
        ),
        figures: vec![
            Figure::at_most("p50_ms", times.p50(), 200.0),
            Figure::at_most("p99_ms", times.p99(), 200.0),
            Figure::new("first_ms", first.as_secs_f64() * 1000.0),
            Figure::new("agent_rss_mib", usage::rss_mib(agent)?),
            Figure::new("agent_peak_mib", usage::peak_mib(agent)?),
            Figure::new("hub_peak_mib", usage::peak_mib(hub)?),
        ],
        floor: Vec::new(),
        peers: "",
    })
}

/// Objects that own objects: a few below the root, the others below those.
async fn plant(client: &Client, objects: usize) -> Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAME);
    let root = maps.get(configmap("root").2).await?.metadata.uid.context("a live object has a uid")?;
    let parents = objects.div_ceil(FAMILY);
    let names: Vec<(String, String, String)> =
        (0..parents).map(|at| (format!("parent-{at:03}"), "root".to_owned(), root.clone())).collect();
    let made = make(&maps, names).await?;
    let children = (0..objects - parents).map(|at| {
        let parent = format!("parent-{:03}", at % parents);
        let uid = made.get(&parent).cloned().unwrap_or_default();
        (format!("child-{at:05}"), parent, uid)
    });
    make(&maps, children.collect()).await.map(drop)
}

/// Makes objects of (name, owner's name, owner's uid); their uids by name.
async fn make(maps: &Api<ConfigMap>, names: Vec<(String, String, String)>) -> Result<BTreeMap<String, String>> {
    let one = |(name, owner, uid): (String, String, String)| async move {
        let owner = json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uid }]);
        let map: ConfigMap = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "ownerReferences": owner },
        }))?;
        let made = maps.create(&PostParams::default(), &map).await.with_context(|| format!("making {name}"))?;
        anyhow::Ok((name, made.metadata.uid.unwrap_or_default()))
    };
    stream::iter(names).map(one).buffer_unordered(AT_ONCE).try_collect().await
}
