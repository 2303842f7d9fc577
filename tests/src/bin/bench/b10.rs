//! B10: drift that is made at a rate, and how long it lasts; then nothing, and what that costs.
//!
//! Every edit is of another field, so that nothing looks like somebody else's fight for one. Both ends of a repair are read from the API server's audit
//! log: its own clock says when an edit was answered and when the agent's apply of the same object was.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::{Method, Request, header};
use jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use windlass_tests::bench::{Figure, Report, Times};
use windlass_tests::control_plane::AuditMark;
use windlass_tests::manifest;
use windlass_tests::wait::wait_for;

use crate::rig::{Rig, is_all_settled};
use crate::{settings, usage};

const DRIFTER: &str = "drifter";
/// ConfigMaps of one application.
const PER_APPLICATION: usize = 50;
/// Fields of one ConfigMap, each of which is edited once.
const FIELDS: usize = 3;
/// How long the applications may take to settle, and the last repair to come.
const LIMIT: Duration = Duration::from_secs(180);
/// Nothing is counted before the agent has asked nothing for so long.
const CALM: Duration = Duration::from_secs(5);

/// One edit or apply of an object.
struct Touch {
    object: String,
    at: Timestamp,
    by_agent: bool,
}

/// Runs it: `B_RATE` edits a second for `B_SECONDS`, then `B_MINUTES` of nothing.
pub(crate) async fn run(folder: &Path) -> Result<Report> {
    let (rate, seconds) = (settings::number("B_RATE", 100), settings::number("B_SECONDS", 60));
    let edits = rate * seconds;
    let objects = edits.div_ceil(FIELDS);
    let applications = objects.div_ceil(PER_APPLICATION);
    let mut rig = Rig::start(folder).await?;
    install(&rig, applications).await?;
    calm(&rig).await?;

    let mark = rig.plane.audit_mark()?;
    let (agent, hub) = (rig.agent.process().pid(), rig.hub.process().pid());
    let (agent_before, hub_before) = (usage::cpu_seconds(agent)?, usage::cpu_seconds(hub)?);
    let drifting = Instant::now();
    drift(&rig, edits, objects, rate).await?;
    let repairs = repairs(&rig, mark, edits).await?;
    let took = drifting.elapsed().as_secs_f64();
    let (agent_cpu, hub_cpu) = (usage::cpu_seconds(agent)? - agent_before, usage::cpu_seconds(hub)? - hub_before);
    calm(&rig).await?;

    let mark = rig.plane.audit_mark()?;
    let quiet = settings::quiet(1.0);
    sleep(quiet).await;
    let (writes, gets) = steady(&rig, mark)?;
    Ok(Report {
        id: "B10",
        workload: format!(
            "{rate} edits/s for {seconds} s, each of another field of {} ConfigMaps in {applications} applications; then {:.0} s of nothing",
            applications * PER_APPLICATION,
            quiet.as_secs_f64()
        ),
        figures: vec![
            Figure::at_most("p50_ms", repairs.p50(), 40.0),
            Figure::at_most("p99_ms", repairs.p99(), 500.0),
            Figure::new("max_ms", repairs.percentile(100.0)),
            Figure::at_most("steady_writes", writes, 0.0),
            Figure::at_most("steady_gets", gets, 0.0),
            Figure::new("agent_cpu_percent", agent_cpu / took * 100.0),
            Figure::new("hub_cpu_percent", hub_cpu / took * 100.0),
            Figure::new("agent_rss_mib", usage::rss_mib(agent)?),
            Figure::new("agent_peak_mib", usage::peak_mib(agent)?),
        ],
        floor: Vec::new(),
        peers: "an event and one apply are 8 ms; OCM looks every 4 to 6 minutes",
    })
}

async fn install(rig: &Rig, applications: usize) -> Result<()> {
    let mut files = Vec::new();
    for application in 0..applications {
        for index in 0..PER_APPLICATION {
            let data: Vec<(String, String)> =
                (0..FIELDS).map(|field| (format!("field{field}"), "from git".to_owned())).collect();
            let data: Vec<(&str, &str)> = data.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let map = manifest::configmap(&map_name(index), &data);
            files.push((format!("{}/{index:03}.yaml", application_name(application)), map.to_yaml()));
        }
    }
    let commit = rig.publish(files).await?;
    for application in 0..applications {
        let name = application_name(application);
        rig.hub.api().put_application(&rig.application(&name, &name, &name)).await?;
    }
    let look = || rig.hub.api().list("/api/v1/applications");
    let settled = |all: &Vec<Value>| is_all_settled(all, applications, 1, &commit).then_some(());
    wait_for("all applications to be Synced and Healthy", LIMIT, look, settled).await
}

fn application_name(application: usize) -> String {
    format!("drift-{application:03}")
}

fn map_name(index: usize) -> String {
    format!("map-{index:03}")
}

/// Edits at the rate; the last is answered when it returns.
async fn drift(rig: &Rig, edits: usize, objects: usize, rate: usize) -> Result<()> {
    let kubeconfig = rig.plane.identity(DRIFTER, &["system:masters"])?;
    let client = windlass_tests::control_plane::client_of(&kubeconfig).await?;
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(rate.max(1))?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut editing = JoinSet::new();
    for edit in 0..edits {
        ticks.tick().await;
        let (object, field) = (edit % objects, edit / objects);
        let namespace = application_name(object / PER_APPLICATION);
        editing.spawn(change(client.clone(), namespace, map_name(object % PER_APPLICATION), field));
    }
    while let Some(edited) = editing.join_next().await {
        edited.context("an edit crashed")??;
    }
    Ok(())
}

async fn change(client: Client, namespace: String, name: String, field: usize) -> Result<()> {
    let body = json!({ "data": { format!("field{field}"): "by hand" } }).to_string();
    let request = Request::builder()
        .method(Method::PATCH)
        .uri(format!("/api/v1/namespaces/{namespace}/configmaps/{name}?fieldManager={DRIFTER}"))
        .header(header::CONTENT_TYPE, "application/merge-patch+json")
        .body(body.into_bytes())?;
    client.request_text(request).await.with_context(|| format!("editing {namespace}/{name}")).map(drop)
}

/// How long each edit lasted; waits until the last is repaired.
async fn repairs(rig: &Rig, mark: AuditMark, edits: usize) -> Result<Times> {
    let all = timeout(LIMIT, async {
        loop {
            let lasted = durations(&touches(rig, mark)?);
            if lasted.len() == edits {
                return anyhow::Ok(lasted);
            }
            sleep(Duration::from_secs(1)).await;
        }
    });
    let all = match all.await {
        Ok(all) => all?,
        Err(_) => {
            let repaired = durations(&touches(rig, mark)?).len();
            ensure!(repaired == edits, "{repaired} of {edits} edits were repaired within {LIMIT:?}");
            Vec::new()
        }
    };
    Ok(Times::of(all))
}

fn touches(rig: &Rig, mark: AuditMark) -> Result<Vec<Touch>> {
    let events = rig.plane.audit_since(mark)?;
    let mut touches: Vec<Touch> = events.iter().filter_map(|event| touch(event, rig)).collect();
    touches.sort_by_key(|touch| touch.at);
    Ok(touches)
}

fn touch(event: &Value, rig: &Rig) -> Option<Touch> {
    let user = event["user"]["username"].as_str()?;
    let by_agent = rig.is_agent(user);
    if event["verb"] != "patch" || event["stage"] != "ResponseComplete" || !(by_agent || user == DRIFTER) {
        return None;
    }
    let reference = &event["objectRef"];
    let object = format!("{}/{}", reference["namespace"].as_str()?, reference["name"].as_str()?);
    Some(Touch { object, at: event["stageTimestamp"].as_str()?.parse().ok()?, by_agent })
}

/// From each edit's answer to the answer of the first apply after it.
fn durations(touches: &[Touch]) -> Vec<Duration> {
    let mut drifted: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
    let mut lasted = Vec::new();
    for touch in touches {
        if touch.by_agent {
            let since = drifted.remove(touch.object.as_str()).unwrap_or_default();
            lasted
                .extend(since.into_iter().filter_map(|since| Duration::try_from(touch.at.duration_since(since)).ok()));
        } else {
            drifted.entry(&touch.object).or_default().push(touch.at);
        }
    }
    lasted
}

/// Waits until the agent asks nothing.
async fn calm(rig: &Rig) -> Result<()> {
    let look = || async {
        let mark = rig.plane.audit_mark()?;
        sleep(CALM).await;
        Ok(rig.requests(mark)?.iter().filter(|event| event["verb"] != "watch").count())
    };
    wait_for("the agent to be done", LIMIT, look, |calls| (*calls == 0).then_some(())).await
}

/// Writes and GETs of the agent.
#[allow(clippy::cast_precision_loss)]
fn steady(rig: &Rig, mark: AuditMark) -> Result<(f64, f64)> {
    let events = rig.requests(mark)?;
    let count = |wanted: &dyn Fn(&str) -> bool| {
        let verbs = events.iter().filter(|event| event["objectRef"]["resource"] != "leases");
        verbs.filter(|event| event["verb"].as_str().is_some_and(wanted)).count() as f64
    };
    Ok((count(&|verb| !matches!(verb, "get" | "list" | "watch")), count(&|verb| verb == "get")))
}
