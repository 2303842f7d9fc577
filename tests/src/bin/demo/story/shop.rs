//! The shop: a migration, three waves, a release that fails and its fix, and a rollback.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{configmap, deployment};
use windlass_tests::wait::wait_for;

use super::{SOON, arrives, publish};
use crate::picture::{Step, Timeline};
use crate::transcript::{chapter, exits, fact, picture, windlass};
use crate::world::World;

/// The application, its directory in git and its namespace.
pub(super) const SHOP: &str = "shop";
const WAVE: &str = "argocd.argoproj.io/sync-wave";
/// What its manifests say about order.
const STEPS: [Step; 4] = [
    Step { label: "PreSync  Job migrate", resource: "jobs", name: "migrate", ends: true },
    Step { label: "wave 0   ConfigMap prices", resource: "configmaps", name: "prices", ends: false },
    Step { label: "wave 1   Deployment api", resource: "deployments", name: "api", ends: true },
    Step { label: "wave 2   Deployment web", resource: "deployments", name: "web", ends: true },
];

/// Opens the shop, breaks a release, fixes it, goes back, and goes on.
pub(super) async fn tell(world: &World) -> Result<()> {
    comes_up_in_order(world).await?;
    a_release_fails_and_is_fixed(world).await?;
    goes_back_and_on_again(world).await
}

async fn comes_up_in_order(world: &World) -> Result<()> {
    chapter("A shop for staging: a migration, then three waves, each when the one before is healthy");
    let plane = world.places[0].plane();
    let mark = plane.audit_mark()?;
    let mut files = release(1, true);
    files.push((format!("{SHOP}/namespace.yaml"), manifest::namespace(SHOP).to_yaml()));
    files.push((format!("apps/{SHOP}.yaml"), application(&world.repo_url)));
    let commit = publish(world, &files, "Open the shop").await?;
    let file = world.repo.work_area().join(format!("apps/{SHOP}.yaml")).display().to_string();
    let started = Instant::now();
    windlass(&world.cli, &["app", "apply", "-f", &file]).await?;
    arrives(world, SHOP, &commit).await?;
    let took = started.elapsed().as_secs_f64();
    let read = || async { Timeline::read(&plane.audit_since(mark)?, SHOP, &STEPS) };
    let timeline = wait_for("all steps to be in the audit log", SOON, read, |found| found.clone()).await?;
    picture("from created to healthy, by the API server's audit log", &timeline.to_string());
    ensure!(timeline.is_in_order(), "a step began before the one before it was healthy");
    fact(&format!("from nothing to Synced and Healthy in {took:.1} s, one step after the other"));
    Ok(())
}

async fn a_release_fails_and_is_fixed(world: &World) -> Result<()> {
    chapter("Version 2 fails in its first wave that has pods: the api asks for a node that nobody has");
    let started = Instant::now();
    publish(world, &release(2, false), "Release version 2").await?;
    world.hub.api().refresh(SHOP).await?;
    let failed = operation(world, "version 2 to fail", |operation| operation["phase"] == "Failed").await?;
    let message = failed["message"].as_str().unwrap_or_default();
    fact(&format!("the sync failed {:.1} s after the push: {message}", started.elapsed().as_secs_f64()));
    windlass(&world.cli, &["explain", SHOP]).await?;
    runs(world, "web", 1).await?;
    fact("the wave after it was not begun: web still runs version 1");

    let started = Instant::now();
    let fix = publish(world, &release(2, true), "Any node will do").await?;
    arrives(world, SHOP, &fix).await?;
    runs(world, "web", 2).await?;
    let took = started.elapsed().as_secs_f64();
    fact(&format!("the fix took the failed sync's place: version 2 is healthy {took:.1} s after its push"));
    let listed = windlass(&world.cli, &["operation", "list", "--app", SHOP]).await?;
    ensure!(
        listed.contains(&format!("superseded by {fix}")),
        "nothing says what took the failed sync's place: {listed}"
    );
    Ok(())
}

async fn goes_back_and_on_again(world: &World) -> Result<()> {
    chapter("Version 2 charges twice: back to version 1, without git");
    windlass(&world.cli, &["app", "history", SHOP]).await?;
    let entries = world.hub.api().list(&format!("/api/v1/applications/argocd/{SHOP}/history")).await?;
    let first = entries.last().context("nothing was deployed")?["id"].to_string();
    let started = Instant::now();
    windlass(&world.cli, &["app", "rollback", SHOP, &first]).await?;
    runs(world, "web", 1).await?;
    prices(world, "1").await?;
    fact(&format!("version 1 runs again after {:.1} s", started.elapsed().as_secs_f64()));
    windlass(&world.cli, &["explain", SHOP]).await?;

    chapter("Version 3 is right, and a person lets the shop follow git again");
    let third = publish(world, &release(3, true), "Charge once").await?;
    world.hub.api().refresh(SHOP).await?;
    let knows = || async { Ok(world.hub.api().application(SHOP).await?.unwrap_or_default()["source"].clone()) };
    wait_for("the hub to know version 3", SOON, knows, |source| (source["revision"] == third.as_str()).then_some(()))
        .await?;
    runs(world, "web", 1).await?;
    fact("version 3 is there, and the shop stays where the person put it");
    // 1: something differs.
    let differs = exits(&world.cli, 1, &["app", "diff", SHOP, "--revision", "main"]).await?;
    for part in [image_of("web", 1), image_of("web", 3), "data.VERSION".to_owned()] {
        ensure!(differs.contains(&part), "the difference does not show {part}");
    }
    fact("what version 3 would change, by the API server's own dry run; nothing was written");
    windlass(&world.cli, &["app", "resume", SHOP]).await?;
    arrives(world, SHOP, &third).await?;
    runs(world, "web", 3).await?;
    fact("version 3 runs");
    Ok(())
}

/// The newest operation of the shop, once it is as wanted.
async fn operation(world: &World, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let look = || async {
        let shop = world.hub.api().application(SHOP).await?.unwrap_or_default();
        Ok(shop["targets"][0]["operation"].clone())
    };
    wait_for(what, SOON, look, |operation| wanted(operation).then(|| operation.clone())).await
}

async fn runs(world: &World, name: &str, version: u32) -> Result<()> {
    let found = world.places[0].objects.get(SHOP, deployment(name)).await?.unwrap_or_default();
    let image = &found["spec"]["template"]["spec"]["containers"][0]["image"];
    ensure!(*image == image_of(name, version), "{name} runs {image}, not version {version}");
    Ok(())
}

async fn prices(world: &World, version: &str) -> Result<()> {
    let found = world.places[0].objects.get(SHOP, configmap("prices")).await?.unwrap_or_default();
    ensure!(found["data"]["VERSION"] == version, "the prices are those of {}", found["data"]);
    Ok(())
}

/// The shop's manifests of a version; one that does not work has an api that no node takes.
fn release(version: u32, works: bool) -> Vec<(String, String)> {
    let migrate =
        manifest::job("migrate", &image_of("migrate", version)).annotation("argocd.argoproj.io/hook", "PreSync");
    let prices = manifest::configmap("prices", &[("VERSION", &version.to_string())]);
    let selector = if works { json!({ "kubernetes.io/os": "linux" }) } else { json!({ "disk": "fastest" }) };
    let api = workload("api", version, "1").with("spec.template.spec.nodeSelector", selector);
    let files = [("migrate", migrate), ("prices", prices), ("api", api), ("web", workload("web", version, "2"))];
    files.into_iter().map(|(name, manifest)| (format!("{SHOP}/{name}.yaml"), manifest.to_yaml())).collect()
}

pub(super) fn workload(name: &str, version: u32, wave: &str) -> Manifest {
    let deployment = manifest::deployment(name, 2, &image_of(name, version)).annotation(WAVE, wave);
    deployment.with("spec.progressDeadlineSeconds", json!(2))
}

fn image_of(name: &str, version: u32) -> String {
    format!("registry.example/{name}:{version}")
}

fn application(repo_url: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {SHOP}
  namespace: argocd
spec:
  project: default
  source:
    repoURL: {repo_url}
    path: {SHOP}
    targetRevision: main
  destination:
    name: eu-1
    namespace: {SHOP}
  syncPolicy:
    automated:
      prune: true
      selfHeal: true
"
    )
}
