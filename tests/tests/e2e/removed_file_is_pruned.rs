//! What leaves git leaves the cluster, and the operation says so.

use anyhow::{Result, ensure};
use windlass_tests::app::{SOON, message_application};
use windlass_tests::invariants;
use windlass_tests::manifest;
use windlass_tests::objects::configmap;
use windlass_tests::wait::wait_for;

use super::stage::{EU, app};

pub(crate) async fn removed_file_is_pruned() -> Result<()> {
    let (fleet, mut app) = app("pruned").await?;
    let mut files = message_application("hello");
    files.push(("extra.yaml", manifest::configmap("extra", &[("a", "b")])));
    let first = app.commit(&files).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    let cluster = fleet.member(EU)?;
    ensure!(cluster.objects.get(app.name(), configmap("extra")).await?.is_some(), "the extra object is there at first");

    let second = app.remove(&["extra.yaml"]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    let look = || cluster.objects.get(app.name(), configmap("extra"));
    wait_for("the extra object to be gone", SOON, look, |found| found.is_none().then_some(())).await?;

    let operations = fleet.api().operations(app.name()).await?;
    let told = operations.iter().flat_map(|one| one["state"]["results"].as_array().into_iter().flatten());
    let pruned: Vec<_> = told.filter(|result| result["status"] == "Pruned").collect();
    ensure!(pruned.len() == 1 && pruned[0]["name"] == "extra", "pruned: {pruned:?}");
    invariants::check(fleet, &[&app]).await
}
