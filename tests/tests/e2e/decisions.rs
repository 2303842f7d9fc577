//! Operations that a person stops, confirms, asks for again, or asked for before something newer came.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{App, Destination, Policy, SOON, has_condition};
use windlass_tests::fleet::Fleet;
use windlass_tests::invariants;
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{configmap, namespace};
use windlass_tests::wait::wait_for;

use super::hooks::jobs_made;
use super::stage::{EU, app, calm, cli, own_fleet, shared};

const OPTIONS: &str = "argocd.argoproj.io/sync-options";

fn below(app: &App, what: &str) -> String {
    format!("/api/v1/applications/argocd/{}/{what}", app.name())
}

fn map(name: &str, text: &str) -> Manifest {
    manifest::configmap(name, &[("TEXT", text)])
}

/// A hook that no node takes.
fn endless_hook() -> Manifest {
    manifest::job("before", "registry.example/hook:1")
        .annotation("argocd.argoproj.io/hook", "PreSync")
        .with("spec.template.spec.nodeSelector", json!({ "nobody": "has-this" }))
}

async fn manual(name: &str) -> Result<(&'static Fleet, App)> {
    let fleet = shared().await?;
    Ok((fleet, App::new(fleet, name, Destination::Cluster(EU.to_owned()), Policy::Manual).await?))
}

async fn out_of_sync(app: &App) -> Result<()> {
    let is = |targets: &[Value]| targets.first().is_some_and(|target| target["sync"] == "OutOfSync");
    app.wait_for_targets("to be OutOfSync", is).await.map(drop)
}

/// Waits until the last operation has this phase, and says these words.
async fn operation_is(app: &App, phase: &str, words: &str) -> Result<Value> {
    let is = |targets: &[Value]| {
        let operation = &targets[0]["operation"];
        operation["phase"] == phase && operation["message"].as_str().is_some_and(|text| text.contains(words))
    };
    let seen = app.wait_for_targets(&format!("to be {phase} with {words:?}"), is).await?;
    Ok(seen[0]["operation"].clone())
}

async fn hook_runs(fleet: &Fleet, app: &App) -> Result<()> {
    let hook = || async { fleet.member(EU)?.objects.get(app.name(), ("batch/v1", "Job", "before")).await };
    wait_for("the hook to run", SOON, hook, |hook| hook.is_some().then_some(())).await
}

async fn hook_is_gone(fleet: &Fleet, app: &App) -> Result<()> {
    let hook = || async { fleet.member(EU)?.objects.present(app.name(), ("batch/v1", "Job", "before")).await };
    wait_for("the hook to be deleted", SOON, hook, |hook| hook.is_none().then_some(())).await
}

/// A running hook is deleted when its operation is terminated, and nothing after it begins.
pub(crate) async fn terminate_deletes_a_running_hook() -> Result<()> {
    let (fleet, mut app) = manual("terminated").await?;
    app.commit(&[("before.yaml", endless_hook()), ("map.yaml", map("message", "one"))]).await?;
    app.create().await?;
    out_of_sync(&app).await?;
    fleet.api().sync(app.name(), false).await?;
    hook_runs(fleet, &app).await?;
    fleet.api().post(&below(&app, "terminate"), &json!({})).await?;
    operation_is(&app, "Failed", "terminated by").await?;
    hook_is_gone(fleet, &app).await?;
    let found = fleet.member(EU)?.objects.get(app.name(), configmap("message")).await?;
    ensure!(found.is_none(), "something was applied after the end");
    Ok(())
}

/// What the agent began by itself is stopped as well, also by an agent that dies meanwhile; it does not begin again by itself, until a person or a commit
/// says so.
pub(crate) async fn terminate_stops_what_began_by_itself() -> Result<()> {
    const REMOVING: &str = "agent::hook::remove";
    let mut fleet = own_fleet("terminate-own").await?;
    let mut app = App::new(&fleet, "terminate-own", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    app.commit(&[("before.yaml", endless_hook()), ("map.yaml", map("message", "one"))]).await?;
    let mark = fleet.member(EU)?.plane.audit_mark()?;
    let made = |fleet: &Fleet| jobs_made(fleet.member(EU)?, "terminate-own", mark);
    app.create().await?;
    hook_runs(&fleet, &app).await?;
    let running = operation_is(&app, "Running", "before").await?;
    let (mut folder, cli) = cli(&fleet, "terminate-own-cli").await?;
    fleet.member(EU)?.agent.admin()?.failpoint(REMOVING, "kill").await?;
    cli.must(&["app", "terminate", app.name()]).await?;
    let status = fleet.member_mut(EU)?.agent.process().wait_exited(SOON).await?;
    ensure!(!status.success(), "{REMOVING}: {status}");
    fleet.member_mut(EU)?.agent.restart()?;
    let ended = operation_is(&app, "Failed", "terminated by admin").await?;
    ensure!(ended["id"] == running["id"], "another operation ended: {ended}");
    hook_is_gone(&fleet, &app).await?;
    // Longer than any wait for a retry: by the agent's clock an hour passes.
    fleet.member(EU)?.agent.admin()?.shift_clock(std::time::Duration::from_secs(3600)).await?;
    calm(fleet.member(EU)?).await?;
    ensure!(made(&fleet)? == 1, "the hook was made again by itself");
    let objects = &fleet.member(EU)?.objects;
    ensure!(objects.get(app.name(), configmap("message")).await?.is_none(), "something was applied after the end");
    let why = cli.must(&["explain", app.name()]).await?;
    ensure!(why.contains("terminated by admin"), "{why}");
    let nothing = cli.run(&["app", "terminate", app.name()]).await?;
    ensure!(nothing.code == Some(1) && nothing.stderr.contains("no operation that could be stopped"), "{nothing:?}");

    // A person may begin it again, and stop it again.
    fleet.api().sync(app.name(), false).await?;
    hook_runs(&fleet, &app).await?;
    operation_is(&app, "Running", "before").await?;
    cli.must(&["app", "terminate", app.name()]).await?;
    let again = |targets: &[Value]| {
        let operation = &targets[0]["operation"];
        operation["id"] != running["id"] && operation["phase"] == "Failed"
    };
    app.wait_for_targets("to have been stopped again", again).await?;
    hook_is_gone(&fleet, &app).await?;
    calm(fleet.member(EU)?).await?;
    ensure!(made(&fleet)? == 2, "the hook was made again by itself");

    let commit = app.remove(&["before.yaml"]).await?;
    app.refresh().await?;
    app.settles_at(&commit).await?;
    let left = fleet.api().operations(app.name()).await?;
    let open =
        left.iter().find(|operation| !["Failed", "Succeeded"].map(Value::from).contains(&operation["state"]["phase"]));
    ensure!(open.is_none(), "an operation is left: {open:?}");
    invariants::check(&fleet, &[&app]).await?;
    folder.succeed();
    fleet.finish();
    Ok(())
}

/// An operation ends at its deadline: one that a person gave, or its application's timeout.
pub(crate) async fn operation_ends_at_its_deadline() -> Result<()> {
    let (fleet, mut app) = manual("timed-out").await?;
    app.commit(&[("before.yaml", endless_hook()), ("map.yaml", map("message", "one"))]).await?;
    let mut spec = app.manifest();
    spec["spec"]["syncPolicy"]["timeout"] = json!("4s");
    fleet.api().put_application(&spec).await?;
    out_of_sync(&app).await?;
    fleet.api().post(&below(&app, "sync"), &json!({ "timeoutSeconds": 3 })).await?;
    hook_runs(fleet, &app).await?;
    let first = operation_is(&app, "Failed", "the deadline passed").await?;
    hook_is_gone(fleet, &app).await?;
    fleet.api().post(&below(&app, "sync"), &json!({})).await?;
    app.wait_for_targets("to have failed again", |targets| {
        let operation = &targets[0]["operation"];
        let text = operation["message"].as_str().unwrap_or_default();
        operation["id"] != first["id"] && operation["phase"] == "Failed" && text.contains("the deadline passed")
    })
    .await
    .map(drop)
}

/// `Prune=confirm` and `Delete=confirm` wait for a person, whatever else goes.
pub(crate) async fn confirmations_are_waited_for() -> Result<()> {
    let (fleet, mut app) = app("confirmed").await?;
    let objects = &fleet.member(EU)?.objects;
    let commit = app
        .commit(&[
            ("asked.yaml", map("asked", "one").annotation(OPTIONS, "Prune=confirm")),
            ("last.yaml", map("last", "one").annotation(OPTIONS, "Delete=confirm")),
            ("plain.yaml", map("plain", "one")),
        ])
        .await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let commit = app.remove(&["asked.yaml"]).await?;
    app.refresh().await?;
    let waits = || async {
        let all = fleet.api().resources(app.name()).await?;
        Ok(all.into_iter().find(|one| one["name"] == "asked").unwrap_or_default())
    };
    wait_for("the deletion to wait for a person", SOON, waits, |one| {
        one["message"].as_str().is_some_and(|text| text.contains("waits for a confirmation")).then_some(())
    })
    .await?;
    ensure!(objects.present(app.name(), configmap("asked")).await?.is_some(), "it was pruned unasked");
    fleet.api().post(&below(&app, "confirm-deletion"), &json!({})).await?;
    app.settles_at(&commit).await?;
    ensure!(objects.get(app.name(), configmap("asked")).await?.is_none(), "it was not pruned");

    fleet.api().delete_application(app.name(), "foreground").await?;
    let plain = || objects.get(app.name(), configmap("plain"));
    wait_for("what nobody asked for to go", SOON, plain, |found| found.is_none().then_some(())).await?;
    ensure!(objects.present(app.name(), configmap("last")).await?.is_some(), "it was deleted unasked");
    fleet.api().post(&below(&app, "confirm-deletion"), &json!({})).await?;
    let seen = || fleet.api().application(app.name());
    wait_for("the application to be gone", SOON, seen, |app| app.is_none().then_some(())).await?;
    ensure!(objects.get(app.name(), configmap("last")).await?.is_none(), "it is still there");
    Ok(())
}

/// `retry.refresh`: each try brings the newest commit. Without it, each brings the one that the first did.
pub(crate) async fn retry_takes_the_newest_commit_where_it_is_asked_to() -> Result<()> {
    for refresh in [true, false] {
        let (fleet, mut app) = manual(if refresh { "retry-newest" } else { "retry-same" }).await?;
        let objects = &fleet.member(EU)?.objects;
        objects.apply(&manifest::namespace(app.name()), "somebody").await?;
        let wrong = manifest::service("web", 80).with("spec.type", json!("NoSuchType"));
        let first = app.commit(&[("map.yaml", map("message", "one")), ("web.yaml", wrong)]).await?;
        app.create().await?;
        out_of_sync(&app).await?;
        let retry = json!({ "limit": 3, "duration": "3s", "factor": 1, "maxDuration": "3s", "refresh": refresh });
        fleet.api().post(&below(&app, "sync"), &json!({ "retry": retry })).await?;
        operation_is(&app, "Running", "tried again").await?;
        let fixed = [("map.yaml", map("message", "two")), ("web.yaml", manifest::service("web", 80))];
        let second = app.commit(&fixed).await?;
        app.refresh().await?;
        let found = if refresh {
            app.settles_at(&second).await?;
            operation_is(&app, "Succeeded", "which came after it was asked for").await?
        } else {
            operation_is(&app, "Failed", "web").await?
        };
        let wanted = if refresh { &second } else { &first };
        ensure!(found["revision"] == wanted.as_str(), "refresh={refresh}: {found}");
        let written = objects.get(app.name(), configmap("message")).await?.is_some();
        ensure!(written == refresh, "refresh={refresh}: {found}");
    }
    Ok(())
}

/// A sync that could not begin before a newer commit came brings that, and says so; one of a named commit brings the named one.
pub(crate) async fn sync_asked_before_a_commit_brings_the_newest() -> Result<()> {
    let (fleet, mut app) = manual("asked-before").await?;
    let objects = &fleet.member(EU)?.objects;
    let pause = |why: Value| json!({ "metadata": { "annotations": { "windlass.dev/pause": why } } });
    objects.apply(&manifest::namespace(app.name()), "somebody").await?;
    objects.edit("", namespace(app.name()), pause(json!("not yet"))).await?;
    app.commit(&[("map.yaml", map("message", "one"))]).await?;
    app.create().await?;
    app.wait_for_targets("to be paused", |targets| {
        targets.first().is_some_and(|target| has_condition(target, "WritesFrozen", "not yet"))
    })
    .await?;
    fleet.api().sync(app.name(), false).await?;
    let second = app.commit(&[("map.yaml", map("message", "two"))]).await?;
    app.refresh().await?;
    app.wait_for_targets("to know the newer commit", |targets| targets[0]["revision"] == second.as_str()).await?;
    objects.edit("", namespace(app.name()), pause(Value::Null)).await?;
    app.settles_at(&second).await?;
    let ended = operation_is(&app, "Succeeded", "which came after it was asked for").await?;
    ensure!(ended["revision"] == second.as_str(), "{ended}");

    // The commit that is desired, by its name: what comes before it begins does not change it.
    objects.edit("", namespace(app.name()), pause(json!("not yet"))).await?;
    let paused = |targets: &[Value]| has_condition(&targets[0], "WritesFrozen", "not yet");
    app.wait_for_targets("to be paused again", paused).await?;
    fleet.api().post(&below(&app, "sync"), &json!({ "revision": second })).await?;
    let third = app.commit(&[("map.yaml", map("message", "three"))]).await?;
    app.refresh().await?;
    app.wait_for_targets("to know the third commit", |targets| targets[0]["revision"] == third.as_str()).await?;
    objects.edit("", namespace(app.name()), pause(Value::Null)).await?;
    let named = |targets: &[Value]| {
        let operation = &targets[0]["operation"];
        operation["id"] != ended["id"] && operation["phase"] == "Succeeded" && operation["revision"] == second.as_str()
    };
    app.wait_for_targets("to have synced what was named", named).await?;
    let found = objects.get(app.name(), configmap("message")).await?.context("no object")?;
    ensure!(found["data"]["TEXT"] == "two", "{found}");
    Ok(())
}
