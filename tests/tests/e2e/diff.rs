//! `windlass app diff`: by what the server answers, with exit codes, and without a Secret's values.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{App, Destination, Policy, message_application};
use windlass_tests::cli::{Cli, Output};
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{configmap, deployment};

use super::stage::{EU, US, cli, shared};

const CANARY: &str = "canary-diff-secret-90210";

pub(crate) async fn diff_has_exit_codes_and_no_secrets() -> Result<()> {
    let fleet = shared().await?;
    fleet.api().ledger().never_show(CANARY);
    let mut app = App::new(fleet, "differing", Destination::Everywhere, Policy::Manual).await?;
    let mut files = message_application("hello");
    files.push(("secret.yaml", manifest::secret("password", &[("password", CANARY), ("user", "reader")])));
    let first = files.clone();
    let commit = app.commit(&files).await?;
    app.create().await?;
    app.wait_for_targets("to be seen", |targets| targets.len() == 2).await?;
    fleet.api().sync(app.name(), false).await?;
    app.settles_at(&commit).await?;

    let (mut folder, cli) = cli(fleet, "diff-cli").await?;
    let desk = Desk { cli, name: app.name().to_owned() };
    let same = desk.diff(EU, &[]).await?;
    ensure!(same.code == Some(0) && same.stdout.is_empty(), "as applied, defaults and all: {same:?}");
    let nowhere = desk.run(&[]).await?;
    ensure!(nowhere.code == Some(2), "several clusters, none named: {nowhere:?}");

    // By hand: a field that git names, one that it does not, a Secret, and an object that goes.
    let cluster = fleet.member(EU)?;
    cluster
        .objects
        .edit(app.name(), deployment("message"), json!({ "spec": { "replicas": 3, "paused": true } }))
        .await?;
    let secret = ("v1", "Secret", "password");
    cluster.objects.edit(app.name(), secret, json!({ "stringData": { "password": "by hand" } })).await?;
    cluster.objects.delete(app.name(), configmap("message")).await?;
    let differs = desk.diff(EU, &[]).await?;
    ensure!(differs.code == Some(1), "{differs:?}");
    for part in ["spec.replicas", "< 3", "> 2", "data.password", "< \"+++", "is not there"] {
        ensure!(differs.stdout.contains(part), "{part} is not in:\n{}", differs.stdout);
    }
    ensure!(!differs.stdout.contains("paused") && !differs.stdout.contains("data.user"), "{}", differs.stdout);

    // Another commit, files, and the other cluster.
    let second = app.commit(&[("service.yaml", manifest::service("message", 9090))]).await?;
    let other = desk.diff(US, &["--revision", &second]).await?;
    ensure!(other.code == Some(1) && other.stdout.contains("9090"), "{other:?}");
    local_files(&desk, &folder.path().join("deploy"), &first).await?;
    let against = desk.diff(EU, &["--against-cluster", US]).await?;
    ensure!(against.code == Some(1) && against.stdout.contains("spec.replicas"), "{against:?}");

    // What is ignored is shown as that, and makes no difference.
    let mut ignoring = app.manifest();
    ignoring["spec"]["ignoreDifferences"] = json!([
        { "group": "apps", "kind": "Deployment", "jqPathExpressions": [".spec.replicas"] },
        { "kind": "Secret", "jsonPointers": ["/data/password"] },
    ]);
    fleet.api().put_application(&ignoring).await?;
    let path = format!("/api/v1/applications/argocd/{}/live/diff?cluster={EU}&kind=Deployment", app.name());
    let look = || async { fleet.api().post(&path, &json!({})).await };
    windlass_tests::wait::wait_for("replicas to be ignored", windlass_tests::app::SOON, look, |answer: &Value| {
        let item = answer["items"].as_array()?.first()?;
        (item["verdict"] == "Same" && item["ignored"][0]["path"] == "spec.replicas").then_some(())
    })
    .await?;
    folder.succeed();
    fleet.api().delete_application(app.name(), "background").await.map(drop)
}

/// Against files: as they are, with another exit code asked for, with what the application's own rules leave out, and where they cannot be rendered.
async fn local_files(desk: &Desk, local: &Path, first: &[(&str, Manifest)]) -> Result<()> {
    fs::create_dir_all(local.join("below"))?;
    let place = local.display().to_string();
    let text = serde_json::to_string(&manifest::configmap("message", &[("MESSAGE", "from a file")]).to_json())?;
    fs::write(local.join("message.json"), text)?;
    let differs = desk.diff(US, &["--local", &place]).await?;
    ensure!(differs.code == Some(1) && differs.stdout.contains("from a file"), "{differs:?}");
    let quiet = desk.diff(US, &["--local", &place, "--exit-code=false"]).await?;
    ensure!(quiet.code == Some(0) && quiet.stdout.contains("from a file"), "{quiet:?}");

    fs::remove_file(local.join("message.json"))?;
    for (file, manifest) in first {
        fs::write(local.join(file), manifest.to_yaml())?;
    }
    let below = manifest::configmap("below", &[("not", "recursed into")]).to_yaml();
    fs::write(local.join("below/other.yaml"), &below)?;
    fs::write(local.join("skipped.yaml"), format!("# +argocd:skip-file-rendering\n{below}"))?;
    let same = desk.diff(US, &["--local", &place]).await?;
    ensure!(same.code == Some(0) && same.stdout.is_empty(), "{same:?}");
    fs::write(local.join("Chart.yaml"), "apiVersion: v2\nname: web\n")?;
    let chart = desk.diff(US, &["--local", &place]).await?;
    ensure!(chart.code == Some(2) && chart.stderr.contains("render it yourself"), "{chart:?}");
    Ok(())
}

/// Somebody who asks for the differences of one application.
struct Desk {
    cli: Cli,
    name: String,
}

// === impl Desk ===

impl Desk {
    async fn diff(&self, cluster: &str, more: &[&str]) -> Result<Output> {
        self.run(&[&["--cluster", cluster], more].concat()).await
    }

    async fn run(&self, more: &[&str]) -> Result<Output> {
        let output = self.cli.run(&[&["app", "diff", &self.name], more].concat()).await?;
        ensure!(!format!("{}{}", output.stdout, output.stderr).contains(CANARY), "a Secret's value was printed");
        Ok(output)
    }
}
