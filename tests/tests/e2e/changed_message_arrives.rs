//! A changed ConfigMap arrives: nothing else is written.

use anyhow::{Result, ensure};
use windlass_tests::app::{message_application, message_of};
use windlass_tests::objects::configmap;

use super::stage::{EU, app};

pub(crate) async fn changed_message_arrives() -> Result<()> {
    let (fleet, mut app) = app("changed").await?;
    let first = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&first).await?;

    let cluster = fleet.member(EU)?;
    let mark = cluster.plane.audit_mark()?;
    let second = app.commit(&[("configmap.yaml", message_of("good evening"))]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;

    let message = cluster.objects.get(app.name(), configmap("message")).await?.expect("the message is there");
    ensure!(message["data"]["MESSAGE"] == "good evening", "{message}");
    let writes = cluster.plane.audit_by_user(&cluster.user, mark)?;
    let other = writes.iter().find(|event| {
        event["verb"] == "patch"
            && event["objectRef"]["namespace"] == app.name()
            && event["objectRef"]["resource"] != "configmaps"
    });
    ensure!(other.is_none(), "only the message changed, and this was written too: {other:?}");
    Ok(())
}
