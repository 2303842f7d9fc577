//! What people decide over applications: rollback, freeze, dependencies, a deletion that a gone cluster would block, selections and trials.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::api::Api;
use windlass_tests::app::{App, Destination, Policy, SOON, has_condition, message_application, message_of};
use windlass_tests::fleet::Fleet;
use windlass_tests::invariants;
use windlass_tests::objects::{configmap, deployment};
use windlass_tests::wait::wait_for;

use super::stage::{CALM, EU, app, calm, cli, own_fleet, shared};

fn below(app: &App, what: &str) -> String {
    format!("/api/v1/applications/argocd/{}/{what}", app.name())
}

/// The message that the cluster has.
async fn message(fleet: &Fleet, app: &App) -> Result<Option<String>> {
    let found = fleet.member(EU)?.objects.get(app.name(), configmap("message")).await?;
    Ok(found.and_then(|object| object["data"]["MESSAGE"].as_str().map(str::to_owned)))
}

async fn reads(fleet: &Fleet, app: &App, wanted: &str) -> Result<()> {
    let what = format!("application {} to say {wanted:?}", app.name());
    wait_for(&what, SOON, || message(fleet, app), |found| (found.as_deref() == Some(wanted)).then_some(())).await
}

async fn verdict(api: &Api, app: &App) -> Result<Value> {
    let explained = api.get(&below(app, "explain")).await?;
    Ok(explained["targets"][0].clone())
}

async fn explains(api: &Api, app: &App, wanted: &str) -> Result<Value> {
    let what = format!("application {} to be explained by {wanted}", app.name());
    wait_for(&what, SOON, || verdict(api, app), |found| (found["verdict"] == wanted).then(|| found.clone())).await
}

pub(crate) async fn rollback_holds_under_automated_sync() -> Result<()> {
    let mut fleet = own_fleet("rollback").await?;
    let mut app = App::new(&fleet, "rolled-back", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let first = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    let second = app.commit(&[("configmap.yaml", message_of("broken"))]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    let history = || async { fleet.api().list(&below(&app, "history")).await };
    let entries = wait_for("two deployments", SOON, history, |found| (found.len() == 2).then(|| found.clone())).await?;
    ensure!((&entries[0]["revision"], &entries[1]["revision"]) == (&json!(second), &json!(first)), "{entries:?}");
    ensure!(
        entries[1]["automated"] == true && entries[1]["results"].as_array().is_some_and(|all| all.len() >= 3),
        "{entries:?}"
    );
    let id = entries[1]["id"].to_string();

    let (_folder, cli) = cli(&fleet, "rollback-cli").await?;
    let printed = cli.must(&["app", "rollback", app.name(), &id]).await?;
    ensure!(printed.contains("Phase:") && printed.contains("Succeeded"), "{printed}");
    reads(&fleet, &app, "hello").await?;

    // Neither a new commit nor a restart overrides it, and drift is healed to what is held.
    let third = app.commit(&[("configmap.yaml", message_of("fixed"))]).await?;
    app.refresh().await?;
    app.wait_for_status("to know the new commit", |seen| seen["source"]["revision"] == third.as_str()).await?;
    fleet.hub_mut().kill9()?;
    fleet.hub_mut().restart().await?;
    fleet.connected(EU).await?;
    let held = app
        .wait_for_status("to be held", |seen| {
            seen["held"]["revision"] == first.as_str() && seen["targets"][0]["desiredRevision"] == first.as_str()
        })
        .await?;
    ensure!(has_condition(&held, "HeldAtRevision", "windlass app resume"), "{held}");
    let cluster = fleet.member(EU)?;
    cluster.objects.edit(app.name(), configmap("message"), json!({"data": {"MESSAGE": "edited"}})).await?;
    reads(&fleet, &app, "hello").await?;
    let why = explains(fleet.api(), &app, "HeldAtRevision").await?;
    ensure!(why["next"] == format!("windlass app resume {}", app.name()), "{why}");
    let listed = cli.must(&["app", "list"]).await?;
    ensure!(listed.contains("(held)"), "{listed}");

    cli.must(&["app", "resume", app.name()]).await?;
    app.settles_at(&third).await?;
    reads(&fleet, &app, "fixed").await?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

pub(crate) async fn freeze_stops_writes_and_says_so() -> Result<()> {
    let (fleet, mut app) = app("frozen").await?;
    let first = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    let (_folder, cli) = cli(fleet, "freeze-cli").await?;
    cli.must(&["freeze", app.name(), "--reason", "incident 7"]).await?;
    let frozen = app.wait_for_status("to be frozen", |seen| seen["targets"][0]["paused"]["kind"] == "Freeze").await?;
    ensure!(has_condition(&frozen, "WritesFrozen", "incident 7"), "{frozen}");

    // Neither a commit nor drift nor a person's sync is written; all of it is seen.
    let second = app.commit(&[("configmap.yaml", message_of("later"))]).await?;
    app.refresh().await?;
    let cluster = fleet.member(EU)?;
    cluster.objects.edit(app.name(), configmap("message"), json!({"data": {"MESSAGE": "edited"}})).await?;
    app.wait_for_targets("to see what it may not write", |targets| {
        targets[0]["revision"] == second.as_str() && targets[0]["sync"] == "OutOfSync"
    })
    .await?;
    let refused = cli.run(&["app", "sync", app.name()]).await?;
    ensure!(refused.code == Some(1) && refused.stderr.contains("incident 7"), "{refused:?}");
    let refused = cli.run(&["app", "delete", app.name(), "--yes"]).await?;
    ensure!(refused.code == Some(1) && refused.stderr.contains("windlass thaw"), "{refused:?}");
    tokio::time::sleep(CALM).await;
    ensure!(message(fleet, &app).await?.as_deref() == Some("edited"), "a frozen application was written to");
    let why = explains(fleet.api(), &app, "WritesFrozen").await?;
    ensure!(why["sentence"].as_str().is_some_and(|text| text.contains("incident 7")), "{why}");
    let listed = cli.must(&["app", "list"]).await?;
    ensure!(listed.contains("(frozen)"), "{listed}");
    ensure!(cli.must(&["freezes"]).await?.contains("incident 7"), "the list of freezes leaves it out");

    cli.must(&["thaw", app.name()]).await?;
    app.settles_at(&second).await?;
    reads(fleet, &app, "later").await?;
    invariants::check(fleet, &[&app]).await
}

pub(crate) async fn depends_on_waits_and_explains() -> Result<()> {
    let fleet = shared().await?;
    let mut database = App::new(fleet, "needed", Destination::Cluster(EU.to_owned()), Policy::Manual).await?;
    let mut app = App::new(fleet, "needing", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let db_commit = database.commit(&message_application("database")).await?;
    let commit = app.commit(&message_application("hello")).await?;
    let mut manifest = app.manifest();
    manifest["spec"]["dependsOn"] = json!(["needed"]);
    fleet.api().put_application(&manifest).await?;
    let waiting = app
        .wait_for_status("to wait for what does not exist", |seen| seen["targets"][0]["paused"]["kind"] == "DependsOn")
        .await?;
    ensure!(has_condition(&waiting, "DependencyWait", "needed"), "{waiting}");
    let why = explains(fleet.api(), &app, "DependencyWait").await?;
    ensure!(why["sentence"].as_str().is_some_and(|text| text.contains("needed")), "{why}");

    database.create().await?;
    database
        .wait_for_targets("to wait for a sync", |targets| targets.len() == 1 && targets[0]["sync"] == "OutOfSync")
        .await?;
    let mut circle = database.manifest();
    circle["spec"]["dependsOn"] = json!([{"name": "needing"}]);
    let refused = fleet.api().put_application(&circle).await;
    ensure!(refused.is_err_and(|error| format!("{error:#}").contains("argocd/needing")), "a circle was taken");
    tokio::time::sleep(CALM).await;
    ensure!(message(fleet, &app).await?.is_none(), "it did not wait");

    fleet.api().sync(database.name(), false).await?;
    database.settles_at(&db_commit).await?;
    app.settles_at(&commit).await?;
    // Let through once, a bundle is healed whatever its dependencies do.
    let objects = &fleet.member(EU)?.objects;
    objects.delete(database.name(), deployment("message")).await?;
    objects.edit(app.name(), configmap("message"), json!({"data": {"MESSAGE": "edited"}})).await?;
    reads(fleet, &app, "hello").await?;
    invariants::check(fleet, &[&app]).await
}

pub(crate) async fn a_gone_cluster_does_not_block_deletion() -> Result<()> {
    let mut fleet = own_fleet("gone-cluster").await?;
    let mut app = App::new(&fleet, "left-behind", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    fleet.member_mut(EU)?.agent.kill9()?;
    app.wait_for_targets("to be without its agent", |targets| targets[0]["freshness"]["connected"] == false).await?;

    let (_folder, cli) = cli(&fleet, "gone-cluster-cli").await?;
    cli.must(&["app", "delete", app.name(), "--cascade", "foreground", "--yes"]).await?;
    let shown = cli.must(&["app", "get", app.name()]).await?;
    ensure!(shown.contains("waits for its agent") && shown.contains("--abandon eu-1"), "{shown}");
    let why = explains(fleet.api(), &app, "Removing").await?;
    ensure!(why["sentence"].as_str().is_some_and(|text| text.contains("not connected")), "{why}");

    let given_up = cli.must(&["app", "delete", app.name(), "--abandon", EU, "--yes"]).await?;
    ensure!(given_up.contains("ConfigMap left-behind/message"), "what is left is not listed: {given_up}");
    ensure!(fleet.api().application(app.name()).await?.is_none(), "the application is still there");

    // The agent comes back, is told that it is over, and deletes nothing.
    fleet.member_mut(EU)?.agent.restart()?;
    fleet.connected(EU).await?;
    calm(fleet.member(EU)?).await?;
    reads(&fleet, &app, "hello").await?;
    fleet.finish();
    Ok(())
}

pub(crate) async fn selected_objects_are_synced_and_nothing_else() -> Result<()> {
    let fleet = shared().await?;
    let mut app = App::new(fleet, "selected", Destination::Cluster(EU.to_owned()), Policy::Manual).await?;
    let first = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.wait_for_targets("to be OutOfSync", |targets| targets.len() == 1 && targets[0]["sync"] == "OutOfSync").await?;
    let (_folder, cli) = cli(fleet, "selected-cli").await?;
    let objects = &fleet.member(EU)?.objects;

    // A trial says what would be, and writes nothing.
    let tried = cli.must(&["app", "sync", app.name(), "--dry-run"]).await?;
    ensure!(tried.contains("Succeeded"), "{tried}");
    ensure!(message(fleet, &app).await?.is_none(), "a dry run wrote");

    cli.must(&["app", "sync", app.name()]).await?;
    app.settles_at(&first).await?;
    let web = windlass_tests::manifest::service("other", 80);
    let second = app.commit(&[("configmap.yaml", message_of("later")), ("other.yaml", web)]).await?;
    app.refresh().await?;
    app.wait_for_targets("to see the commit", |targets| targets[0]["revision"] == second.as_str()).await?;
    let printed = cli.must(&["app", "sync", app.name(), "--resource", ":ConfigMap:message"]).await?;
    ensure!(printed.contains("ConfigMap") && !printed.contains("Service"), "{printed}");
    reads(fleet, &app, "later").await?;
    ensure!(objects.get(app.name(), ("v1", "Service", "other")).await?.is_none(), "more than the selection was synced");
    let history = fleet.api().list(&below(&app, "history")).await?;
    ensure!(history.len() == 1, "a trial or a part was taken for a deployment: {history:?}");

    // An earlier commit by its name: a manual application is held there too.
    cli.must(&["app", "sync", app.name(), "--revision", &first]).await?;
    reads(fleet, &app, "hello").await?;
    let seen = app.seen().await?;
    ensure!(seen["held"]["revision"] == first.as_str(), "{seen}");
    let unknown = cli.run(&["app", "sync", app.name(), "--revision", "no-such-branch"]).await?;
    ensure!(unknown.code == Some(1) && unknown.stderr.contains("no-such-branch"), "{unknown:?}");
    cli.must(&["app", "sync", app.name()]).await.context("back to git")?;
    app.settles_at(&second).await
}

/// Each is fine alone, and both at once are not: whichever comes second is refused, with the circle named, and nothing of it is kept.
pub(crate) async fn two_that_would_wait_for_each_other_are_never_both_written() -> Result<()> {
    let fleet = shared().await?;
    for round in 0..10 {
        let names = [format!("circle-{round}-one"), format!("circle-{round}-two")];
        let mut manifests = Vec::new();
        for (name, other) in [(&names[0], &names[1]), (&names[1], &names[0])] {
            let app = App::new(fleet, name, Destination::Cluster(EU.to_owned()), Policy::Manual).await?;
            let mut manifest = app.manifest();
            manifest["spec"]["dependsOn"] = json!([other]);
            manifests.push(manifest);
        }
        let answers =
            tokio::join!(fleet.api().put_application(&manifests[0]), fleet.api().put_application(&manifests[1]));
        let answers = [answers.0, answers.1];
        let refused: Vec<String> =
            answers.iter().filter_map(|answer| answer.as_ref().err()).map(|error| format!("{error:#}")).collect();
        ensure!(refused.len() == 1, "{answers:?}");
        let circle = |way: [&String; 3]| way.map(|name| format!("argocd/{name}")).join(" -> ");
        let named = [circle([&names[0], &names[1], &names[0]]), circle([&names[1], &names[0], &names[1]])];
        ensure!(named.iter().any(|circle| refused[0].contains(circle)), "it is not named: {}", refused[0]);
        for (name, answer) in names.iter().zip(&answers) {
            let stored = fleet.api().application(name).await?;
            ensure!(stored.is_some() == answer.is_ok(), "{name}: {answer:?}, and stored: {stored:?}");
        }
    }
    Ok(())
}
