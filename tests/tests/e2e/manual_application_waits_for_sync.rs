//! A manual application shows what a commit would change, and changes nothing until it is told to.

use anyhow::{Result, ensure};
use windlass_tests::app::{App, Destination, Policy, message_application, message_of};
use windlass_tests::objects::configmap;

use super::stage::{EU, shared};

pub(crate) async fn manual_application_waits_for_sync() -> Result<()> {
    let fleet = shared().await?;
    let mut app = App::new(fleet, "manual", Destination::Cluster(EU.to_owned()), Policy::Manual).await?;
    let first = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.wait_for_targets("to be OutOfSync and Missing", |targets| {
        targets.len() == 1 && targets[0]["sync"] == "OutOfSync" && targets[0]["health"] == "Missing"
    })
    .await?;
    let cluster = fleet.member(EU)?;
    ensure!(cluster.objects.get(app.name(), configmap("message")).await?.is_none(), "it was applied without a sync");

    fleet.api().sync(app.name(), false).await?;
    app.settles_at(&first).await?;

    let second = app.commit(&[("configmap.yaml", message_of("good evening"))]).await?;
    app.refresh().await?;
    let seen = app.wait_for_targets("to be OutOfSync at the commit", |targets| {
        targets[0]["sync"] == "OutOfSync" && targets[0]["revision"] == second.as_str()
    });
    ensure!(seen.await?[0]["syncedRevision"] == first.as_str(), "it was synced without a sync");
    let message = cluster.objects.get(app.name(), configmap("message")).await?.expect("the message is there");
    ensure!(message["data"]["MESSAGE"] == "hello", "{message}");
    let resources = fleet.api().resources(app.name()).await?;
    let outdated: Vec<_> = resources.iter().filter(|one| one["sync"] == "OutOfSync").map(|one| &one["kind"]).collect();
    ensure!(outdated == ["ConfigMap"], "{outdated:?}");

    fleet.api().sync(app.name(), false).await?;
    app.settles_at(&second).await
}
