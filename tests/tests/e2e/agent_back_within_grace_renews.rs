//! An agent that was away for three weeks comes back with a certificate that has ended by the hub's clock, and with a clock that stood still: the hub's word
//! is enough for it to renew, nothing has to be joined anew, and its log says how far the clock is off.

use std::time::Duration;

use anyhow::{Result, ensure};
use windlass_tests::app::{App, Destination, Policy, SOON, message_application, message_of};
use windlass_tests::invariants;

use super::stage::{EU, own_fleet};

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) async fn agent_back_within_grace_renews() -> Result<()> {
    let mut fleet = own_fleet("grace").await?;
    let mut app = App::new(&fleet, "grace", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    fleet.member_mut(EU)?.agent.kill9()?;
    fleet.hub().admin()?.shift_clock(20 * DAY).await?;
    let commit = app.commit(&[("configmap.yaml", message_of("three weeks later"))]).await?;

    // Its own clock says that the certificate is new.
    fleet.member_mut(EU)?.agent.restart()?;
    let said = fleet.member(EU)?.agent.says(&["check its time synchronisation"], SOON).await?;
    ensure!(said.contains("19d23h") || said.contains("20d0h"), "how far the clock is off is not said: {said}");
    app.settles_at(&commit).await?;
    let certificate = fleet.api().cluster(EU).await?["certificate"].clone();
    ensure!(certificate["daysLeft"].as_i64() >= Some(6), "{certificate}");

    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}
