//! Hooks run when they should, once, and are deleted when they say so.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{App, Destination, Policy, SOON};
use windlass_tests::fleet::Member;
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{Kind, configmap};
use windlass_tests::wait::wait_for;

use super::stage::{EU, app, own_fleet};

const HOOK: &str = "argocd.argoproj.io/hook";
const DELETE: &str = "argocd.argoproj.io/hook-delete-policy";

/// A Job that the fake nodes complete at once.
fn job_hook(name: &str, phase: &str) -> Manifest {
    manifest::job(name, "registry.example/hook:1").annotation(HOOK, phase)
}

/// A Job that no node takes and that fails after a second.
fn failing_job(name: &str, phase: &str) -> Manifest {
    job_hook(name, phase)
        .with("spec.activeDeadlineSeconds", json!(1))
        .with("spec.template.spec.nodeSelector", json!({ "nobody": "has-this" }))
}

fn job(name: &str) -> Kind<'_> {
    ("batch/v1", "Job", name)
}

/// What the agent created in a namespace, in the order of the API server's answers: `resource/name`.
fn created(member: &Member, namespace: &str) -> Result<Vec<String>> {
    let events = member.plane.audit_by_user(&member.user, member.since)?;
    let is_made = |event: &&Value| {
        let dry = event["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun"));
        event["objectRef"]["namespace"] == namespace && event["responseStatus"]["code"] == 201 && !dry
    };
    let mut made: Vec<(String, String)> = events
        .iter()
        .filter(is_made)
        .map(|event| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (reference, at) = (&event["objectRef"], text(&event["stageTimestamp"]));
            (
                at,
                format!(
                    "{}/{}",
                    text(&reference["resource"]),
                    named(event).unwrap_or_else(|| text(&reference["name"]))
                ),
            )
        })
        .collect();
    made.sort();
    Ok(made.into_iter().map(|(_, what)| what).collect())
}

/// A POST names its object in its answer only; the audit log keeps the request's kind.
fn named(event: &Value) -> Option<String> {
    (event["verb"] == "create").then(|| event["objectRef"]["name"].as_str().unwrap_or("*").to_owned())
}

/// Settled, and its operation is over: hooks are cleaned up after the objects are as git says.
async fn is_done(app: &App, commit: &str) -> Result<()> {
    app.settles_at(commit).await?;
    app.wait_for_targets("to have ended its operation", |targets| {
        targets.iter().all(|target| target["operation"]["phase"] == "Succeeded")
    })
    .await
    .map(drop)
}

async fn last_operation(app: &App) -> Result<Value> {
    Ok(app.targets().await?.first().context("no target")?["operation"].clone())
}

/// PreSync before everything, PostSync when it is healthy, in one operation.
pub(crate) async fn presync_hook_runs_before_the_sync() -> Result<()> {
    let (fleet, mut app) = app("hooks-order").await?;
    let commit = app
        .commit(&[
            ("a-message.yaml", manifest::configmap("message", &[("MESSAGE", "hello")])),
            ("b-web.yaml", manifest::deployment("web", 1, "registry.example/web:1")),
            ("c-before.yaml", job_hook("before", "PreSync")),
            ("d-after.yaml", job_hook("after", "PostSync")),
        ])
        .await?;
    app.create().await?;
    is_done(&app, &commit).await?;
    let member = fleet.member(EU)?;
    let at = |object: Option<Value>| {
        object.map(|o| o["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned())
    };
    let before = member.objects.get(app.name(), job("before")).await?.context("the PreSync hook is gone")?;
    let message = at(member.objects.get(app.name(), configmap("message")).await?).context("no message")?;
    let after = at(member.objects.get(app.name(), job("after")).await?).context("the PostSync hook is gone")?;
    let completed = before["status"]["completionTime"].as_str().unwrap_or_default().to_owned();
    ensure!(!completed.is_empty() && completed <= message, "{completed} {message}");
    ensure!(message <= after, "{message} {after}");
    ensure!(before["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty), "{before}");
    let made = created(member, app.name())?;
    let place =
        |what: &str| made.iter().position(|made| made.starts_with(what)).with_context(|| format!("{what} in {made:?}"));
    ensure!(place("jobs/")? < place("configmaps/message")?, "{made:?}");
    let shown = fleet.api().resources(app.name()).await?;
    ensure!(shown.iter().all(|one| one["kind"] != "Job"), "hooks do not count: {shown:?}");
    Ok(())
}

/// A failed PreSync hook: nothing is applied, SyncFail runs, the policies decide what stays.
pub(crate) async fn a_failed_hook_runs_syncfail() -> Result<()> {
    let (fleet, mut app) = app("hooks-fail").await?;
    app.commit(&[
        ("message.yaml", manifest::configmap("message", &[("MESSAGE", "hello")])),
        ("before.yaml", failing_job("before", "PreSync").annotation(DELETE, "HookFailed")),
        ("sorry.yaml", manifest::configmap("sorry", &[("WHY", "it failed")]).annotation(HOOK, "SyncFail")),
    ])
    .await?;
    app.create().await?;
    let seen = app
        .wait_for_targets("to have failed", |targets| {
            targets.first().is_some_and(|target| target["operation"]["phase"] == "Failed")
        })
        .await?;
    let objects = &fleet.member(EU)?.objects;
    ensure!(objects.get(app.name(), configmap("message")).await?.is_none(), "it was applied although PreSync failed");
    ensure!(
        objects.get(app.name(), configmap("sorry")).await?.is_some(),
        "SyncFail did not run: {}",
        seen[0]["operation"]
    );
    let gone = || objects.get(app.name(), job("before"));
    wait_for("the failed hook to be deleted", SOON, gone, |hook| {
        hook.as_ref().is_none_or(|hook| !hook["metadata"]["deletionTimestamp"].is_null()).then_some(())
    })
    .await
}

/// HookSucceeded deletes at the end; BeforeHookCreation at the next run, which is another object.
pub(crate) async fn hooks_are_deleted_when_they_say_so() -> Result<()> {
    let (fleet, mut app) = app("hooks-delete").await?;
    let objects = &fleet.member(EU)?.objects;
    let commit = app
        .commit(&[
            ("message.yaml", manifest::configmap("message", &[("MESSAGE", "one")])),
            ("kept.yaml", job_hook("kept", "PreSync")),
            ("once.yaml", job_hook("once", "PostSync").annotation(DELETE, "HookSucceeded")),
        ])
        .await?;
    app.create().await?;
    is_done(&app, &commit).await?;
    ensure!(objects.present(app.name(), job("once")).await?.is_none(), "HookSucceeded was not deleted");
    let uid = |hook: Option<Value>| hook.map(|hook| hook["metadata"]["uid"].clone());
    let first = uid(objects.get(app.name(), job("kept")).await?).context("the hook is gone")?;
    let commit = app.commit(&[("message.yaml", manifest::configmap("message", &[("MESSAGE", "two")]))]).await?;
    app.refresh().await?;
    is_done(&app, &commit).await?;
    let second = uid(objects.get(app.name(), job("kept")).await?).context("the hook is gone")?;
    ensure!(first != second, "the hook did not run again");
    Ok(())
}

/// A hook without a name runs under one that its operation gives it.
pub(crate) async fn generated_names_come_from_the_operation() -> Result<()> {
    let (fleet, mut app) = app("hooks-names").await?;
    let mut nameless = job_hook("x", "PreSync").to_json();
    nameless["metadata"] = json!({ "generateName": "migrate-", "annotations": { HOOK: "PreSync" } });
    let text = serde_json::to_string(&nameless)?;
    app.commit(&[("message.yaml", manifest::configmap("message", &[("MESSAGE", "hello")]))]).await?;
    let commit = app.commit_text("hook.yaml", &text).await?;
    app.create().await?;
    is_done(&app, &commit).await?;
    let operation = last_operation(&app).await?["id"].as_str().unwrap_or_default().to_owned();
    let name = format!("migrate-{operation}-0-presync");
    let hook = fleet.member(EU)?.objects.get(app.name(), job(&name)).await?;
    ensure!(hook.is_some(), "there is no hook {name}");
    Ok(())
}

/// After a hook could not be given free, until that is asked for again.
const RESTING: &str = "agent::hook::resting";

/// One point in every state of an operation: asked first, recorded, a hook about to be made and made, its outcome known, given free, that refused, deleted,
/// all over. `tests/tests/kill_points.rs` has which is which.
const STAGES: [&str; 9] = [
    RESTING,
    "agent::check::before",
    "agent::operation::persisted",
    "agent::hook::before",
    "agent::hook::after",
    "agent::operation::observed",
    "agent::hook::release",
    "agent::hook::remove",
    "agent::operation::ended",
];

/// The agent dies at each point of a hook's life: no hook runs twice, none is skipped.
pub(crate) async fn hook_survives_agent_kill() -> Result<()> {
    let mut fleet = own_fleet("hooks-kill").await?;
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "hooks-kill", to, Policy::Automated).await?;
    let message = |text: &str| manifest::configmap("message", &[("MESSAGE", text)]);
    let commit = app
        .commit(&[
            ("message.yaml", message("hello")),
            ("before.yaml", job_hook("before", "PreSync")),
            ("after.yaml", job_hook("after", "PostSync").annotation(DELETE, "HookSucceeded")),
        ])
        .await?;
    app.create().await?;
    is_done(&app, &commit).await?;
    for point in STAGES {
        let admin = fleet.member(EU)?.agent.admin()?;
        if point == RESTING {
            admin.failpoint("agent::hook::release", "1*return").await?;
        }
        admin.failpoint(point, "kill").await?;
        let mark = fleet.member(EU)?.plane.audit_mark()?;
        let commit = app.commit(&[("message.yaml", message(point))]).await?;
        app.refresh().await?;
        let status = fleet.member_mut(EU)?.agent.process().wait_exited(SOON).await?;
        let tail = fleet.member_mut(EU)?.agent.process().log_tail(20);
        ensure!(!status.success() && tail.contains(&format!("failpoint {point}: killed")), "{point}: {status}: {tail}");
        fleet.member_mut(EU)?.agent.restart()?;
        is_done(&app, &commit).await?;
        let made = jobs_made(fleet.member(EU)?, app.name(), mark)?;
        ensure!(made == 2, "{point}: {made} hooks were made, not one PreSync and one PostSync");
    }
    app.no_operation_failed().await?;
    fleet.finish();
    Ok(())
}

/// The agent dies when a SyncFail hook is about to be made: it is made once, and the hook that failed is not run again.
pub(crate) async fn syncfail_survives_agent_kill() -> Result<()> {
    let mut fleet = own_fleet("hooks-kill-fail").await?;
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "hooks-kill-fail", to, Policy::Automated).await?;
    app.commit(&[
        ("message.yaml", manifest::configmap("message", &[("MESSAGE", "hello")])),
        ("before.yaml", failing_job("before", "PreSync").with("spec.activeDeadlineSeconds", json!(4))),
        ("sorry.yaml", manifest::configmap("sorry", &[("WHY", "it failed")]).annotation(HOOK, "SyncFail")),
    ])
    .await?;
    let mut spec = app.manifest();
    // Nobody tries again while this is looked at.
    spec["spec"]["syncPolicy"]["retry"] = json!({ "limit": 0 });
    let mark = fleet.member(EU)?.plane.audit_mark()?;
    fleet.api().put_application(&spec).await?;
    let before = || async { fleet.member(EU)?.objects.get(app.name(), job("before")).await };
    wait_for("the PreSync hook", SOON, before, |found| found.is_some().then_some(())).await?;
    fleet.member(EU)?.agent.admin()?.failpoint("agent::hook::before", "kill").await?;
    let status = fleet.member_mut(EU)?.agent.process().wait_exited(SOON).await?;
    ensure!(!status.success(), "{status}");
    fleet.member_mut(EU)?.agent.restart()?;
    app.wait_for_targets("to have failed", |targets| {
        targets.first().is_some_and(|target| target["operation"]["phase"] == "Failed")
    })
    .await?;
    let member = fleet.member(EU)?;
    let sorry = member.objects.get(app.name(), configmap("sorry")).await?;
    ensure!(sorry.is_some(), "SyncFail was left out");
    ensure!(jobs_made(member, app.name(), mark)? == 1, "the PreSync hook ran again");
    ensure!(member.objects.get(app.name(), configmap("message")).await?.is_none(), "it was applied");
    fleet.finish();
    Ok(())
}

/// How many Jobs the agent made in a namespace since then.
pub(crate) fn jobs_made(
    member: &Member,
    namespace: &str,
    mark: windlass_tests::control_plane::AuditMark,
) -> Result<usize> {
    let events = member.plane.audit_by_user(&member.user, mark)?;
    let made = events.iter().filter(|event| {
        let dry = event["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun"));
        let reference = &event["objectRef"];
        reference["resource"] == "jobs"
            && reference["namespace"] == namespace
            && event["responseStatus"]["code"] == 201
            && !dry
    });
    Ok(made.count())
}

/// PreDelete before the objects go, PostDelete when they are gone.
pub(crate) async fn removal_runs_its_hooks() -> Result<()> {
    let (fleet, mut app) = app("hooks-removal").await?;
    let objects = &fleet.member(EU)?.objects;
    let commit = app
        .commit(&[
            ("message.yaml", manifest::configmap("message", &[("MESSAGE", "hello")])),
            ("before.yaml", job_hook("before", "PreDelete")),
            ("after.yaml", job_hook("after", "PostDelete")),
        ])
        .await?;
    app.create().await?;
    is_done(&app, &commit).await?;
    ensure!(objects.get(app.name(), job("before")).await?.is_none(), "a PreDelete hook ran in a sync");
    fleet.api().delete_application(app.name(), "foreground").await?;
    let seen = || fleet.api().application(app.name());
    wait_for("the application to be gone", SOON, seen, |app| app.is_none().then_some(())).await?;
    let before = objects.get(app.name(), job("before")).await?.context("PreDelete did not run")?;
    let after = objects.get(app.name(), job("after")).await?.context("PostDelete did not run")?;
    let time = |hook: &Value, path: &str| hook.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    ensure!(time(&before, "/status/completionTime") <= time(&after, "/metadata/creationTimestamp"), "{before} {after}");
    ensure!(objects.get(app.name(), configmap("message")).await?.is_none(), "the message is still there");
    Ok(())
}
