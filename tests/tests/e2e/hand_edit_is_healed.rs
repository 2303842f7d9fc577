//! A field that git names goes back to what git says when somebody edits it.

use anyhow::Result;
use serde_json::json;
use windlass_tests::app::{SOON, message_application};
use windlass_tests::objects::{configmap, deployment};
use windlass_tests::wait::wait_for;

use super::stage::{EU, app};

pub(crate) async fn hand_edit_is_healed() -> Result<()> {
    let (fleet, mut app) = app("edited").await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    let cluster = fleet.member(EU)?;
    cluster.objects.edit(app.name(), configmap("message"), json!({ "data": { "MESSAGE": "by hand" } })).await?;
    let look = || cluster.objects.get(app.name(), configmap("message"));
    wait_for("git's message to be back", SOON, look, |found| {
        (found.as_ref()?["data"]["MESSAGE"] == "hello").then_some(())
    })
    .await?;

    cluster.objects.edit(app.name(), deployment("message"), json!({ "spec": { "replicas": 5 } })).await?;
    let look = || cluster.objects.get(app.name(), deployment("message"));
    wait_for("git's replicas to be back", SOON, look, |found| (found.as_ref()?["spec"]["replicas"] == 2).then_some(()))
        .await?;
    app.settles_at(&commit).await
}
