//! At two thirds of its life an agent's certificate is renewed: the hub never sees the cluster without a session, a commit meanwhile arrives, and the
//! session outlives the first certificate's end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use windlass_tests::app::{App, Destination, Policy, SOON, message_application, message_of};
use windlass_tests::fleet::Fleet;
use windlass_tests::invariants;
use windlass_tests::wait::wait_for;

use super::stage::{EU, own_fleet};

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) async fn certificate_is_renewed_without_a_dropped_session() -> Result<()> {
    let fleet = own_fleet("renewal").await?;
    let mut app = App::new(&fleet, "renewal", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let first = certificate(&fleet).await?;
    let watching = Dropped::watch(&fleet);

    shift(&fleet, 5 * DAY + DAY / 8).await?;
    let look = || certificate(&fleet);
    let renewed =
        wait_for("another certificate", SOON, look, |now| (now["serial"] != first["serial"]).then(|| now.clone()))
            .await?;
    let commit = app.commit(&[("configmap.yaml", message_of("renewed"))]).await?;
    app.settles_at(&commit).await?;
    ensure!(renewed["notAfter"].as_str() > first["notAfter"].as_str(), "{first} and then {renewed}");

    // The first certificate has ended now: whoever still used it would be sent away.
    shift(&fleet, 8 * DAY).await?;
    let commit = app.commit(&[("configmap.yaml", message_of("a week later"))]).await?;
    app.settles_at(&commit).await?;
    watching.never()?;
    let log = std::fs::read_to_string(fleet.member(EU)?.agent.log_file())?;
    ensure!(!log.contains("no session with the hub"), "the agent lost its session: {log}");
    ensure!(log.contains("the session goes over to the renewed certificate"), "{log}");

    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

/// Both ends see the same time, as machines with NTP do.
async fn shift(fleet: &Fleet, offset: Duration) -> Result<()> {
    fleet.hub().admin()?.shift_clock(offset).await?;
    fleet.member(EU)?.agent.admin()?.shift_clock(offset).await
}

async fn certificate(fleet: &Fleet) -> Result<Value> {
    let cluster = fleet.api().cluster(EU).await?;
    ensure!(cluster["certificate"]["serial"].is_string(), "the hub shows no certificate: {cluster}");
    Ok(cluster["certificate"].clone())
}

/// Whether the hub ever called the cluster anything but connected.
struct Dropped {
    seen: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Dropped {
    fn watch(fleet: &Fleet) -> Self {
        let (api, seen) = (fleet.api().clone(), Arc::new(AtomicBool::new(false)));
        let noted = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                if api.cluster(EU).await.is_ok_and(|cluster| cluster["connection"] != "Connected") {
                    noted.store(true, Ordering::Relaxed);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Self { seen, task }
    }

    fn never(&self) -> Result<()> {
        ensure!(!self.seen.load(Ordering::Relaxed), "the hub saw the cluster without a session");
        Ok(())
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.task.abort();
    }
}
