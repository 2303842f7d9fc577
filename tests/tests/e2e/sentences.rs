//! Sentences of Argo CD's sync algorithm that no other scenario shows: weights, what is waited for and what is not, hooks of several phases, hooks of a
//! removal that fail, and what an automated application leaves alone.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{App, Destination, Policy, SOON, has_condition};
use windlass_tests::fleet::{Fleet, Member};
use windlass_tests::invariants;
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{configmap, deployment};
use windlass_tests::wait::wait_for;

use super::hooks::jobs_made;
use super::stage::{EU, app, calm_in, cli, shared};

const HOOK: &str = "argocd.argoproj.io/hook";
const WAVE: &str = "argocd.argoproj.io/sync-wave";

fn map(name: &str, text: &str) -> Manifest {
    manifest::configmap(name, &[("TEXT", text)])
}

/// Pods that no node takes.
fn stuck(name: &str) -> Manifest {
    let web = manifest::deployment(name, 1, "registry.example/web:1");
    web.with("spec.template.spec.nodeSelector", json!({ "nobody": "has-this" }))
}

async fn manual(name: &str) -> Result<(&'static Fleet, App)> {
    let fleet = shared().await?;
    Ok((fleet, App::new(fleet, name, Destination::Cluster(EU.to_owned()), Policy::Manual).await?))
}

/// Waits until the last operation is in this phase.
async fn operation_is(app: &App, phase: &str) -> Result<Value> {
    let is = |targets: &[Value]| targets.first().is_some_and(|target| target["operation"]["phase"] == phase);
    let seen = app.wait_for_targets(&format!("to have an operation that is {phase}"), is).await?;
    Ok(seen[0]["operation"].clone())
}

/// The names of ConfigMaps in the order in which the agent asked for them.
fn written(member: &Member, namespace: &str, since: windlass_tests::control_plane::AuditMark) -> Result<Vec<String>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = member.plane.audit_by_user(&member.user, since)?;
    let is_write = |event: &&Value| {
        let dry = event["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun"));
        let reference = &event["objectRef"];
        reference["resource"] == "configmaps"
            && reference["namespace"] == namespace
            && event["responseStatus"]["code"] == 201
            && !dry
    };
    let of = |event: &Value| {
        let reference = &event["objectRef"]["name"];
        (text(&event["requestReceivedTimestamp"]), text(reference))
    };
    let mut found: Vec<(String, String)> = events.iter().filter(is_write).map(of).collect();
    found.sort();
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

/// Helm's weight is a wave where there is none; what is no number is passed over.
pub(crate) async fn helm_weights_are_waves() -> Result<()> {
    const WEIGHT: &str = "helm.sh/hook-weight";
    let (fleet, mut app) = app("sentence-weights").await?;
    let member = fleet.member(EU)?;
    let files = [
        ("a.yaml", map("last", "of all").annotation(WAVE, "3").annotation(WEIGHT, "-9")),
        ("b.yaml", map("third", "of all").annotation(WAVE, "soon").annotation(WEIGHT, "2")),
        ("c.yaml", map("second", "of all").annotation(WEIGHT, "heavy")),
        ("d.yaml", map("first", "of all").annotation(WEIGHT, "-5")),
    ];
    let commit = app.commit(&files).await?;
    let mark = member.plane.audit_mark()?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let order = written(member, app.name(), mark)?;
    ensure!(order == ["first", "second", "third", "last"], "{order:?}");
    Ok(())
}

/// A plan of one step ends when everything is written, healthy or not.
pub(crate) async fn last_step_is_not_waited_for() -> Result<()> {
    let (_, mut app) = app("sentence-last").await?;
    app.commit(&[("web.yaml", stuck("web")), ("map.yaml", map("message", "one"))]).await?;
    app.create().await?;
    operation_is(&app, "Succeeded").await?;
    let target = app.targets().await?.first().cloned().context("no target")?;
    ensure!(target["sync"] == "Synced" && target["health"] == "Progressing", "{target}");
    Ok(())
}

/// What is deleted by somebody while its health is waited for fails the sync, and the next wave does not begin.
pub(crate) async fn what_vanishes_while_it_is_waited_for_fails_the_sync() -> Result<()> {
    let (fleet, mut app) = manual("sentence-vanished").await?;
    let objects = &fleet.member(EU)?.objects;
    app.commit(&[("web.yaml", stuck("web")), ("last.yaml", map("last", "one").annotation(WAVE, "1"))]).await?;
    app.create().await?;
    app.wait_for_targets("to be OutOfSync", |targets| targets.first().is_some_and(|t| t["sync"] == "OutOfSync"))
        .await?;
    fleet.api().sync(app.name(), false).await?;
    let waits = |targets: &[Value]| {
        targets[0]["operation"]["message"].as_str().is_some_and(|text| text.contains("waiting for the health of"))
    };
    app.wait_for_targets("to wait for its first wave", waits).await?;
    objects.delete(app.name(), deployment("web")).await?;
    let failed = operation_is(&app, "Failed").await?;
    ensure!(failed.to_string().contains("was deleted while its health was waited for"), "{failed}");
    ensure!(objects.get(app.name(), configmap("last")).await?.is_none(), "the next wave began");
    Ok(())
}

/// `PreSync,PostSync`: one manifest, two runs, in one operation.
pub(crate) async fn hook_of_two_phases_runs_in_both() -> Result<()> {
    let (fleet, mut app) = app("sentence-phases").await?;
    let member = fleet.member(EU)?;
    let hook = manifest::job("twice", "registry.example/hook:1").annotation(HOOK, "PreSync,PostSync");
    let commit = app.commit(&[("twice.yaml", hook), ("map.yaml", map("message", "one"))]).await?;
    let mark = member.plane.audit_mark()?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let ended = operation_is(&app, "Succeeded").await?;
    let made = jobs_made(member, app.name(), mark)?;
    ensure!(made == 2, "the hook was made {made} times");
    let operation =
        fleet.api().get(&format!("/api/v1/operations/{}", ended["id"].as_str().unwrap_or_default())).await?;
    let results = operation["state"]["results"].as_array().cloned().unwrap_or_default();
    let phases: Vec<&Value> =
        results.iter().map(|one| &one["hook"]["phase"]).filter(|phase| !phase.is_null()).collect();
    ensure!(phases == ["PreSync", "PostSync"], "{results:?}");
    Ok(())
}

/// A PreDelete hook that fails is said, made again with the next attempt, and nothing goes before it succeeded.
pub(crate) async fn failed_predelete_hook_is_made_again() -> Result<()> {
    let (fleet, mut app) = app("sentence-predelete").await?;
    let member = fleet.member(EU)?;
    let hook = manifest::job("before", "registry.example/hook:1")
        .annotation(HOOK, "PreDelete")
        .with("spec.activeDeadlineSeconds", json!(1))
        .with("spec.template.spec.nodeSelector", json!({ "nobody": "has-this" }));
    let commit = app.commit(&[("before.yaml", hook), ("map.yaml", map("message", "one"))]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let mark = member.plane.audit_mark()?;
    fleet.api().delete_application(app.name(), "foreground").await?;
    app.wait_for_targets("to say that the hook failed", |targets| {
        targets.first().is_some_and(|target| has_condition(target, "DeletionError", "before"))
    })
    .await?;
    let made = || async { jobs_made(member, app.name(), mark) };
    wait_for("the hook to be made again", SOON, made, |made| (*made > 1).then_some(())).await?;
    let there = member.objects.present(app.name(), configmap("message")).await?;
    ensure!(there.is_some(), "an object went before the hook succeeded");
    // Nobody waits for it any more.
    let (mut folder, cli) = cli(fleet, "sentence-predelete-cli").await?;
    cli.must(&["app", "delete", app.name(), "--abandon", EU, "--yes"]).await?;
    folder.succeed();
    ensure!(fleet.api().application(app.name()).await?.is_none(), "the application is still there");
    Ok(())
}

/// Automated, without prune and without self-heal: what left git and what was changed by hand are shown, and left as they are, until a person syncs.
pub(crate) async fn nothing_is_pruned_or_healed_unasked() -> Result<()> {
    let (fleet, mut app) = app("sentence-unasked").await?;
    let member = fleet.member(EU)?;
    let mut spec = app.manifest();
    spec["spec"]["syncPolicy"]["automated"] = json!({});
    let files = [("a.yaml", map("edited", "git")), ("b.yaml", map("removed", "git")), ("c.yaml", map("kept", "git"))];
    let first = app.commit(&files).await?;
    fleet.api().put_application(&spec).await?;
    app.settles_at(&first).await?;
    member.objects.edit(app.name(), configmap("edited"), json!({ "data": { "TEXT": "by hand" } })).await?;
    let name = app.name().to_owned();
    let row = async |object: &str| -> Result<Value> {
        let rows = fleet.api().resources(&name).await?;
        Ok(rows.into_iter().find(|one| one["name"] == object).unwrap_or_default())
    };
    let differs = |one: &Value| (one["sync"] == "OutOfSync").then_some(());
    wait_for("the hand edit to be shown", SOON, || row("edited"), differs).await?;
    calm_in(member, &[app.name()]).await?;
    let edited = member.objects.get(app.name(), configmap("edited")).await?.unwrap_or_default();
    ensure!(edited["data"]["TEXT"] == "by hand", "it was healed: {edited}");
    let second = app.remove(&["b.yaml"]).await?;
    app.refresh().await?;
    let extra = |one: &Value| (one["requiresPruning"] == true).then_some(());
    wait_for("what left git to be shown", SOON, || row("removed"), extra).await?;
    calm_in(member, &[app.name()]).await?;
    ensure!(member.objects.present(app.name(), configmap("removed")).await?.is_some(), "it was pruned");
    fleet.api().sync(app.name(), true).await?;
    app.settles_at(&second).await?;
    ensure!(member.objects.get(app.name(), configmap("removed")).await?.is_none(), "a sync with prune left it");
    invariants::check(fleet, &[&app]).await
}
