//! Sync options: another way to write, and what is asked before anything is written.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{App, Destination, Policy, SOON};
use windlass_tests::invariants;
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{configmap, namespace};
use windlass_tests::wait::wait_for;

use super::stage::{EU, app, shared};

const OPTIONS: &str = "argocd.argoproj.io/sync-options";

/// An immutable ConfigMap: what it holds cannot be changed in place.
fn immutable(text: &str) -> Manifest {
    manifest::configmap("fixed", &[("TEXT", text)]).with("immutable", json!(true))
}

async fn text_of(app: &App) -> Result<(Value, Value)> {
    let fleet = shared().await?;
    let found = fleet.member(EU)?.objects.get(app.name(), configmap("fixed")).await?.context("no object")?;
    Ok((found["metadata"]["uid"].clone(), found["data"]["TEXT"].clone()))
}

/// An immutable field stops the object, names the way out, and is not tried again; Force=true takes it.
pub(crate) async fn force_recreates_what_cannot_be_changed() -> Result<()> {
    let (_, mut app) = app("options-force").await?;
    let commit = app.commit(&[("fixed.yaml", immutable("one"))]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let (uid, _) = text_of(&app).await?;
    app.commit(&[("fixed.yaml", immutable("two"))]).await?;
    app.refresh().await?;
    app.wait_for_targets("to name the way out", |targets| {
        let message = targets[0]["operation"]["message"].as_str().unwrap_or_default();
        targets[0]["operation"]["phase"] == "Failed"
            && message.contains("Replace=true")
            && message.contains("Force=true")
    })
    .await?;
    let commit = app.commit(&[("fixed.yaml", immutable("two").annotation(OPTIONS, "Force=true"))]).await?;
    app.refresh().await?;
    app.settles_at(&commit).await?;
    let (now, text) = text_of(&app).await?;
    ensure!(now != uid && text == "two", "{now} {text}");
    Ok(())
}

/// Replace=true puts the manifest in the place of what is there: what others added goes, the object stays.
pub(crate) async fn replace_drops_what_others_added() -> Result<()> {
    let (fleet, mut app) = app("options-replace").await?;
    let objects = &fleet.member(EU)?.objects;
    let map = |text: &str| manifest::configmap("fixed", &[("TEXT", text)]).annotation(OPTIONS, "Replace=true");
    let commit = app.commit(&[("fixed.yaml", map("one"))]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let (uid, _) = text_of(&app).await?;
    objects.edit(app.name(), configmap("fixed"), json!({ "data": { "ADDED": "by hand" } })).await?;
    let commit = app.commit(&[("fixed.yaml", map("two"))]).await?;
    app.refresh().await?;
    app.settles_at(&commit).await?;
    let found = objects.get(app.name(), configmap("fixed")).await?.context("no object")?;
    ensure!(found["data"] == json!({ "TEXT": "two" }), "{}", found["data"]);
    ensure!(found["metadata"]["uid"] == uid, "it was made again");
    objects.edit(app.name(), configmap("fixed"), json!({ "data": { "TEXT": "by hand" } })).await?;
    let healed = || objects.get(app.name(), configmap("fixed"));
    wait_for("the drift to be healed", SOON, healed, |found| {
        found.as_ref().is_some_and(|found| found["data"]["TEXT"] == "two").then_some(())
    })
    .await
}

/// A manual sync asks first: when one object is refused, none is written.
pub(crate) async fn dry_run_first_refuses_without_touching() -> Result<()> {
    let fleet = shared().await?;
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(fleet, "options-dry", to, Policy::Manual).await?;
    let objects = &fleet.member(EU)?.objects;
    let wrong = manifest::service("wrong", 80).with("spec.type", json!("NoSuchType"));
    app.commit(&[("good.yaml", manifest::configmap("good", &[("A", "1")])), ("wrong.yaml", wrong)]).await?;
    app.create().await?;
    app.wait_for_targets("to be OutOfSync", |targets| targets.first().is_some_and(|t| t["sync"] == "OutOfSync"))
        .await?;
    objects.apply(&manifest::namespace(app.name()), "somebody").await?;
    fleet.api().sync(app.name(), false).await?;
    let seen = app.wait_for_targets("to have failed", |targets| targets[0]["operation"]["phase"] == "Failed").await?;
    ensure!(
        objects.get(app.name(), configmap("good")).await?.is_none(),
        "the good one was written: {}",
        seen[0]["operation"]
    );
    let message = seen[0]["operation"]["message"].as_str().unwrap_or_default();
    ensure!(message.contains("wrong"), "{message}");
    Ok(())
}

/// CreateNamespace with metadata: ours are kept, others' are left.
pub(crate) async fn namespace_metadata_follows_the_application() -> Result<()> {
    let (fleet, mut app) = app("options-namespace").await?;
    let objects = &fleet.member(EU)?.objects;
    let commit = app.commit(&[("map.yaml", manifest::configmap("fixed", &[("A", "1")]))]).await?;
    let mut spec = app.manifest();
    spec["spec"]["syncPolicy"]["managedNamespaceMetadata"] = json!({ "labels": { "team": "shop" } });
    fleet.api().put_application(&spec).await?;
    app.settles_at(&commit).await?;
    let labels = || async {
        Ok(objects.get("", namespace(app.name())).await?.unwrap_or_default()["metadata"]["labels"].clone())
    };
    wait_for("the namespace's label", SOON, labels, |labels| (labels["team"] == "shop").then_some(())).await
}

/// An annotation of the namespace stops every write, without the hub; taking it off lets them go on.
pub(crate) async fn pause_in_the_cluster_stops_writes() -> Result<()> {
    let (fleet, mut app) = app("options-pause").await?;
    let objects = &fleet.member(EU)?.objects;
    let commit = app.commit(&[("fixed.yaml", manifest::configmap("fixed", &[("TEXT", "one")]))]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let pause = |why: Value| json!({ "metadata": { "annotations": { "windlass.dev/pause": why } } });
    objects.edit("", namespace(app.name()), pause(json!("incident 7"))).await?;
    app.wait_for_targets("to say that it is paused", |targets| {
        windlass_tests::app::has_condition(&targets[0], "WritesFrozen", "incident 7")
    })
    .await?;
    let commit = app.commit(&[("fixed.yaml", manifest::configmap("fixed", &[("TEXT", "two")]))]).await?;
    app.refresh().await?;
    app.wait_for_targets("to show the commit", |targets| {
        targets[0]["revision"] == commit.as_str() && targets[0]["sync"] == "OutOfSync"
    })
    .await?;
    ensure!(text_of(&app).await?.1 == "one", "it was written while paused");
    objects.edit("", namespace(app.name()), pause(Value::Null)).await?;
    app.settles_at(&commit).await
}

/// A namespace that left git goes without an approval when nothing is in it, and waits while something is.
pub(crate) async fn empty_namespace_is_pruned_and_a_full_one_waits() -> Result<()> {
    let (fleet, mut app) = app("options-unused").await?;
    let objects = &fleet.member(EU)?.objects;
    let commit = app
        .commit(&[
            ("map.yaml", manifest::configmap("fixed", &[("A", "1")])),
            ("empty.yaml", manifest::namespace("options-empty")),
            ("full.yaml", manifest::namespace("options-full")),
        ])
        .await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    objects.apply(&manifest::configmap("mine", &[("B", "2")]).in_namespace("options-full"), "somebody").await?;
    let commit = app.remove(&["empty.yaml"]).await?;
    app.refresh().await?;
    app.settles_at(&commit).await?;
    let empty = || objects.present("", namespace("options-empty"));
    wait_for("the empty namespace to go", SOON, empty, |found| found.is_none().then_some(())).await?;
    app.remove(&["full.yaml"]).await?;
    app.refresh().await?;
    app.wait_for_targets("to hold the full namespace", |targets| {
        targets[0]["hold"]["reason"].as_str().is_some_and(|reason| reason.contains("options-full"))
    })
    .await?;
    ensure!(objects.present("", namespace("options-full")).await?.is_some(), "it was deleted with what is in it");
    invariants::check(fleet, &[&app]).await
}

/// Whose field git took is said.
pub(crate) async fn override_names_the_other_manager() -> Result<()> {
    let (fleet, mut app) = app("options-override").await?;
    let objects = &fleet.member(EU)?.objects;
    let commit = app.commit(&[("fixed.yaml", manifest::configmap("fixed", &[("TEXT", "one")]))]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    objects.edit(app.name(), configmap("fixed"), json!({ "data": { "OTHER": "by hand" } })).await?;
    let both = manifest::configmap("fixed", &[("TEXT", "one"), ("OTHER", "by git")]);
    let commit = app.commit(&[("fixed.yaml", both)]).await?;
    app.refresh().await?;
    app.settles_at(&commit).await?;
    let operations = fleet.api().operations(app.name()).await?;
    let results =
        operations.iter().flat_map(|operation| operation["state"]["results"].as_array().into_iter().flatten());
    let told = results
        .filter_map(|result| result["message"].as_str())
        .any(|text| text.contains("data.OTHER") && text.contains("somebody"));
    ensure!(told, "{operations:?}");
    Ok(())
}

/// `syncPolicy.observe`: compared and shown, never written.
pub(crate) async fn observed_application_is_never_written() -> Result<()> {
    let (fleet, mut app) = app("options-observe").await?;
    let objects = &fleet.member(EU)?.objects;
    app.commit(&[("fixed.yaml", manifest::configmap("fixed", &[("TEXT", "one")]))]).await?;
    let mut spec = app.manifest();
    spec["spec"]["syncPolicy"]["observe"] = json!(true);
    fleet.api().put_application(&spec).await?;
    app.wait_for_targets("to be OutOfSync", |targets| targets.first().is_some_and(|t| t["sync"] == "OutOfSync"))
        .await?;
    fleet.api().sync(app.name(), false).await.map(drop).or_else(|error| {
        // Refused at the hub already is as good.
        error.to_string().contains("observe").then_some(()).ok_or(error)
    })?;
    app.wait_for_targets("to say why", |targets| {
        windlass_tests::app::has_condition(&targets[0], "WritesFrozen", "observed")
    })
    .await?;
    ensure!(objects.get(app.name(), configmap("fixed")).await?.is_none(), "it was written");
    Ok(())
}
