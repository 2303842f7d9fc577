//! A render of zero objects, and a path that is gone, delete nothing.

use anyhow::{Result, ensure};
use windlass_tests::app::{DIRECTORY, has_condition, message_application};
use windlass_tests::invariants;
use windlass_tests::objects::{configmap, deployment};

use super::stage::{EU, app};

pub(crate) async fn empty_directory_prunes_nothing() -> Result<()> {
    let (fleet, mut app) = app("emptied").await?;
    let first = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    let cluster = fleet.member(EU)?;
    let mark = cluster.plane.audit_mark()?;

    app.remove(&["configmap.yaml", "deployment.yaml", "service.yaml"]).await?;
    app.refresh().await?;
    let held = app.wait_for_targets("to hold its deletions", |targets| targets[0]["hold"]["count"] == 3).await?;
    ensure!(held[0]["sync"] == "OutOfSync", "{}", held[0]);
    ensure!(has_condition(&held[0], "PruneHeld", ""), "{}", held[0]);

    app.repo().publish(&[(DIRECTORY, None)], "the directory is gone").await?;
    app.refresh().await?;
    let seen =
        app.wait_for_status("to say that its path is gone", |seen| has_condition(seen, "ComparisonError", DIRECTORY));
    seen.await?;

    for kind in [configmap("message"), deployment("message")] {
        ensure!(cluster.objects.present(app.name(), kind).await?.is_some(), "{kind:?} was deleted");
    }
    let deletes = cluster.plane.audit_by_user(&cluster.user, mark)?;
    let ours = deletes.iter().find(|event| event["verb"] == "delete" && event["objectRef"]["namespace"] == app.name());
    ensure!(ours.is_none(), "{ours:?}");
    invariants::check(fleet, &[&app]).await
}
