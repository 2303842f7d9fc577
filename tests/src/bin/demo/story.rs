//! What happens, chapter by chapter. Each fact is checked.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{message_application, message_of};
use windlass_tests::manifest;
use windlass_tests::objects::{Kind, configmap, deployment};
use windlass_tests::wait::wait_for;

use crate::transcript::{chapter, command, fact, windlass};
use crate::world::{CLUSTERS, World};

mod day;
mod pods;
mod shop;

const NAMESPACE: &str = "message";
const SOON: Duration = Duration::from_secs(30);

/// Tells the whole story.
pub(crate) async fn tell(world: &mut World) -> Result<()> {
    from_nothing_to_healthy(world).await?;
    a_change_arrives(world).await?;
    what_is_broken_is_healed(world).await?;
    the_hub_may_be_away(world).await?;
    what_leaves_git_leaves_the_cluster(world).await?;
    a_deletion_of_everything_waits(world).await?;
    shop::tell(world).await?;
    day::tell(world).await?;
    if let Some(site) = world.site.take() {
        world.real = Some(pods::tell(world, site).await?);
    }
    chapter("The end");
    windlass(&world.cli, &["app", "list"]).await.map(drop)
}

async fn from_nothing_to_healthy(world: &World) -> Result<()> {
    chapter("A message application for staging and production, from nothing to healthy");
    let mut files: Vec<(String, String)> = Vec::new();
    for (_, environment) in CLUSTERS {
        let manifests = message_application("hello").into_iter();
        files.extend(manifests.map(|(file, manifest)| (format!("{environment}/{file}"), manifest.to_yaml())));
        files.push((format!("{environment}/namespace.yaml"), manifest::namespace(NAMESPACE).to_yaml()));
        files.push((format!("apps/{environment}.yaml"), application(environment, &world.repo_url)));
    }
    let commit = publish(world, &files, "Say hello").await?;
    for (place, (_, environment)) in CLUSTERS.into_iter().enumerate() {
        let file = world.repo.work_area().join(format!("apps/{environment}.yaml")).display().to_string();
        let started = Instant::now();
        windlass(&world.cli, &["app", "apply", "-f", &file]).await?;
        arrives(world, &format!("message-{environment}"), &commit).await?;
        fact(&format!(
            "{environment} went from nothing to Synced and Healthy in {:.1} s",
            started.elapsed().as_secs_f64()
        ));
        let running = world.places[place].objects.get(NAMESPACE, deployment("message")).await?;
        let running = running.context("the deployment is not there")?;
        ensure!(running["status"]["availableReplicas"] == 2, "the pods do not run: {}", running["status"]);
    }
    windlass(&world.cli, &["app", "list"]).await?;
    windlass(&world.cli, &["app", "get", "message-staging"]).await.map(drop)
}

async fn a_change_arrives(world: &World) -> Result<()> {
    chapter("A commit changes the message");
    let message = message_of("good evening").to_yaml();
    let files = CLUSTERS.map(|(_, environment)| (format!("{environment}/configmap.yaml"), message.clone()));
    let commit = publish(world, &files, "Say good evening").await?;
    let started = Instant::now();
    for (place, (name, environment)) in CLUSTERS.into_iter().enumerate() {
        world.hub.api().refresh(&format!("message-{environment}")).await?;
        says(world, place, "good evening").await?;
        fact(&format!("{name} says good evening {} ms after the push", started.elapsed().as_millis()));
    }
    for (_, environment) in CLUSTERS {
        arrives(world, &format!("message-{environment}"), &commit).await?;
    }
    Ok(())
}

async fn what_is_broken_is_healed(world: &World) -> Result<()> {
    chapter("Somebody deletes the deployment in production, and edits the message in staging");
    let started = Instant::now();
    break_deployment(world, 1).await?;
    fact(&format!("the deployment was back after {} ms", started.elapsed().as_millis()));
    let started = Instant::now();
    edit_message(world, 0).await?;
    says(world, 0, "good evening").await?;
    fact(&format!("git's message was back after {} ms", started.elapsed().as_millis()));
    Ok(())
}

async fn the_hub_may_be_away(world: &mut World) -> Result<()> {
    chapter("The hub is killed, and somebody breaks something");
    command(&format!("kill -9 {}   # windlass-hub", world.hub.process().pid()), "");
    world.hub.kill9()?;
    break_deployment(world, 0).await?;
    edit_message(world, 1).await?;
    says(world, 1, "good evening").await?;
    fact("the agents healed both without the hub");
    world.hub.restart().await?;
    command("windlass-hub &", "");
    for (_, environment) in CLUSTERS {
        windlass(&world.cli, &["app", "wait", &format!("message-{environment}"), "--timeout", "30s"]).await?;
    }
    fact("the hub is back and knows");
    Ok(())
}

async fn what_leaves_git_leaves_the_cluster(world: &World) -> Result<()> {
    chapter("A file is removed from git");
    let commit = remove(world, &["staging/service.yaml"], "Staging needs no service").await?;
    gone(world, ("v1", "Service", "message")).await?;
    arrives(world, "message-staging", &commit).await?;
    fact("the service was pruned");
    Ok(())
}

async fn a_deletion_of_everything_waits(world: &World) -> Result<()> {
    chapter("Everything is removed from git: the deletion is held until a person approves it");
    remove(world, &["staging/namespace.yaml", "staging/configmap.yaml", "staging/deployment.yaml"], "Oops").await?;
    let api = world.hub.api();
    let held =
        || async { Ok(api.application("message-staging").await?.unwrap_or_default()["targets"][0]["hold"].clone()) };
    let hold = wait_for("the deletion to be held", SOON, held, |hold| hold.is_object().then(|| hold.clone())).await?;
    ensure!(hold["count"] == 3, "another set is held: {hold}");
    for kind in [configmap("message"), deployment("message")] {
        ensure!(world.places[0].objects.present(NAMESPACE, kind).await?.is_some(), "{kind:?} was deleted unasked");
    }
    fact("nothing was deleted");
    windlass(&world.cli, &["app", "approve", "message-staging", "--yes"]).await?;
    for kind in [configmap("message"), deployment("message")] {
        gone(world, kind).await?;
    }
    fact("it was deleted once it was approved; production was not touched");
    says(world, 1, "good evening").await
}

/// Commits, pushes and shows it.
async fn publish(world: &World, files: &[(String, String)], subject: &str) -> Result<String> {
    let files: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    push(world, &files, subject).await
}

async fn remove(world: &World, files: &[&str], subject: &str) -> Result<String> {
    let mut files: Vec<(&str, Option<&str>)> = files.iter().map(|path| (*path, None)).collect();
    files.push(("staging/README.md", Some("Not a manifest.\n")));
    push(world, &files, subject).await
}

async fn push(world: &World, files: &[(&str, Option<&str>)], subject: &str) -> Result<String> {
    let commit = world.repo.publish(files, subject).await?;
    let summary = world.repo.git(&["show", "--stat=72", "--format=%h %s", "HEAD"]).await?;
    command(&format!("git commit -am {subject:?} && git push"), &summary);
    Ok(commit)
}

/// Waits on the watch until the application runs the commit.
async fn arrives(world: &World, name: &str, commit: &str) -> Result<()> {
    world.hub.api().refresh(name).await?;
    windlass(&world.cli, &["app", "wait", name, "--revision", &commit[..10], "--timeout", "60s"]).await.map(drop)
}

async fn says(world: &World, place: usize, message: &str) -> Result<()> {
    let objects = &world.places[place].objects;
    let look = || objects.get(NAMESPACE, configmap("message"));
    let what = format!("{} to say {message:?}", CLUSTERS[place].0);
    wait_for(&what, SOON, look, |found| (found.as_ref()?["data"]["MESSAGE"] == message).then_some(())).await
}

async fn gone(world: &World, kind: Kind<'_>) -> Result<()> {
    let look = || world.places[0].objects.get(NAMESPACE, kind);
    let what = format!("{} {} to be gone", kind.1, kind.2);
    wait_for(&what, SOON, look, |found| found.is_none().then_some(())).await
}

async fn edit_message(world: &World, place: usize) -> Result<()> {
    let patch = json!({ "data": { "MESSAGE": "by hand" } });
    world.places[place].objects.edit(NAMESPACE, configmap("message"), patch).await?;
    command(
        r#"kubectl patch configmap message -n message -p '{"data":{"MESSAGE":"by hand"}}'"#,
        "configmap/message patched",
    );
    Ok(())
}

/// Deletes the deployment and waits until another is there.
async fn break_deployment(world: &World, place: usize) -> Result<()> {
    let objects = &world.places[place].objects;
    let uid = |object: &Value| object["metadata"]["uid"].clone();
    let before = objects.get(NAMESPACE, deployment("message")).await?.as_ref().map(uid);
    objects.delete(NAMESPACE, deployment("message")).await?;
    command("kubectl delete deployment message -n message", "deployment.apps \"message\" deleted");
    let look = || objects.present(NAMESPACE, deployment("message"));
    wait_for("the deployment to come back", SOON, look, |found| {
        found.as_ref().map(uid).is_some_and(|after| Some(after) != before).then_some(())
    })
    .await
}

fn application(environment: &str, repo_url: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: message-{environment}
  namespace: argocd
spec:
  project: default
  source:
    repoURL: {repo_url}
    path: {environment}
    targetRevision: main
  destination:
    clusterSelector:
      matchLabels:
        env: {environment}
    namespace: {NAMESPACE}
  syncPolicy:
    automated:
      prune: true
      selfHeal: true
"
    )
}
