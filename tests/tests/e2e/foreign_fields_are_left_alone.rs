//! What git does not name is nobody's drift: other writers keep their fields, and the agent writes nothing.

use anyhow::{Result, ensure};
use serde_json::json;
use windlass_tests::app::{message_application, message_of};
use windlass_tests::objects::{configmap, deployment};

use super::stage::{EU, app};

pub(crate) async fn foreign_fields_are_left_alone() -> Result<()> {
    let (fleet, mut app) = app("foreign").await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    let cluster = fleet.member(EU)?;
    let mark = cluster.plane.audit_mark()?;
    let note = json!({ "metadata": { "annotations": { "somebody.example/note": "mine" } } });
    cluster.objects.edit(app.name(), deployment("message"), note).await?;
    cluster.objects.edit(app.name(), configmap("message"), json!({ "data": { "OTHER": "mine" } })).await?;

    // A commit that comes later is seen later: when it has arrived, the edits have long been seen.
    let second = app.commit(&[("marker.yaml", windlass_tests::manifest::configmap("marker", &[("a", "b")]))]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    let writes = cluster.plane.audit_by_user(&cluster.user, mark)?;
    let touched = writes.iter().find(|event| {
        event["verb"] == "patch"
            && event["objectRef"]["namespace"] == app.name()
            && event["objectRef"]["name"] == "message"
    });
    ensure!(touched.is_none(), "the agent wrote for a field that git does not name: {touched:?}");

    // An apply of the same object leaves them too.
    let third = app.commit(&[("configmap.yaml", message_of("good evening"))]).await?;
    app.refresh().await?;
    app.settles_at(&third).await?;
    let object = cluster.objects.get(app.name(), configmap("message")).await?.expect("the message is there");
    ensure!(object["data"] == json!({ "MESSAGE": "good evening", "OTHER": "mine" }), "{object}");
    let object = cluster.objects.get(app.name(), deployment("message")).await?.expect("the deployment is there");
    ensure!(object["metadata"]["annotations"]["somebody.example/note"] == "mine", "{object}");
    Ok(())
}
