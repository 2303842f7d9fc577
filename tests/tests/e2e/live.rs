//! What people ask of a live cluster, and that nothing of it is a secret.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use windlass_tests::app::message_application;
use windlass_tests::cli::Cli;
use windlass_tests::fleet::Fleet;
use windlass_tests::folder::Folder;
use windlass_tests::manifest;

use super::stage::{EU, app};

/// What no answer may hold.
const CANARY: &str = "canary-of-a-live-secret";

/// The command line, logged in.
async fn cli(fleet: &Fleet, name: &str) -> Result<(Folder, Cli)> {
    let folder = Folder::create(name)?;
    let cli = Cli::new(folder.path())?;
    let (token, ca) = (fleet.hub().token_file()?.display().to_string(), fleet.hub().ca_file().display().to_string());
    cli.must(&["login", &fleet.hub().url(), "--token-file", &token, "--ca", &ca]).await?;
    Ok((folder, cli))
}

pub(crate) async fn live_object_is_shown_and_its_secrets_are_not() -> Result<()> {
    let (fleet, mut app) = app("liveobject").await?;
    let mut manifests = message_application("hello");
    manifests.push(manifest::secret("keys", &[("password", CANARY)]));
    let commit = app.commit(&manifests).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    let (_folder, cli) = cli(fleet, "live-object").await?;
    let get = ["app", "get-resource", app.name(), "--kind", "ConfigMap", "--resource-name", "message"];
    let shown = cli.must(&get).await?;
    ensure!(shown.contains("MESSAGE: hello") && shown.contains("uid:"), "{shown}");
    ensure!(!shown.contains("managedFields"), "{shown}");

    let get = ["app", "get-resource", app.name(), "--kind", "secret", "-o", "json"];
    let shown = cli.must(&get).await?;
    ensure!(shown.contains("\"password\": \"++++++++\""), "{shown}");
    ensure!(!shown.contains(CANARY) && !shown.contains("Y2FuYXJ5"), "{shown}");

    let pods = fleet.member(EU)?.plane.kubectl(&["get", "pods", "-n", app.name(), "-o", "name"]).await?;
    let pod = pods.stdout.lines().next().context("a pod")?.trim_start_matches("pod/").to_owned();
    let get = ["app", "get-resource", app.name(), "--kind", "Pod", "--resource-name", &pod];
    let shown = cli.must(&get).await?;
    ensure!(shown.contains("kind: Pod") && shown.contains(&pod), "what an object owns belongs to it: {shown}");

    let foreign = ["app", "get-resource", app.name(), "--kind", "ConfigMap", "--resource-name", "kube-root-ca.crt"];
    let refused = cli.run(&foreign).await?;
    ensure!(refused.code == Some(1) && refused.stderr.contains("no live object"), "{refused:?}");

    let path = format!("/api/v1/applications/argocd/{}/live/resource?kind=Deployment&cluster=nowhere", app.name());
    let answer = fleet.api().call(Method::GET, &path, None).await?;
    ensure!(answer.status == 400, "{answer:?}");
    Ok(())
}
