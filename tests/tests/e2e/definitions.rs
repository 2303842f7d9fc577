//! Definitions that are not there, come late, go, fail, or serve several versions. Absence of knowledge deletes nothing.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{SOON, is_settled};
use windlass_tests::control_plane::AuditMark;
use windlass_tests::fleet::Member;
use windlass_tests::invariants;
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::configmap;
use windlass_tests::wait::wait_for;
use windlass_tests::webhook::Webhook;

use super::stage::{EU, calm_in, workshop_app};

const DEFINITION: (&str, &str) = ("apiextensions.k8s.io/v1", "CustomResourceDefinition");
const API_SERVICE: (&str, &str) = ("apiregistration.k8s.io/v1", "APIService");
/// What the API server's own registration of groups goes by.
const AUTOMATIC: &str = "kube-aggregator.kubernetes.io/automanaged";

pub(crate) async fn definition_that_comes_late_is_waited_for() -> Result<()> {
    const V1: &str = "late.windlass.test/v1";
    let (fleet, mut app) = workshop_app("late-definition").await?;
    let cluster = fleet.member(EU)?;
    let group = "late.windlass.test";
    let files = [("plain.yaml", plain("1")), ("widget.yaml", widget(V1, json!({ "size": 1 })))];
    let commit = app.commit(&files).await?;
    app.create().await?;
    let look = || cluster.objects.get(app.name(), configmap("plain"));
    wait_for("what can be applied to be applied", SOON, look, |found| found.is_some().then_some(())).await?;
    app.wait_for_status("to name the kind that is not served", |seen| {
        seen["targets"][0]["sync"] != "Synced" && seen["targets"][0].to_string().contains("Widget")
    })
    .await?;
    cluster.objects.apply(&definition(group, &["v1"]), "somebody").await?;
    app.settles_at(&commit).await?;
    ensure!(cluster.objects.present(app.name(), widget_of(V1)).await?.is_some(), "the widget is not there");
    invariants::check(fleet, &[]).await
}

pub(crate) async fn removed_definition_prunes_nothing() -> Result<()> {
    const V1: &str = "gone.windlass.test/v1";
    let (fleet, mut app) = workshop_app("gone-definition").await?;
    let cluster = fleet.member(EU)?;
    let (group, name) = ("gone.windlass.test", app.name().to_owned());
    cluster.objects.apply(&definition(group, &["v1"]), "somebody").await?;
    let second = widget(V1, json!({ "size": 2 })).with("metadata.name", json!("second"));
    let files = [
        ("plain.yaml", plain("1")),
        ("other.yaml", manifest::configmap("other", &[("a", "b")])),
        ("widget.yaml", widget(V1, json!({ "size": 1 }))),
        ("second.yaml", second),
    ];
    let first = app.commit(&files).await?;
    app.create().await?;
    app.settles_at(&first).await?;

    // With its definition go the objects; that is the cluster's doing. Git still names one of them.
    let definition_name = format!("widgets.{group}");
    cluster.objects.delete("", (DEFINITION.0, DEFINITION.1, &definition_name)).await?;
    app.wait_for_targets("to see that the kind is gone", |targets| targets[0]["sync"] != "Synced").await?;
    let mark = cluster.plane.audit_mark()?;
    let commit = app.remove(&["second.yaml"]).await?;
    app.refresh().await?;
    app.wait_for_targets("to be at the commit", |targets| targets[0]["revision"] == commit.as_str()).await?;
    calm_in(cluster, &[app.name()]).await?;
    ensure!(
        cluster.objects.present(&name, configmap("other")).await?.is_some(),
        "an object of another kind was pruned"
    );
    let deleted = deletes(cluster, mark, &name)?;
    ensure!(deleted.is_empty(), "deleted while the kind was away: {}", deleted.join(", "));

    // It comes back: what git names is applied again, what left git is not.
    cluster.objects.apply(&definition(group, &["v1"]), "somebody").await?;
    let look = || async {
        let settled = app.targets().await?.iter().any(|target| is_settled(target, &commit));
        // It was called settled before this was looked for: it must be there by now.
        let found = cluster.objects.present(&name, widget_of(V1)).await.ok().flatten();
        Ok((settled, found.is_some()))
    };
    let too_early = wait_for("the widget to be back", SOON, look, |(settled, found)| {
        (*found || *settled).then_some(*settled && !*found)
    });
    ensure!(!too_early.await?, "Synced and Healthy was said before the widget was back");
    app.settles_at(&commit).await?;
    let second = (V1, "Widget", "second");
    ensure!(cluster.objects.present(&name, second).await?.is_none(), "what left git is back");
    invariants::check(fleet, &[]).await
}

/// The group's registration points at a server that does not answer, as an aggregated API does whose pods are down, with
/// objects live.
pub(crate) async fn group_that_fails_discovery_is_never_pruned() -> Result<()> {
    const V1: &str = "failing.windlass.test/v1";
    let (fleet, mut app) = workshop_app("failing-group").await?;
    let (_, mut neighbour) = workshop_app("failing-group-neighbour").await?;
    let cluster = fleet.member(EU)?;
    let (group, name) = ("failing.windlass.test", app.name().to_owned());
    cluster.objects.apply(&definition(group, &["v1"]), "somebody").await?;
    let files = [
        ("plain.yaml", plain("1")),
        ("other.yaml", manifest::configmap("other", &[("a", "b")])),
        ("widget.yaml", widget(V1, json!({ "size": 1 }))),
    ];
    let first = app.commit(&files).await?;
    app.create().await?;
    app.settles_at(&first).await?;

    let service = format!("v1.{group}");
    let service = (API_SERVICE.0, API_SERVICE.1, service.as_str());
    let nowhere = json!({ "name": "nowhere", "namespace": "default", "port": 443 });
    let broken = json!({
        "metadata": { "labels": { AUTOMATIC: null } },
        "spec": { "service": nowhere, "insecureSkipTLSVerify": true },
    });
    cluster.objects.edit("", service, broken).await?;
    let mark = cluster.plane.audit_mark()?;
    let commit = app.remove(&["widget.yaml"]).await?;
    app.refresh().await?;
    app.wait_for_targets("to be at the commit", |targets| targets[0]["revision"] == commit.as_str()).await?;
    // Everybody else's kinds are served.
    let theirs = neighbour.commit(&[("plain.yaml", plain("neighbour"))]).await?;
    neighbour.create().await?;
    neighbour.settles_at(&theirs).await?;
    let deleted = deletes(cluster, mark, &name)?;
    ensure!(deleted.is_empty(), "deleted while the group was down: {}", deleted.join(", "));
    let rows = fleet.api().resources(&name).await?;
    ensure!(rows.iter().any(|row| row["kind"] == "Widget"), "what cannot be seen is forgotten: {rows:?}");
    ensure!(!app.targets().await?.iter().any(|target| is_settled(target, &commit)), "it is called settled");

    // The registration is made anew by the API server itself.
    cluster.objects.delete("", service).await?;
    let look = || async {
        let found = cluster.objects.get(&name, widget_of(V1)).await;
        Ok(found.map_err(|error| format!("{error:#}")))
    };
    wait_for("the widget to be pruned when its group is back", SOON, look, |found| {
        matches!(found, Ok(None)).then_some(())
    })
    .await?;
    app.settles_at(&commit).await?;
    invariants::check(fleet, &[]).await
}

/// One kind in two versions that a webhook converts: git moves from the old to the new, and nobody writes in between.
pub(crate) async fn conversion_between_versions_is_no_drift() -> Result<()> {
    let webhook = Webhook::start(converted).await?;
    let (fleet, mut app) = workshop_app("converted").await?;
    let cluster = fleet.member(EU)?;
    const NEW: &str = "converted.windlass.test/v1";
    const OLD: &str = "converted.windlass.test/v1alpha1";
    let conversion = json!({ "clientConfig": webhook.client_config(), "conversionReviewVersions": ["v1"] });
    let definition = definition("converted.windlass.test", &["v1", "v1alpha1"])
        .with("spec.conversion", json!({ "strategy": "Webhook", "webhook": conversion }));
    cluster.objects.apply(&definition, "somebody").await?;
    let name = app.name().to_owned();

    // The old version's `size` is the new one's `replicas`, which is what is stored.
    let first = app.commit(&[("widget.yaml", widget(OLD, json!({ "size": 3 })))]).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    calm_in(cluster, &[app.name()]).await?;
    let live = cluster.objects.get(&name, widget_of(NEW)).await?.unwrap_or_default();
    ensure!(live["spec"]["replicas"] == 3, "the webhook did not convert: {live}");
    let second = app.commit(&[("widget.yaml", widget(NEW, json!({ "replicas": 3 })))]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    calm_in(cluster, &[app.name()]).await?;
    let third = app.commit(&[("widget.yaml", widget(NEW, json!({ "replicas": 5 })))]).await?;
    app.refresh().await?;
    app.settles_at(&third).await?;
    calm_in(cluster, &[app.name()]).await?;
    let live = cluster.objects.get(&name, widget_of(OLD)).await?.unwrap_or_default();
    ensure!(live["spec"]["size"] == 5, "{live}");
    ensure!(webhook.calls() > 0, "nobody asked the webhook");
    // An edit in the old version is drift in the new one too.
    cluster.objects.edit(&name, widget_of(OLD), json!({ "spec": { "size": 9 } })).await?;
    let look = || cluster.objects.get(&name, widget_of(NEW));
    wait_for("git's replicas to be back", SOON, look, |found| (found.as_ref()?["spec"]["replicas"] == 5).then_some(()))
        .await?;
    calm_in(cluster, &[app.name()]).await?;
    invariants::check(fleet, &[]).await
}

/// `spec.size` and `spec.replicas` are one number.
fn converted(request: &Value) -> Value {
    let wanted = request["desiredAPIVersion"].clone();
    let new = wanted.as_str().is_some_and(|version| version.ends_with("/v1"));
    let (from, to) = if new { ("size", "replicas") } else { ("replicas", "size") };
    let convert = |object: &Value| {
        let mut object = object.clone();
        object["apiVersion"] = wanted.clone();
        if let Some(spec) = object["spec"].as_object_mut()
            && let Some(number) = spec.remove(from)
        {
            spec.insert(to.to_owned(), number);
        }
        object
    };
    let objects: Vec<Value> = request["objects"].as_array().into_iter().flatten().map(convert).collect();
    json!({ "result": { "status": "Success" }, "convertedObjects": objects })
}

/// A definition of Widgets; the first version is the one that is stored.
fn definition(group: &str, versions: &[&str]) -> Manifest {
    let schema = json!({ "openAPIV3Schema": { "type": "object", "properties": { "spec": {
        "type": "object", "properties": { "size": { "type": "integer" }, "replicas": { "type": "integer" } },
    } } } });
    let version = |(index, name): (usize, &&str)| json!({ "name": name, "served": true, "storage": index == 0, "schema": schema });
    let versions: Vec<Value> = versions.iter().enumerate().map(version).collect();
    let names = json!({ "plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList" });
    Manifest::new(DEFINITION.0, DEFINITION.1, &format!("widgets.{group}"))
        .with("spec.group", json!(group))
        .with("spec.scope", json!("Namespaced"))
        .with("spec.names", names)
        .with("spec.versions", Value::from(versions))
}

fn widget(api_version: &str, spec: Value) -> Manifest {
    Manifest::new(api_version, "Widget", "widget").with("spec", spec)
}

fn widget_of(api_version: &str) -> (&str, &str, &str) {
    (api_version, "Widget", "widget")
}

fn plain(round: &str) -> Manifest {
    manifest::configmap("plain", &[("round", round)])
}

/// What the agent deleted of a namespace since then; what it tried to and could not is nothing.
fn deletes(cluster: &Member, mark: AuditMark, namespace: &str) -> Result<Vec<String>> {
    let events = cluster.plane.audit_by_user(&cluster.user, mark)?;
    let done = events.iter().filter(|event| {
        event["verb"].as_str().is_some_and(|verb| verb.starts_with("delete"))
            && event["objectRef"]["namespace"] == namespace
            && event["responseStatus"]["code"].as_u64().is_some_and(|code| code < 300)
    });
    Ok(done.map(|event| event["requestURI"].to_string()).collect())
}
