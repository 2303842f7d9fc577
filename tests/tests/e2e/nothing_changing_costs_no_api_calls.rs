//! When nothing changes, the agent asks its API server nothing and writes nothing: watches aside.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use windlass_tests::app::{App, Destination, Policy, message_application};
use windlass_tests::manifest;
use windlass_tests::wait::wait_for;

use super::stage::{EU, own_fleet};

/// Real time in which nothing may happen. A longer one belongs to `make soak`.
const QUIET: Duration = Duration::from_secs(30);
/// How long it may take until the last of the work is done.
const SETTLING: Duration = Duration::from_secs(30);

pub(crate) async fn nothing_changing_costs_no_api_calls() -> Result<()> {
    let fleet = own_fleet("quiet").await?;
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "quiet", to, Policy::Automated).await?;
    let mut files = message_application("hello");
    files.push(("secret.yaml", manifest::secret("password", &[("password", "hunter2")])));
    let commit = app.commit(&files).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let member = fleet.member(EU)?;

    // Settled at the hub may be a moment before the last look of the agent: wait for two seconds without a call.
    let calm = || async {
        let mark = member.plane.audit_mark()?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        anyhow::Ok(costs(member.plane.audit_by_user(&member.user, mark)?))
    };
    wait_for("the agent to be done", SETTLING, calm, |calls| calls.is_empty().then_some(())).await?;

    let mark = member.plane.audit_mark()?;
    tokio::time::sleep(QUIET).await;
    let calls = costs(member.plane.audit_by_user(&member.user, mark)?);
    ensure!(calls.is_empty(), "{} calls in {QUIET:?} of nothing: {}", calls.len(), calls.join(", "));
    fleet.finish();
    Ok(())
}

/// Every call that is no watch and not about the agent's own Lease.
fn costs(events: Vec<Value>) -> Vec<String> {
    let counted = events.into_iter().filter(|event| {
        event["verb"] != "watch" && event["objectRef"]["resource"] != "leases" && event["stage"] == "ResponseComplete"
    });
    counted.map(|event| format!("{} {}", event["verb"].as_str().unwrap_or("?"), event["requestURI"])).collect()
}
