//! `windlass app diff`: by what the server answers, with exit codes, and without a Secret's values.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{App, Destination, Policy, message_application};
use windlass_tests::cli::Output;
use windlass_tests::manifest;
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
    let named = app.name().to_owned();
    let diff = |more: Vec<String>| {
        let (cli, name) = (cli.clone(), named.clone());
        async move {
            let mut arguments = vec!["app", "diff", name.as_str()];
            arguments.extend(more.iter().map(String::as_str));
            let output = cli.run(&arguments).await?;
            ensure!(!format!("{}{}", output.stdout, output.stderr).contains(CANARY), "a Secret's value was printed");
            Ok::<Output, anyhow::Error>(output)
        }
    };
    let on = |cluster: &str| vec!["--cluster".to_owned(), cluster.to_owned()];
    let same = diff(on(EU)).await?;
    ensure!(same.code == Some(0) && same.stdout.is_empty(), "as applied, defaults and all: {same:?}");
    let nowhere = diff(vec![]).await?;
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
    let differs = diff(on(EU)).await?;
    ensure!(differs.code == Some(1), "{differs:?}");
    for part in ["spec.replicas", "< 3", "> 2", "data.password", "< \"+++", "is not there"] {
        ensure!(differs.stdout.contains(part), "{part} is not in:\n{}", differs.stdout);
    }
    ensure!(!differs.stdout.contains("paused") && !differs.stdout.contains("data.user"), "{}", differs.stdout);

    // Another commit, files, and the other cluster.
    let second = app.commit(&[("service.yaml", manifest::service("message", 9090))]).await?;
    let mut revision = on(US);
    revision.extend(["--revision".to_owned(), second]);
    let other = diff(revision).await?;
    ensure!(other.code == Some(1) && other.stdout.contains("9090"), "{other:?}");
    let local = folder.path().join("deploy");
    std::fs::create_dir_all(&local)?;
    let text = serde_json::to_string(&manifest::configmap("message", &[("MESSAGE", "from a file")]).to_json())?;
    std::fs::write(local.join("message.json"), text)?;
    let mut files = on(US);
    files.extend(["--local".to_owned(), local.display().to_string()]);
    let files_arguments = files;
    let local = diff(files_arguments.clone()).await?;
    ensure!(local.code == Some(1) && local.stdout.contains("from a file"), "{local:?}");
    let mut quiet = files_arguments.clone();
    quiet.push("--exit-code=false".to_owned());
    let quiet = diff(quiet).await?;
    ensure!(quiet.code == Some(0) && quiet.stdout.contains("from a file"), "{quiet:?}");
    // As git has it, with what the application's own rules leave out beside it: nothing differs.
    std::fs::remove_file(folder.path().join("deploy/message.json"))?;
    for (file, manifest) in &first {
        std::fs::write(folder.path().join("deploy").join(file), manifest.to_yaml())?;
    }
    std::fs::create_dir_all(folder.path().join("deploy/below"))?;
    let below = manifest::configmap("below", &[("not", "recursed into")]).to_yaml();
    std::fs::write(folder.path().join("deploy/below/other.yaml"), &below)?;
    std::fs::write(folder.path().join("deploy/skipped.yaml"), format!("# +argocd:skip-file-rendering\n{below}"))?;
    let same = diff(files_arguments.clone()).await?;
    ensure!(same.code == Some(0) && same.stdout.is_empty(), "{same:?}");
    std::fs::write(folder.path().join("deploy/Chart.yaml"), "apiVersion: v2\nname: web\n")?;
    let chart = diff(files_arguments).await?;
    ensure!(chart.code == Some(2) && chart.stderr.contains("render it yourself"), "{chart:?}");
    let mut against = on(EU);
    against.extend(["--against-cluster".to_owned(), US.to_owned()]);
    let against = diff(against).await?;
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
