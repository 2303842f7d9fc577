//! Differences that people ask not to see, on a real apiserver: they are none, and they are not healed.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{App, Destination, Policy, SOON, message_application, message_of};
use windlass_tests::control_plane::AuditMark;
use windlass_tests::fleet::Member;
use windlass_tests::manifest::configmap as a_configmap;
use windlass_tests::objects::{SOMEBODY, configmap, deployment};
use windlass_tests::wait::wait_for;

use super::stage::{EU, app, shared, writes};

/// What the agent wrote, dry runs aside, to objects of this name.
fn written(member: &Member, mark: AuditMark, app: &App, names: &[&str]) -> Result<Vec<String>> {
    let (writes, of_app) = (writes(member, mark)?, format!("/namespaces/{}/", app.name()));
    let named = |uri: &String| names.iter().any(|name| uri.contains(&format!("/{name}?")));
    let concerns = |uri: &String| !uri.contains("dryRun") && uri.contains(&of_app) && named(uri);
    Ok(writes.into_iter().filter(concerns).collect())
}

fn with_rules(app: &App, rules: &Value, options: &[&str]) -> Value {
    let mut manifest = app.manifest();
    manifest["spec"]["ignoreDifferences"] = rules.clone();
    let mut all = vec![json!("CreateNamespace=true")];
    all.extend(options.iter().map(|option| json!(option)));
    manifest["spec"]["syncPolicy"]["syncOptions"] = json!(all);
    manifest
}

async fn put(fleet: &windlass_tests::fleet::Fleet, manifest: &Value) -> Result<()> {
    fleet.api().put_application(manifest).await.map(drop)
}

pub(crate) async fn ignored_differences_stay_synced_and_quiet() -> Result<()> {
    let (fleet, mut app) = app("ignored").await?;
    let mut files = message_application("hello");
    files.push(("auto.yaml", a_configmap("auto", &[("kept", "git"), ("counted", "0")])));
    files.push(("owned.yaml", a_configmap("owned", &[("kept", "git"), ("theirs", "git")])));
    let commit = app.commit(&files).await?;
    let rules = json!([
        { "group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"] },
        { "kind": "ConfigMap", "name": "auto", "jqPathExpressions": [".data | select(.kept) | .counted"] },
        { "kind": "ConfigMap", "name": "owned", "managedFieldsManagers": [SOMEBODY] },
    ]);
    put(fleet, &with_rules(&app, &rules, &[])).await?;
    app.settles_at(&commit).await?;

    let cluster = fleet.member(EU)?;
    let mark = cluster.plane.audit_mark()?;
    cluster.objects.edit(app.name(), deployment("message"), json!({ "spec": { "replicas": 3 } })).await?;
    cluster.objects.edit(app.name(), configmap("auto"), json!({ "data": { "counted": "7" } })).await?;
    cluster.objects.edit(app.name(), configmap("owned"), json!({ "data": { "theirs": "counter's" } })).await?;
    // An edit that comes later and is healed: by then the others have been seen.
    cluster.objects.edit(app.name(), configmap("message"), json!({ "data": { "MESSAGE": "by hand" } })).await?;
    let look = || cluster.objects.get(app.name(), configmap("message"));
    wait_for("git's message to be back", SOON, look, |found| {
        (found.as_ref()?["data"]["MESSAGE"] == "hello").then_some(())
    })
    .await?;
    app.settles_at(&commit).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    app.settles_at(&commit).await?;
    let wrote = written(cluster, mark, &app, &["auto", "owned"])?;
    ensure!(wrote.is_empty(), "the agent wrote over ignored differences: {wrote:?}");
    let live = cluster.objects.get(app.name(), deployment("message")).await?.unwrap_or_default();
    ensure!(live["spec"]["replicas"] == 3, "ignored replicas were healed: {}", live["spec"]["replicas"]);

    // What is not ignored of the same object is healed, and then git's value is sent for all of it.
    cluster.objects.edit(app.name(), configmap("auto"), json!({ "data": { "kept": "by hand" } })).await?;
    let look = || cluster.objects.get(app.name(), configmap("auto"));
    wait_for("the rest to be healed", SOON, look, |found| (found.as_ref()?["data"]["kept"] == "git").then_some(()))
        .await?;
    app.settles_at(&commit).await
}

pub(crate) async fn changed_rules_write_nothing_by_themselves() -> Result<()> {
    let fleet = shared().await?;
    let mut app = App::new(fleet, "rules", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    let none = |app: &App| {
        let mut manifest = app.manifest();
        manifest["spec"]["syncPolicy"]["automated"] = json!({ "selfHeal": false });
        manifest
    };
    put(fleet, &none(&app)).await?;
    app.settles_at(&commit).await?;
    let cluster = fleet.member(EU)?;
    let mark = cluster.plane.audit_mark()?;
    cluster.objects.edit(app.name(), deployment("message"), json!({ "spec": { "replicas": 3 } })).await?;
    app.wait_for_targets("to be OutOfSync", |targets| targets.iter().any(|t| t["sync"] == "OutOfSync")).await?;

    let mut ignoring = none(&app);
    ignoring["spec"]["ignoreDifferences"] =
        json!([{ "group": "apps", "kind": "Deployment", "jqPathExpressions": [".spec.replicas"] }]);
    put(fleet, &ignoring).await?;
    app.wait_for_targets("to be Synced once it is ignored", |targets| targets.iter().all(|t| t["sync"] == "Synced"))
        .await?;
    let live = cluster.objects.get(app.name(), deployment("message")).await?.unwrap_or_default();
    ensure!(live["spec"]["replicas"] == 3, "a rule alone changed the cluster");

    put(fleet, &none(&app)).await?;
    app.wait_for_targets("to be OutOfSync again", |targets| targets.iter().any(|t| t["sync"] == "OutOfSync")).await?;
    let wrote = written(cluster, mark, &app, &["message"])?;
    ensure!(wrote.is_empty(), "rules alone made the agent write: {wrote:?}");
    Ok(())
}

pub(crate) async fn respected_differences_keep_live_values() -> Result<()> {
    let (fleet, mut app) = app("respected").await?;
    app.commit(&message_application("hello")).await?;
    let rules = json!([
        { "group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"] },
        { "kind": "ConfigMap", "jqPathExpressions": [".data.counted"] },
    ]);
    let files = [("auto.yaml", a_configmap("auto", &[("kept", "one"), ("counted", "0")]))];
    let commit = app.commit(&files).await?;
    put(fleet, &with_rules(&app, &rules, &["RespectIgnoreDifferences=true"])).await?;
    app.settles_at(&commit).await?;
    let cluster = fleet.member(EU)?;
    cluster.objects.edit(app.name(), deployment("message"), json!({ "spec": { "replicas": 3 } })).await?;
    cluster.objects.edit(app.name(), configmap("auto"), json!({ "data": { "counted": "7" } })).await?;

    let mut files = message_application("hello");
    files[1].1 = files[1].1.clone().with("metadata.annotations", json!({ "example.com/release": "two" }));
    files.push(("auto.yaml", a_configmap("auto", &[("kept", "two"), ("counted", "0")])));
    let second = app.commit(&files).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    let live = cluster.objects.get(app.name(), deployment("message")).await?.unwrap_or_default();
    ensure!(live["spec"]["replicas"] == 3, "live replicas were not kept: {}", live["spec"]["replicas"]);
    let live = cluster.objects.get(app.name(), configmap("auto")).await?.unwrap_or_default();
    ensure!(live["data"] == json!({ "kept": "two", "counted": "7" }), "{}", live["data"]);
    Ok(())
}

pub(crate) async fn endless_jq_is_named_and_delays_nobody() -> Result<()> {
    let (fleet, mut app) = app("endless").await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    // Which limit the second and third meet first depends on the machine.
    for (expression, said) in [
        (".data | until(false; .)", "did not end within 1 s"),
        ("[limit(1000000000; repeat(\"xxxxxxxx\"))] as $x | .data", "ignoreDifferences"),
        ("def f: [f]; f as $x | .data", "ignoreDifferences"),
    ] {
        let rules = json!([{ "kind": "ConfigMap", "jqPathExpressions": [expression] }]);
        put(fleet, &with_rules(&app, &rules, &[])).await?;
        let look = || async { fleet.api().resources(app.name()).await };
        wait_for("the expression to be named", SOON, look, |resources| {
            let message = resources.iter().find(|r| r["kind"] == "ConfigMap")?["message"].as_str()?;
            (message.contains(expression) && message.contains(said)).then_some(())
        })
        .await?;
    }
    // Somebody else's drift is healed all the while.
    let (_, mut other) = super::stage::app("beside-endless").await?;
    let commit = other.commit(&[("configmap.yaml", message_of("hello"))]).await?;
    other.create().await?;
    other.settles_at(&commit).await?;
    fleet.api().delete_application(app.name(), "background").await?;
    Ok(())
}
