//! A target that is missing from the hub's whole list is frozen and reported, never pruned.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use windlass_tests::app::{App, Destination, Policy, SOON, message_application};
use windlass_tests::objects::configmap;
use windlass_tests::wait::wait_for;

use super::stage::{EU, cli, own_fleet, writes};

pub(crate) async fn target_missing_from_the_list_is_frozen_and_reported() -> Result<()> {
    let mut fleet = own_fleet("missing-target").await?;
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "missing-target", to.clone(), Policy::Automated).await?;
    let mut neighbour = App::new(&fleet, "listed-target", to, Policy::Automated).await?;
    for app in [&mut app, &mut neighbour] {
        let commit = app.commit(&message_application("hello")).await?;
        app.create().await?;
        app.settles_at(&commit).await?;
    }
    let uid = app.seen().await?["uid"].as_str().context("an application has a uid")?.to_owned();

    // The hub's database loses the application, as a bad restore or a wrong hand would.
    fleet.hub_mut().kill9()?;
    for table in ["targets", "applications"] {
        let column = if table == "targets" { "application" } else { "uid" };
        fleet.hub().store().execute(format!("DELETE FROM {table} WHERE {column} = '{uid}'")).await?;
    }
    let mark = fleet.member(EU)?.plane.audit_mark()?;
    fleet.hub_mut().restart().await?;
    fleet.connected(EU).await?;

    let cluster = || fleet.api().cluster(EU);
    let told = wait_for("the agent to tell what it keeps", SOON, cluster, |cluster| {
        cluster["frozenTargets"].as_array().filter(|frozen| !frozen.is_empty()).cloned()
    })
    .await?;
    ensure!(told == [json!({ "uid": uid, "application": format!("argocd/{}", app.name()) })], "{told:?}");
    let (folder, cli) = cli(&fleet, "missing-target-cli").await?;
    let shown = cli.must(&["cluster", "get", EU]).await?;
    ensure!(shown.contains(&uid) && shown.contains(app.name()), "{shown}");

    // Nothing of it is touched, drift included; its neighbour lives on.
    let member = fleet.member(EU)?;
    member.objects.edit(app.name(), configmap("message"), json!({ "data": { "MESSAGE": "by hand" } })).await?;
    let commit = neighbour.commit(&[("configmap.yaml", windlass_tests::app::message_of("later"))]).await?;
    neighbour.refresh().await?;
    neighbour.settles_at(&commit).await?;
    let written = writes(member, mark)?;
    let touched: Vec<&String> = written.iter().filter(|write| write.contains(&format!("/{}/", app.name()))).collect();
    ensure!(touched.is_empty(), "a frozen target was written to: {touched:?}");
    let mut folder = folder;
    folder.succeed();
    fleet.finish();
    Ok(())
}
