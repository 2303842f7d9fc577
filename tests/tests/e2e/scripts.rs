//! Health scripts of the installation: they decide before the built-in rules, and one that fails is named.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use windlass_tests::app::{App, Destination, Policy, message_application, message_of};
use windlass_tests::fleet::Fleet;
use windlass_tests::hub::{Hub, HubOptions, HubStore};
use windlass_tests::postgres::Postgres;

use super::stage::{EU, own_fleet, plane};

/// What objects should be like.
type Wanted = Box<dyn Fn(&[Value]) -> bool>;

const KEY: &str = "resource.customizations.health.ConfigMap";

pub(crate) async fn users_health_script_decides() -> Result<()> {
    let fleet = own_fleet("scripts").await?;
    let mut app = App::new(&fleet, "scripted", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    let api = fleet.api();
    let set = |script: &str| {
        let body = json!({ "kind": "ConfigMap", "data": { KEY: script, "url": "https://argocd.example" } });
        async move { api.must(Method::PUT, "/api/v1/settings", Some(&body)).await }
    };
    let health = |status: &str, text: &str| {
        let (status, text) = (status.to_owned(), text.to_owned());
        move |resources: &[Value]| {
            resources.iter().any(|r| {
                r["kind"] == "ConfigMap"
                    && r["health"] == *status
                    && r["healthMessage"].as_str().unwrap_or_default().contains(&text)
            })
        }
    };
    let wait = |what: &'static str, wanted: Wanted| {
        let name = app.name().to_owned();
        async move {
            let look = || api.resources(&name);
            windlass_tests::wait::wait_for(what, windlass_tests::app::SOON, look, |found| wanted(found).then_some(()))
                .await
        }
    };
    let answer = set("hs = {}\nhs.status = 'Degraded'\nhs.message = 'says ' .. obj.data.MESSAGE\nreturn hs").await?;
    ensure!(answer["warnings"][0].as_str().is_some_and(|w| w.starts_with("url: ")), "{answer}");
    wait("the script's word", Box::new(health("Degraded", "says hello"))).await?;
    app.wait_for_targets("to be Degraded", |targets| targets.iter().all(|t| t["health"] == "Degraded")).await?;

    set("return obj.no.such").await?;
    wait("the failing script to be named", Box::new(health("Unknown", KEY))).await?;
    set("while true do end").await?;
    wait("the endless script to be named", Box::new(health("Unknown", "did not end"))).await?;
    for (script, words) in [
        ("return {status = 'Healthy', message = io.open('/etc/passwd'):read('*a')}", "nil value"),
        ("return require('os')", "nil value"),
        ("return {status = 'Splendid'}", "invalid health status"),
        ("return 7", "expected a table"),
        ("local all = 'sixteen letters.' while true do all = all .. all end", "MiB of memory"),
    ] {
        set(script).await?;
        wait("the hostile script to be named", Box::new(health("Unknown", words))).await?;
    }

    let refused = api.call(Method::PUT, "/api/v1/settings", Some(&json!({ KEY: "if then" }))).await?;
    let said = format!("{refused:?}");
    ensure!(said.contains("line 1") && said.contains(KEY), "{said}");

    // Everything else went on meanwhile, and the script's end is the end of its word.
    let second = app.commit(&[("configmap.yaml", message_of("good evening"))]).await?;
    app.refresh().await?;
    api.must(Method::PUT, "/api/v1/settings", Some(&json!({}))).await?;
    app.settles_at(&second).await
}

pub(crate) async fn settings_of_one_hub_reach_the_agents_of_another() -> Result<()> {
    let folder = tempfile::tempdir().context("a folder for the database")?;
    let postgres = Postgres::start(folder.path()).await?;
    let store = HubStore::Postgres(postgres.create_database("windlass").await?);
    let options = HubOptions { store: store.clone(), ..HubOptions::default() };
    let fleet = Fleet::start_with("settings-replicas", &[(EU, plane().await?)], options).await?;
    let mut app = App::new(&fleet, "replicated", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    // Another hub on the same database, with the same key.
    let other = fleet.folder().join("other-hub");
    let (from, to) = (fleet.hub().data_folder().to_owned(), other.join("data"));
    std::fs::create_dir_all(&to)?;
    let token = fleet.hub().token_file()?;
    for file in [from.join("seal.key"), from.join("ca.pem"), token] {
        std::fs::copy(&file, to.join(file.file_name().context("a file's name")?))?;
    }
    let mut other = Hub::start(&other, HubOptions { store, ..HubOptions::default() }).await?;
    let script = "return {status = 'Degraded', message = 'said at the other hub'}";
    other.api().must(Method::PUT, "/api/v1/settings", Some(&json!({ KEY: script }))).await?;
    // It is gone before it could do anything about it; whoever is left does.
    other.kill9()?;
    let look = || fleet.api().resources(app.name());
    windlass_tests::wait::wait_for("the script's word", windlass_tests::app::SOON, look, |rows| {
        let said = |row: &Value| row["healthMessage"].as_str().is_some_and(|said| said.contains("said at the other hub"));
        rows.iter().any(said).then_some(())
    })
    .await?;
    fleet.finish();
    Ok(())
}
