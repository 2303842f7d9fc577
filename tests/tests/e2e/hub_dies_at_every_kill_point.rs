//! The hub is killed at every named point of its way from a commit to an acknowledged generation; each point is proved
//! hit, and after each the commit arrives all the same.

use anyhow::{Result, ensure};
use windlass_tests::app::{App, Destination, Policy, SOON, message_application, message_of};
use windlass_tests::invariants::{self, Generations};

use super::stage::{EU, own_fleet};

const POINTS: &[&str] = &[
    "hub::fetch::before",
    "hub::fetch::after",
    "hub::render::before",
    "hub::commit::before",
    "hub::session::before_ack_store",
    "hub::session::before_report_store",
    "store::before_commit",
    "store::after_commit",
];

pub(crate) async fn hub_dies_at_every_kill_point() -> Result<()> {
    let mut fleet = own_fleet("hub-points").await?;
    let generations = Generations::watch(fleet.api());
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "hub-points", to, Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    for point in POINTS {
        fleet.hub().admin()?.failpoint(point, "kill").await?;
        let commit = app.commit(&[("configmap.yaml", message_of(point))]).await?;
        // The answer dies with the hub.
        let _ = app.refresh().await;
        let status = fleet.hub_mut().process().wait_exited(SOON).await?;
        ensure!(!status.success(), "{point}: {status}");
        let tail = fleet.hub_mut().process().log_tail(20);
        ensure!(tail.contains(&format!("failpoint {point}: killed")), "{point} was not hit: {tail}");

        fleet.hub_mut().restart().await?;
        app.settles_at(&commit).await?;
    }
    generations.never_fell()?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}
