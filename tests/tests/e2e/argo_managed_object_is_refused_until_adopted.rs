//! An object that Argo CD manages is left alone and named, until a person says that it may be taken over.

use anyhow::{Result, ensure};
use windlass_tests::app::{SOON, message_application, message_of};
use windlass_tests::manifest;
use windlass_tests::objects::{configmap, deployment};
use windlass_tests::wait::wait_for;

use super::stage::{EU, app};

const TRACKING: &str = "argocd.argoproj.io/tracking-id";

pub(crate) async fn argo_managed_object_is_refused_until_adopted() -> Result<()> {
    let (fleet, mut app) = app("adopted").await?;
    let cluster = fleet.member(EU)?;
    let name = app.name().to_owned();
    cluster.objects.apply(&manifest::namespace(&name), "argocd-controller").await?;
    let theirs = message_of("from Argo CD").in_namespace(&name);
    let theirs = theirs.annotation(TRACKING, &format!("legacy:/ConfigMap:{name}/message"));
    cluster.objects.apply(&theirs, "argocd-controller").await?;

    let commit = app.commit(&message_application("from Windlass")).await?;
    app.create().await?;
    app.wait_for_status("to name the owner of what it may not touch", |seen| {
        seen["targets"][0]["sync"] == "OutOfSync" && seen.to_string().contains("legacy")
    })
    .await?;
    let resources = fleet.api().resources(&name).await?;
    let refused = resources.iter().find(|one| one["kind"] == "ConfigMap").expect("it is listed");
    let message = refused["message"].as_str().unwrap_or_default();
    ensure!(message.contains("Argo CD application \"legacy\"") && message.contains("app adopt"), "{refused}");
    let object = cluster.objects.get(&name, configmap("message")).await?.expect("the message is there");
    ensure!(object["data"]["MESSAGE"] == "from Argo CD", "{object}");
    let look = || cluster.objects.get(&name, deployment("message"));
    wait_for("the rest to be applied", SOON, look, |found| found.is_some().then_some(())).await?;

    let adopted = fleet.api().adopt(&name).await?;
    ensure!(adopted["adopted"][0]["keys"][0]["kind"] == "ConfigMap", "{adopted}");
    app.settles_at(&commit).await?;
    let object = cluster.objects.get(&name, configmap("message")).await?.expect("the message is there");
    ensure!(object["data"]["MESSAGE"] == "from Windlass", "{object}");
    ensure!(object["metadata"]["annotations"][TRACKING] == format!("{name}:/ConfigMap:{name}/message"), "{object}");
    Ok(())
}
