//! Who an object and a field belong to when several want it.

use anyhow::{Result, ensure};
use serde_json::json;
use windlass_tests::app::{SOON, has_condition, message_application, message_of};
use windlass_tests::invariants;
use windlass_tests::manifest;
use windlass_tests::objects::{SOMEBODY, configmap, deployment};
use windlass_tests::wait::wait_for;

use super::stage::{EU, app, calm_in, cli, writes};

/// The second application is refused and says whose the object is, the first is not disturbed; told to, the second takes it
/// over, and then the first is refused.
pub(crate) async fn object_of_two_applications_stays_with_the_first() -> Result<()> {
    let (fleet, mut first) = app("claim-first").await?;
    let (_, mut second) = app("claim-second").await?;
    let cluster = fleet.member(EU)?;
    let place = first.name().to_owned();
    let commit = first.commit(&message_application("of the first")).await?;
    first.create().await?;
    first.settles_at(&commit).await?;

    let theirs = message_of("of the second").in_namespace(&place);
    let files = [("configmap.yaml", theirs), ("own.yaml", manifest::configmap("own", &[("a", "b")]))];
    let claimed = second.commit(&files).await?;
    second.create().await?;
    second
        .wait_for_status("to name whose the object is", |seen| {
            seen["targets"][0]["sync"] == "OutOfSync" && seen.to_string().contains("claim-first")
        })
        .await?;
    let look = || cluster.objects.get(second.name(), configmap("own"));
    wait_for("what nobody claims to be applied", SOON, look, |found| found.is_some().then_some(())).await?;
    let mark = cluster.plane.audit_mark()?;
    calm_in(cluster, &[first.name(), second.name()]).await?;
    let touched: Vec<String> = writes(cluster, mark)?.into_iter().filter(|write| write.contains(&place)).collect();
    ensure!(touched.is_empty(), "two applications write the same object: {}", touched.join(", "));
    says(cluster, &place, "of the first").await?;
    first.settles_at(&commit).await?;

    let adopted = fleet.api().adopt(second.name()).await?;
    ensure!(adopted["adopted"][0]["keys"][0]["name"] == "message", "{adopted}");
    second.settles_at(&claimed).await?;
    says(cluster, &place, "of the second").await?;
    first
        .wait_for_status("to name the new owner", |seen| {
            seen["targets"][0]["sync"] == "OutOfSync" && seen.to_string().contains("claim-second")
        })
        .await?;
    // What the first no longer owns it does not prune.
    let commit = first.remove(&["configmap.yaml"]).await?;
    first.refresh().await?;
    first.settles_at(&commit).await?;
    says(cluster, &place, "of the second").await?;
    invariants::check(fleet, &[&second]).await
}

/// Somebody takes a field that git names: git wins once, and who had it is said. A field that git does not name is theirs.
pub(crate) async fn field_of_two_managers_is_gits() -> Result<()> {
    let (fleet, mut app) = app("two-managers").await?;
    let cluster = fleet.member(EU)?;
    let name = app.name().to_owned();
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let edit = json!({ "spec": { "replicas": 7, "revisionHistoryLimit": 3 } });
    cluster.objects.edit(&name, deployment("message"), edit).await?;
    let look = || cluster.objects.get(&name, deployment("message"));
    wait_for("git's replicas to be back", SOON, look, |found| (found.as_ref()?["spec"]["replicas"] == 2).then_some(()))
        .await?;
    calm_in(cluster, &[&name]).await?;
    let live = cluster.objects.get(&name, deployment("message")).await?.unwrap_or_default();
    ensure!(live["spec"]["revisionHistoryLimit"] == 3, "a field that git does not name was taken: {live}");
    app.settles_at(&commit).await?;
    let operations = fleet.api().operations(&name).await?;
    let told = operations.iter().any(|operation| {
        let text = operation["state"].to_string();
        text.contains(SOMEBODY) && text.contains("spec.replicas")
    });
    ensure!(told, "nobody says from whom the field was taken: {operations:?}");
    invariants::check(fleet, &[&app]).await
}

/// Moved between projects, an application keeps what it has, and nobody writes; into one that does not permit it, nothing of it is touched, and the project is named.
pub(crate) async fn application_moves_between_projects_without_a_write() -> Result<()> {
    let (fleet, mut app) = app("moved").await?;
    let cluster = fleet.member(EU)?;
    let (_folder, cli) = cli(fleet, "moved-cli").await?;
    cli.must(&["proj", "create", "moved-open", "--src", "*", "--dest", "*,*"]).await?;
    cli.must(&["proj", "create", "moved-shut", "--src", "*", "--dest", "*,elsewhere"]).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    calm_in(cluster, &[app.name()]).await?;
    let mark = cluster.plane.audit_mark()?;
    let put = |project: &'static str| {
        let mut manifest = app.manifest();
        manifest["spec"]["project"] = json!(project);
        async move { fleet.api().put_application(&manifest).await }
    };
    put("moved-open").await?;
    app.settles_at(&commit).await?;
    put("moved-shut").await?;
    app.wait_for_status("to name the project", |seen| {
        has_condition(seen, "InvalidSpecError", "project \"moved-shut\" does not permit")
    })
    .await?;
    put("default").await?;
    app.wait_for_status("to be permitted again", |seen| !has_condition(seen, "InvalidSpecError", "")).await?;
    app.settles_at(&commit).await?;
    calm_in(cluster, &[app.name()]).await?;
    let touched: Vec<String> = writes(cluster, mark)?.into_iter().filter(|write| write.contains(app.name())).collect();
    ensure!(touched.is_empty(), "a move wrote: {}", touched.join(", "));
    invariants::check(fleet, &[&app]).await
}

async fn says(cluster: &windlass_tests::fleet::Member, namespace: &str, message: &str) -> Result<()> {
    let look = || cluster.objects.get(namespace, configmap("message"));
    let what = format!("the message to be {message:?}");
    wait_for(&what, SOON, look, |found| (found.as_ref()?["data"]["MESSAGE"] == message).then_some(())).await
}
