//! Rules of the sync engine that are seen best on a real API server: what moves, what stays, what is written how.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{App, Destination, Policy, SOON, has_condition};
use windlass_tests::fleet::Fleet;
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{configmap, deployment, namespace};
use windlass_tests::wait::wait_for;

use super::stage::{CALM, EU, app, shared, writes};

const OPTIONS: &str = "argocd.argoproj.io/sync-options";
const WAVE: &str = "argocd.argoproj.io/sync-wave";
const HOOK: &str = "argocd.argoproj.io/hook";

fn map(name: &str, text: &str) -> Manifest {
    manifest::configmap(name, &[("TEXT", text)])
}

/// Creates it with more sync options.
async fn create_with(app: &App, options: &[&str]) -> Result<()> {
    let mut spec = app.manifest();
    let all: Vec<&str> = ["CreateNamespace=true"].iter().chain(options).copied().collect();
    spec["spec"]["syncPolicy"]["syncOptions"] = json!(all);
    app.api().put_application(&spec).await.map(drop)
}

async fn is_gone(fleet: &Fleet, app: &App, name: &str) -> Result<()> {
    let objects = &fleet.member(EU)?.objects;
    let look = || objects.get(app.name(), configmap(name));
    wait_for(&format!("{name} to be gone"), SOON, look, |found| found.is_none().then_some(())).await
}

/// A Namespace that would come later than what lies in it comes first, and one operation brings both.
pub(crate) async fn namespace_moves_before_what_lies_in_it() -> Result<()> {
    let (fleet, mut app) = app("rules-moves").await?;
    let inside = map("inside", "one").in_namespace("rules-moves-late");
    let late = manifest::namespace("rules-moves-late").annotation(WAVE, "5");
    let commit = app.commit(&[("inside.yaml", inside), ("late.yaml", late)]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let operations = fleet.api().operations(app.name()).await?;
    ensure!(operations.len() == 1 && operations[0]["state"]["phase"] == "Succeeded", "{operations:?}");
    Ok(())
}

/// `Prune=false` and Helm's `keep` stay when they leave git, and say why; what only carries a copy of our marks is nobody's.
pub(crate) async fn what_asks_to_be_kept_stays() -> Result<()> {
    let (fleet, mut app) = app("rules-kept").await?;
    let objects = &fleet.member(EU)?.objects;
    app.commit(&[
        ("ours.yaml", map("ours", "one").annotation(OPTIONS, "Prune=false")),
        ("helm.yaml", map("helm", "one").annotation("helm.sh/resource-policy", "keep")),
        ("plain.yaml", map("plain", "one")),
    ])
    .await?;
    app.create().await?;
    let plain = || objects.get(app.name(), configmap("plain"));
    let plain = wait_for("the objects", SOON, plain, |found| found.clone()).await?;
    let metadata = &plain["metadata"];
    let copy = json!({ "metadata": { "labels": metadata["labels"], "annotations": metadata["annotations"] } });
    objects.apply(&map("copy", "by hand").in_namespace(app.name()), "somebody").await?;
    objects.edit(app.name(), configmap("copy"), copy).await?;
    app.remove(&["ours.yaml", "helm.yaml"]).await?;
    app.refresh().await?;
    let kept = || fleet.api().resources(app.name());
    let all = wait_for("both to say what keeps them", SOON, kept, |all| {
        let keeps = |one: &&Value| one["message"].as_str().is_some_and(|text| text.contains("keeps it"));
        (all.iter().filter(keeps).count() == 2).then(|| all.clone())
    })
    .await?;
    ensure!(all.iter().all(|one| one["name"] != "copy"), "a copy is taken for ours: {all:?}");
    for name in ["ours", "helm", "copy"] {
        ensure!(objects.present(app.name(), configmap(name)).await?.is_some(), "{name} was deleted");
    }
    Ok(())
}

/// `PruneLast=true`: what leaves git goes when everything else is there and healthy.
pub(crate) async fn pruned_last_waits_for_everything_else() -> Result<()> {
    let (fleet, mut app) = app("rules-last").await?;
    let member = fleet.member(EU)?;
    let old = map("old", "one").annotation(OPTIONS, "PruneLast=true");
    let commit = app.commit(&[("old.yaml", old), ("kept.yaml", map("kept", "one"))]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let web = manifest::deployment("web", 1, "registry.example/web:1")
        .with("spec.template.spec.nodeSelector", json!({ "gate-last": "open" }));
    app.commit(&[("web.yaml", web)]).await?;
    let commit = app.remove(&["old.yaml"]).await?;
    app.refresh().await?;
    let web = || member.objects.get(app.name(), deployment("web"));
    wait_for("what is new", SOON, web, |web| web.is_some().then_some(())).await?;
    tokio::time::sleep(CALM).await;
    ensure!(member.objects.present(app.name(), configmap("old")).await?.is_some(), "it did not wait");
    member
        .objects
        .edit("", ("v1", "Node", "fake-0"), json!({ "metadata": { "labels": { "gate-last": "open" } } }))
        .await?;
    app.settles_at(&commit).await?;
    is_gone(fleet, &app, "old").await
}

/// `PrunePropagationPolicy=orphan`: what a deleted object owned stays.
pub(crate) async fn propagation_policy_is_what_the_server_is_told() -> Result<()> {
    let (fleet, mut app) = app("rules-orphan").await?;
    let member = fleet.member(EU)?;
    let web = manifest::deployment("web", 1, "registry.example/web:1");
    let commit = app.commit(&[("web.yaml", web), ("kept.yaml", map("kept", "one"))]).await?;
    create_with(&app, &["PrunePropagationPolicy=orphan"]).await?;
    app.settles_at(&commit).await?;
    let commit = app.remove(&["web.yaml"]).await?;
    app.refresh().await?;
    app.settles_at(&commit).await?;
    let web = || member.objects.get(app.name(), deployment("web"));
    wait_for("the Deployment to be gone", SOON, web, |web| web.is_none().then_some(())).await?;
    let sets = member.plane.kubectl(&["get", "replicasets", "-n", app.name(), "-o", "name"]).await?;
    ensure!(sets.stdout.contains("replicaset"), "its ReplicaSet went with it: {}", sets.stdout);
    Ok(())
}

/// `ApplyOutOfSyncOnly=true`: what is as git says is not replaced again, even when a person syncs.
pub(crate) async fn only_what_is_out_of_sync_is_written() -> Result<()> {
    let fleet = shared().await?;
    let member = fleet.member(EU)?;
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(fleet, "rules-only", to, Policy::Manual).await?;
    app.commit(&[("fixed.yaml", map("fixed", "one").annotation(OPTIONS, "Replace=true"))]).await?;
    app.create().await?;
    app.wait_for_targets("to be OutOfSync", |targets| targets.first().is_some_and(|t| t["sync"] == "OutOfSync"))
        .await?;
    let mut rounds = Vec::new();
    for options in [&[][..], &[], &["ApplyOutOfSyncOnly=true"]] {
        create_with(&app, options).await?;
        app.refresh().await?;
        let mark = member.plane.audit_mark()?;
        let ids = fleet.api().sync(app.name(), false).await?;
        app.wait_for_targets("to have synced", |targets| {
            let operation = &targets[0]["operation"];
            operation["phase"] == "Succeeded" && ids.iter().any(|id| operation["id"] == id.as_str())
        })
        .await?;
        let of_it = |write: &String| write.contains("/rules-only/configmaps") && !write.contains("dryRun");
        rounds.push(writes(member, mark)?.into_iter().filter(of_it).count());
    }
    ensure!(rounds[0] > 0 && rounds[1] > 0 && rounds[2] == 0, "writes of each sync: {rounds:?}");
    Ok(())
}

/// `allowEmpty`: a source that has nothing left takes everything along, without an approval.
pub(crate) async fn allow_empty_prunes_everything() -> Result<()> {
    let (fleet, mut app) = app("rules-empty").await?;
    let commit = app.commit(&[("a.yaml", map("a", "one")), ("b.yaml", map("b", "one"))]).await?;
    let mut spec = app.manifest();
    spec["spec"]["syncPolicy"]["automated"]["allowEmpty"] = json!(true);
    fleet.api().put_application(&spec).await?;
    app.settles_at(&commit).await?;
    app.commit_text("README.md", "nothing to apply").await?;
    app.remove(&["a.yaml", "b.yaml"]).await?;
    app.refresh().await?;
    is_gone(fleet, &app, "a").await?;
    is_gone(fleet, &app, "b").await
}

/// `FailOnSharedResource=false`: another application's object is written all the same, with a warning that names it.
pub(crate) async fn shared_object_is_written_with_a_warning() -> Result<()> {
    let (fleet, mut first) = app("rules-shared-a").await?;
    let (_, mut second) = app("rules-shared-b").await?;
    let objects = &fleet.member(EU)?.objects;
    let commit = first.commit(&[("map.yaml", map("both", "of the first"))]).await?;
    first.create().await?;
    first.settles_at(&commit).await?;
    second.commit(&[("map.yaml", map("both", "of the second").in_namespace(first.name()))]).await?;
    create_with(&second, &["FailOnSharedResource=false"]).await?;
    let text = || objects.get(first.name(), configmap("both"));
    wait_for("the second to write it", SOON, text, |found| {
        found.as_ref().is_some_and(|found| found["data"]["TEXT"] == "of the second").then_some(())
    })
    .await?;
    first
        .wait_for_targets("to say whose it is by now", |targets| {
            has_condition(&targets[0], "SharedResourceWarning", "rules-shared-b")
        })
        .await
        .map(drop)
}

/// Somebody who keeps writing a field that git names is named, and corrections become slower.
pub(crate) async fn a_fight_over_a_field_slows_down_and_is_named() -> Result<()> {
    let (fleet, mut app) = app("rules-fight").await?;
    let objects = &fleet.member(EU)?.objects;
    let commit = app.commit(&[("map.yaml", map("fought", "git"))]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let text = || async {
        let found = objects.get(app.name(), configmap("fought")).await?.context("no object")?;
        Ok(found["data"]["TEXT"].clone())
    };
    for round in 0..4 {
        let edit = json!({ "data": { "TEXT": format!("theirs {round}") } });
        objects.edit(app.name(), configmap("fought"), edit).await?;
        wait_for("the field to be git's again", SOON, text, |text| (*text == "git").then_some(())).await?;
    }
    app.wait_for_targets("to name the other writer", |targets| has_condition(&targets[0], "FieldConflict", "data.TEXT"))
        .await
        .map(drop)
}

/// Helm's hooks run in Argo CD's phases; its tests, and what says `Skip`, are not touched.
pub(crate) async fn helm_hooks_and_skipped_objects() -> Result<()> {
    let (fleet, mut app) = app("rules-helm").await?;
    let objects = &fleet.member(EU)?.objects;
    let helm = |name: &str, hook: &str| map(name, "hook").annotation("helm.sh/hook", hook);
    let commit = app
        .commit(&[
            ("plain.yaml", map("plain", "one")),
            ("before.yaml", helm("before", "pre-install,pre-upgrade")),
            ("test.yaml", helm("test", "test")),
            ("skip.yaml", map("skip", "one").annotation(HOOK, "Skip")),
        ])
        .await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    ensure!(objects.get(app.name(), configmap("before")).await?.is_some(), "the hook did not run");
    for name in ["test", "skip"] {
        ensure!(objects.get(app.name(), configmap(name)).await?.is_none(), "{name} was applied");
    }
    let shown = fleet.api().resources(app.name()).await?;
    ensure!(shown.iter().all(|one| one["name"] == "plain"), "hooks do not count: {shown:?}");
    ensure!(objects.get("", namespace(app.name())).await?.is_some(), "there is no namespace");
    Ok(())
}

/// A kind that nobody serves: `SkipDryRunOnMissingResource` or not, it does not keep the others from being synced; it is named and fails the operation.
pub(crate) async fn missing_kind_stops_nobody_else() -> Result<()> {
    let fleet = shared().await?;
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(fleet, "rules-missing", to, Policy::Manual).await?;
    let lost = Manifest::new("nobody.test/v1", "Lost", "one").annotation(OPTIONS, "SkipDryRunOnMissingResource=true");
    app.commit(&[("map.yaml", map("fixed", "one")), ("lost.yaml", lost)]).await?;
    app.create().await?;
    app.wait_for_targets("to be OutOfSync", |targets| targets.first().is_some_and(|t| t["sync"] == "OutOfSync"))
        .await?;
    fleet.api().sync(app.name(), false).await?;
    let seen = app.wait_for_targets("to have ended", |targets| targets[0]["operation"]["phase"] == "Failed").await?;
    let message = seen[0]["operation"]["message"].as_str().unwrap_or_default();
    ensure!(message.contains("Lost"), "{message}");
    ensure!(fleet.member(EU)?.objects.get(app.name(), configmap("fixed")).await?.is_some(), "it kept the other one");
    Ok(())
}
