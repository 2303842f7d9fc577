//! B6: a thousand managed objects and ten thousand Pods that they own, with a hundred events of Pods a second, while somebody has a tree open.
//!
//! Pods are written directly, without a scheduler's or a kubelet's work: each belongs to a Deployment of its application, and a change of its status is an
//! event. What is owned is watched only while somebody looks, so that a tree is asked for before anything is measured and again while it is.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use http::{Method, Request, header};
use kube::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use windlass_tests::bench::{Figure, Report};
use windlass_tests::manifest;
use windlass_tests::wait::wait_for;

use crate::metadata_floor::MetadataFloor;
use crate::rig::{Rig, is_all_settled};
use crate::{settings, usage};

/// Objects of one application: a Deployment, and ConfigMaps.
const PER_APPLICATION: usize = 20;
/// Pods are written this many at a time.
const AT_A_TIME: usize = 32;
/// How long the applications may take to settle.
const LIMIT: Duration = Duration::from_secs(300);
/// How long the events go on before they are counted, so that what the list left behind is not.
const WARM_UP: Duration = Duration::from_secs(5);

/// Runs it: `B_APPLICATIONS` of 20 objects, `B_PODS`, then `B_RATE` events a second for `B_SECONDS`.
pub(crate) async fn run(folder: &Path) -> Result<Report> {
    let (applications, pods) = (settings::number("B_APPLICATIONS", 50), settings::number("B_PODS", 10_000));
    let (rate, seconds) = (settings::number("B_RATE", 100), settings::number("B_SECONDS", 60));
    let mut rig = Rig::start(folder).await?;
    install(&rig, applications).await?;
    let client = windlass_tests::control_plane::client_of(&rig.plane.identity("seeder", &["system:masters"])?).await?;
    seed(&rig, &client, applications, pods).await?;

    let agent = rig.agent.process().pid();
    let before_list = usage::rss_mib(agent)?;
    usage::forget_peak(agent)?;
    let asked = Instant::now();
    let members = tree(&rig, 0).await?;
    let first_tree = asked.elapsed();
    ensure!(members >= pods / applications, "the tree has {members} members, and no Pods among them");
    let held = wait_for(
        "the owned Pods to be held",
        LIMIT,
        || timed_tree(&rig),
        |took| (*took < Duration::from_millis(500)).then_some(*took),
    )
    .await?;
    let list_peak = usage::peak_mib(agent)?;

    let floor = MetadataFloor::start(&rig.plane).await?;
    let warm = u32::try_from(rate).unwrap_or(u32::MAX) * u32::try_from(WARM_UP.as_secs())?;
    let first = events(&client, applications, pods, rate, 0, warm as usize).await?;
    let floor_before = floor.used()?;
    let (cpu_before, began) = (usage::cpu_seconds(agent)?, Instant::now());
    events(&client, applications, pods, rate, first, rate * seconds).await?;
    let took = began.elapsed().as_secs_f64();
    let cpu = usage::cpu_seconds(agent)? - cpu_before;
    let steady = usage::rss_mib(agent)?;
    let floor_after = floor.used()?;
    let tree_again = timed_tree(&rig).await?;
    let seen = floor_after.events.saturating_sub(floor_before.events);
    Ok(Report {
        id: "B6",
        workload: format!(
            "{} objects in {applications} applications, {pods} Pods below them, {rate} Pod events/s for {seconds} s, a tree open",
            applications * PER_APPLICATION
        ),
        figures: vec![
            Figure::at_most("steady_rss_mib", steady, 32.0),
            Figure::at_most("list_rss_mib", list_peak, 48.0),
            Figure::at_most("cpu_percent", cpu / took * 100.0, 2.0),
            Figure::new("anonymous_mib", usage::anonymous_mib(agent)?),
            Figure::new("before_list_rss_mib", before_list),
            Figure::new("first_tree_ms", first_tree.as_secs_f64() * 1000.0),
            Figure::new("held_tree_ms", held.as_secs_f64() * 1000.0),
            Figure::new("tree_after_ms", tree_again.as_secs_f64() * 1000.0),
        ],
        floor: vec![
            Figure::new("cpu_percent", (floor_after.cpu - floor_before.cpu) / took * 100.0),
            Figure::new("events_per_s", count(seen) / took),
            Figure::new("bytes_per_event", count(floor_after.bytes - floor_before.bytes) / count(seen.max(1))),
        ],
        peers: "typed kube-rs 308 MiB, Go 3.1 GiB for as many Pods; Argo CD 384 to 765 MiB for 4,200 objects",
    })
}

async fn install(rig: &Rig, applications: usize) -> Result<()> {
    let mut files = Vec::new();
    for application in 0..applications {
        let name = name(application);
        let deployment = manifest::deployment("web", 0, "registry.example/web:1");
        files.push((format!("{name}/deployment.yaml"), deployment.to_yaml()));
        for index in 1..PER_APPLICATION {
            let map = manifest::configmap(&format!("map-{index:02}"), &[("field", "value"), ("other", "value")]);
            files.push((format!("{name}/map-{index:02}.yaml"), map.to_yaml()));
        }
    }
    let commit = rig.publish(files).await?;
    for application in 0..applications {
        let name = name(application);
        rig.hub.api().put_application(&rig.application(&name, &name, &name)).await?;
    }
    let look = || rig.hub.api().list("/api/v1/applications");
    let settled = |all: &Vec<Value>| is_all_settled(all, applications, 1, &commit).then_some(());
    wait_for("all applications to be Synced and Healthy", LIMIT, look, settled).await
}

fn name(application: usize) -> String {
    format!("owner-{application:02}")
}

/// Pods of the size that Pods have, owned by the Deployments, that no scheduler takes.
async fn seed(rig: &Rig, client: &Client, applications: usize, pods: usize) -> Result<()> {
    let mut uids = Vec::new();
    for application in 0..applications {
        let asked = ["get", "deployment", "web", "-n", &name(application), "-o", "jsonpath={.metadata.uid}"];
        uids.push(rig.plane.kubectl(&asked).await?.stdout.trim().to_owned());
    }
    let writing = futures::stream::iter(0..pods).map(|pod| {
        let application = pod % applications;
        let body = pod_of(pod, &name(application), &uids[application]);
        send(client, Method::POST, format!("/api/v1/namespaces/{}/pods", name(application)), "application/json", body)
    });
    writing.buffer_unordered(AT_A_TIME).try_collect::<Vec<()>>().await.map(drop)
}

fn pod_of(pod: usize, namespace: &str, owner: &str) -> Value {
    let env: Vec<Value> = (0..12)
        .map(|n| json!({ "name": format!("SETTING_{n}"), "value": format!("value number {n} of {pod}") }))
        .collect();
    let probe = json!({ "httpGet": { "path": "/healthz", "port": 8080 }, "periodSeconds": 10 });
    let container = json!({
        "name": "web", "image": "registry.example/web:1", "env": env,
        "ports": [{ "containerPort": 8080, "name": "http" }], "livenessProbe": probe, "readinessProbe": probe,
        "resources": { "requests": { "cpu": "100m", "memory": "64Mi" }, "limits": { "memory": "128Mi" } },
    });
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("web-{pod:05}"), "namespace": namespace,
            "labels": { "app": "web", "pod-template-hash": "6d4cf56db6" },
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": owner }],
        },
        "spec": { "schedulerName": "nobody", "containers": [container] },
    })
}

/// So many changes of Pods' status at the rate, from the `first` on; the number of the one after the last.
async fn events(
    client: &Client,
    applications: usize,
    pods: usize,
    rate: usize,
    first: usize,
    count: usize,
) -> Result<usize> {
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(rate.max(1))?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut changing = JoinSet::new();
    for event in first..first + count {
        ticks.tick().await;
        let pod = event % pods;
        let path = format!("/api/v1/namespaces/{}/pods/web-{pod:05}/status", name(pod % applications));
        let condition = json!({ "type": "Seen", "status": "True", "message": format!("event {event}") });
        let body = json!({ "status": { "phase": "Pending", "conditions": [condition] } });
        let client = client.clone();
        let sending = async move { send(&client, Method::PATCH, path, "application/merge-patch+json", body).await };
        changing.spawn(sending);
        while let Some(changed) = changing.try_join_next() {
            changed.context("an event crashed")??;
        }
    }
    while let Some(changed) = changing.join_next().await {
        changed.context("an event crashed")??;
    }
    Ok(first + count)
}

async fn send(client: &Client, method: Method, path: String, content_type: &'static str, body: Value) -> Result<()> {
    let request = Request::builder()
        .method(method)
        .uri(&path)
        .header(header::CONTENT_TYPE, content_type)
        .body(body.to_string().into_bytes())?;
    client.request_text(request).await.with_context(|| format!("writing {path}")).map(drop)
}

/// Asks for an application's tree; how many members it has.
async fn tree(rig: &Rig, application: usize) -> Result<usize> {
    let path = format!("/api/v1/applications/argocd/{}/live/tree", name(application));
    let answer = rig.hub.api().get(&path).await?;
    let members = answer["nodes"].as_array().or_else(|| answer["members"].as_array());
    Ok(members.map_or(0, Vec::len))
}

async fn timed_tree(rig: &Rig) -> Result<Duration> {
    let asked = Instant::now();
    tree(rig, 1).await?;
    Ok(asked.elapsed())
}

#[allow(clippy::cast_precision_loss)]
fn count(number: u64) -> f64 {
    number as f64
}
