//! An object that somebody deletes comes back by itself.

use anyhow::{Result, ensure};
use windlass_tests::app::{SOON, message_application};
use windlass_tests::objects::deployment;
use windlass_tests::wait::wait_for;

use super::stage::{EU, app};

pub(crate) async fn deleted_object_is_healed() -> Result<()> {
    let (fleet, mut app) = app("deleted").await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    let cluster = fleet.member(EU)?;
    let before = cluster.objects.get(app.name(), deployment("message")).await?.expect("the deployment is there");
    cluster.objects.delete(app.name(), deployment("message")).await?;
    let look = || cluster.objects.present(app.name(), deployment("message"));
    let after = wait_for("the deployment to come back", SOON, look, Clone::clone).await?;
    ensure!(after["metadata"]["uid"] != before["metadata"]["uid"], "it was never deleted");
    app.settles_at(&commit).await
}
