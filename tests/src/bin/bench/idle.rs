//! What a connected fleet of one costs while nothing changes.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use windlass_tests::app::is_settled;
use windlass_tests::bench::{Report, rounded};
use windlass_tests::wait::wait_for;

use crate::rig::Rig;

const NAME: &str = "app";
const QUIET: Duration = Duration::from_secs(60);
/// Linux counts processor time in hundredths of a second, wherever it runs today.
const TICKS_PER_SECOND: f64 = 100.0;

/// Lets it settle, and looks at it for a minute.
pub(crate) async fn run(folder: &Path) -> Result<Report> {
    let mut rig = Rig::start(folder).await?;
    let commit = rig.push(0).await?;
    rig.create(NAME).await?;
    let look = || async { Ok(rig.hub.api().application(NAME).await?.unwrap_or_default()["targets"][0].clone()) };
    let settled = |target: &serde_json::Value| is_settled(target, &commit).then_some(());
    wait_for("the application to be Synced and Healthy", Duration::from_secs(30), look, settled).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;

    let (hub, agent) = (rig.hub.process().pid(), rig.agent.process().pid());
    let before = (ticks(hub)?, ticks(agent)?);
    let mark = rig.plane.audit_mark()?;
    tokio::time::sleep(QUIET).await;
    let calls = rig.requests(mark)?.iter().filter(|event| event["verb"] != "watch").count();
    let percent = |after: f64, before: f64| rounded((after - before) / TICKS_PER_SECOND / QUIET.as_secs_f64() * 100.0);
    Ok(Report {
        id: "idle",
        workload: format!("one application of five objects, one cluster, {} s of nothing", QUIET.as_secs()),
        measured: json!({
            "hub_rss_mib": rounded(resident_mib(hub)?),
            "agent_rss_mib": rounded(resident_mib(agent)?),
            "hub_cpu_percent": percent(ticks(hub)?, before.0),
            "agent_cpu_percent": percent(ticks(agent)?, before.1),
            "api_calls": calls,
        }),
        floor: serde_json::Value::Null,
        ratio: None,
        peers: "Argo CD 550 MB with 1 application; KubeFleet's member agent 33 MB, 2.4 mcores",
    })
}

/// User and system time of a process.
fn ticks(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("reading a process's times")?;
    let after_name = text.rsplit_once(')').context("a process has a name")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let number = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    Ok(number(11).context("no user time")? + number(12).context("no system time")?)
}

fn resident_mib(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).context("reading a process's memory")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no resident size")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().context("a resident size is no number")?;
    Ok(kib / 1024.0)
}
