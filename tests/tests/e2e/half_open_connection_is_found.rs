//! The link goes dead without a word: both ends find out, the hub shows nothing stale as current, the agent goes on
//! healing, and when the link is back everything arrives.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use windlass_tests::app::{App, Destination, Policy, SOON, message_application, message_of};
use windlass_tests::fault_proxy::Fault;
use windlass_tests::fleet::Fleet;
use windlass_tests::invariants::{self, Generations};
use windlass_tests::objects::configmap;
use windlass_tests::wait::wait_for;

use super::stage::{EU, fleet_behind_proxy};

/// The promise is 45 seconds: a probe every 20, an answer within 10. A busy machine gets a little more.
const FOUND: Duration = Duration::from_secs(60);

pub(crate) async fn half_open_connection_is_found() -> Result<()> {
    let (fleet, proxy) = fleet_behind_proxy("half-open").await?;
    let generations = Generations::watch(fleet.api());
    let mut app = App::new(&fleet, "half-open", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    proxy.set(Fault::Stall);
    let objects = &fleet.member(EU)?.objects;
    objects.edit(app.name(), configmap("message"), json!({ "data": { "MESSAGE": "by hand" } })).await?;
    says(&fleet, &app, "hello").await?;
    let commit = app.commit(&[("configmap.yaml", message_of("good evening"))]).await?;
    let connection = || async { Ok(fleet.api().cluster(EU).await?["connection"].clone()) };
    let lost = |connection: &serde_json::Value| (connection == "Disconnected").then_some(());
    wait_for("the hub to find the connection dead", FOUND, connection, lost).await?;
    let seen = app.seen().await?;
    ensure!(seen["targets"][0]["freshness"]["connected"] == false, "{seen}");
    ensure!(seen["targets"][0]["sync"] != "Synced", "the old commit is shown as the new one: {seen}");

    proxy.set(Fault::Pass);
    app.settles_at(&commit).await?;
    says(&fleet, &app, "good evening").await?;
    generations.never_fell()?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

async fn says(fleet: &Fleet, app: &App, message: &str) -> Result<()> {
    let objects = &fleet.member(EU)?.objects;
    let look = || objects.get(app.name(), configmap("message"));
    let what = format!("the message to be {message:?}");
    wait_for(&what, SOON, look, |found| (found.as_ref()?["data"]["MESSAGE"] == message).then_some(())).await
}
