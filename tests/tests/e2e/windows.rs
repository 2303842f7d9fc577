//! Sync windows of a project, on a real cluster: what they close, whom they let through, and what becomes of what runs.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use windlass_tests::api::Api;
use windlass_tests::app::{App, Destination, Policy, SOON, has_condition};
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::configmap;
use windlass_tests::wait::wait_for;

use super::stage::{CALM, EU, app, shared};

/// Every minute for a day: always.
const ALWAYS: (&str, &str) = ("* * * * *", "24h");
/// A minute of the year that no test runs in.
const NEVER: (&str, &str) = ("0 0 29 2 *", "1m");

fn window(kind: &str, (schedule, duration): (&str, &str), more: Value) -> Value {
    let mut window = json!({ "kind": kind, "schedule": schedule, "duration": duration, "applications": ["*"] });
    if let (Some(window), Some(more)) = (window.as_object_mut(), more.as_object()) {
        window.extend(more.clone());
    }
    window
}

/// A project that permits everything, at times.
async fn put_windows(api: &Api, name: &str, windows: &[Value]) -> Result<()> {
    let spec = json!({
        "sourceRepos": ["*"],
        "destinations": [{ "name": "*", "namespace": "*" }],
        "clusterResourceWhitelist": [{ "group": "*", "kind": "*" }],
        "syncWindows": windows,
    });
    let manifest = json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": { "name": name }, "spec": spec });
    api.must(Method::PUT, &format!("/api/v1/projects/{name}"), Some(&manifest)).await.map(drop)
}

async fn create_in(app: &App, project: &str) -> Result<()> {
    let mut manifest = app.manifest();
    manifest["spec"]["project"] = json!(project);
    app.api().put_application(&manifest).await.map(drop)
}

fn message(text: &str) -> Manifest {
    manifest::configmap("message", &[("MESSAGE", text)])
}

async fn text_of(app: &App) -> Result<Option<String>> {
    let found = shared().await?.member(EU)?.objects.get(app.name(), configmap("message")).await?;
    Ok(found.and_then(|found| found["data"]["MESSAGE"].as_str().map(str::to_owned)))
}

/// An active deny closes, a person passes where it says so; the existence of an allow closes outside of it; drift waits as well.
pub(crate) async fn sync_windows_open_and_close() -> Result<()> {
    let (fleet, mut app) = app("windows").await?;
    let api = fleet.api();
    put_windows(api, "windowed", &[window("deny", ALWAYS, json!({}))]).await?;
    let first = app.commit(&[("message.yaml", message("one"))]).await?;
    create_in(&app, "windowed").await?;
    let closed = |targets: &[Value]| targets.first().is_some_and(|t| has_condition(t, "SyncWindowClosed", "denies"));
    app.wait_for_targets("to be kept by the window", closed).await?;
    tokio::time::sleep(CALM).await;
    ensure!(text_of(&app).await?.is_none(), "it was written although a window denies it");

    // A person's operation waits as well, until the window lets people pass.
    api.sync(app.name(), false).await?;
    tokio::time::sleep(CALM).await;
    ensure!(text_of(&app).await?.is_none(), "a person passed a window without manualSync");
    put_windows(api, "windowed", &[window("deny", ALWAYS, json!({ "manualSync": true }))]).await?;
    app.settles_at(&first).await?;
    ensure!(text_of(&app).await?.as_deref() == Some("one"), "a person did not pass");

    // Outside of every allow nothing begins; inside of one it does.
    put_windows(api, "windowed", &[window("allow", NEVER, json!({}))]).await?;
    let second = app.commit(&[("message.yaml", message("two"))]).await?;
    app.refresh().await?;
    app.wait_for_targets("to be outside of its windows", |targets| {
        targets[0]["revision"] == second.as_str()
            && has_condition(&targets[0], "SyncWindowClosed", "no sync window is open")
    })
    .await?;
    fleet
        .member(EU)?
        .objects
        .edit(app.name(), configmap("message"), json!({ "data": { "MESSAGE": "edited" } }))
        .await?;
    tokio::time::sleep(CALM).await;
    ensure!(text_of(&app).await?.as_deref() == Some("edited"), "it was written outside of its windows");
    put_windows(api, "windowed", &[window("allow", NEVER, json!({})), window("allow", ALWAYS, json!({}))]).await?;
    app.settles_at(&second).await?;
    ensure!(text_of(&app).await?.as_deref() == Some("two"), "the window did not open");
    Ok(())
}

/// What runs when a window closes is paused, not failed; with syncOverrun it goes on.
pub(crate) async fn window_that_closes_pauses_what_runs() -> Result<()> {
    let fleet = shared().await?;
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(fleet, "windows-overrun", to, Policy::Automated).await?;
    let (api, member) = (fleet.api(), fleet.member(EU)?);
    put_windows(api, "overrun", &[]).await?;
    let gated = manifest::deployment("web", 1, "registry.example/web:1")
        .with("spec.template.spec.nodeSelector", json!({ "gate-windows": "open" }));
    let last = message("last").annotation("argocd.argoproj.io/sync-wave", "1");
    let commit = app.commit(&[("web.yaml", gated), ("message.yaml", last)]).await?;
    create_in(&app, "overrun").await?;
    let web = || member.objects.get(app.name(), ("apps/v1", "Deployment", "web"));
    wait_for("the first wave", SOON, web, |web| web.is_some().then_some(())).await?;
    put_windows(api, "overrun", &[window("deny", ALWAYS, json!({}))]).await?;
    app.wait_for_targets("to be paused by the window", |targets| {
        let operation = &targets[0]["operation"];
        operation["phase"] == "Running" && operation["message"].as_str().is_some_and(|text| text.contains("denies"))
    })
    .await?;
    member
        .objects
        .edit("", ("v1", "Node", "fake-0"), json!({ "metadata": { "labels": { "gate-windows": "open" } } }))
        .await?;
    tokio::time::sleep(CALM).await;
    ensure!(text_of(&app).await?.is_none(), "the next wave began in a closed window");
    put_windows(api, "overrun", &[window("deny", ALWAYS, json!({ "syncOverrun": true }))]).await?;
    app.settles_at(&commit).await?;
    app.no_operation_failed().await
}
