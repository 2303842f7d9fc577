//! Agents are brought to another version, and taken back where the new one does not come to be in sync. A harness stands for the kubelet: it runs what the
//! Deployment says, and what ends is started again.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::SOON;
use windlass_tests::cli::Cli;
use windlass_tests::objects::{Objects, deployment};
use windlass_tests::pod::{AGENT, NAMESPACE, Pod};
use windlass_tests::wait::wait_for;

use super::registration::Desk;
use super::stage::{EU, own_fleet};

const NEXT: &str = "windlass-agent:next";
/// The least that the command line takes.
const TIMEOUT: &str = "20s";
/// Until whoever watches has taken the image back: the limit, the Lease's end, and a loaded machine.
const TAKEN_BACK: Duration = Duration::from_secs(90);

async fn found(objects: &Objects) -> Result<Value> {
    objects.get(NAMESPACE, deployment(AGENT)).await?.context("the agent's Deployment is gone")
}

fn image(found: &Value) -> &Value {
    &found["spec"]["template"]["spec"]["containers"][0]["image"]
}

async fn names(objects: &Objects, wanted: &str, limit: Duration) -> Result<()> {
    let look = || found(objects);
    wait_for(&format!("the Deployment to name {wanted}"), limit, look, |now| (image(now) == wanted).then_some(())).await
}

async fn upgrade(desk: &Desk) -> Result<Value> {
    let listed = desk.cli.must(&["cluster", "upgrade", "--status", "-o", "json"]).await?;
    serde_json::from_str(&listed).context("an upgrade")
}

async fn ends_in(desk: &Desk, phase: &str) -> Result<Value> {
    let look = || upgrade(desk);
    wait_for(&format!("the upgrade to be {phase}"), TAKEN_BACK, look, |now| {
        (now["phase"] == phase).then(|| now.clone())
    })
    .await
}

/// As the kubelet does with a container that ends: the same again.
async fn ended_and_again(pod: &mut Pod) -> Result<()> {
    pod.process().wait_exited(SOON).await?;
    pod.restart()
}

pub(crate) async fn agent_is_upgraded_and_the_old_one_gives_way() -> Result<()> {
    let desk = Desk::new("upgrade").await?;
    let mut old = desk.installed("new-1", &[]).await?;
    let objects = Objects::new(desk.plane.client().await?);
    let cli = &desk.cli;
    let outside = cli.run(&["cluster", "upgrade", "nobody"]).await?;
    ensure!(outside.code != Some(0) && outside.stderr.contains("nobody"), "{}", outside.stderr);

    cli.must(&["cluster", "upgrade", "new-1", "--image", NEXT]).await?;
    names(&objects, NEXT, SOON).await?;
    let listed = cli.must(&["cluster", "list"]).await?;
    ensure!(listed.contains("upgrading"), "{listed}");
    let again = cli.run(&["cluster", "upgrade", "new-1", "--image", "other:1"]).await?;
    ensure!(again.code != Some(0) && again.stderr.contains("--status"), "{}", again.stderr);
    let changed = found(&objects).await?;
    ensure!(changed["spec"]["strategy"]["rollingUpdate"] == json!({"maxSurge": 1, "maxUnavailable": 0}), "{changed}");

    // It gives the Lease to the new one, once that asks for it, and comes back to stand by.
    let mut new = desk.pod("agent-new").await?;
    old.says("goes to agent-new").await?;
    ended_and_again(&mut old).await?;
    new.says("this replica of the agent works").await?;
    let done = ends_in(&desk, "Done").await?;
    ensure!(done["clusters"][0]["stage"] == "Done" && done["clusters"][0]["message"] == NEXT, "{done}");
    let ready = || async { Ok(new.admin()?.ready().await.is_ok_and(|ready| ready.is_some())) };
    wait_for("the new Pod to be ready", SOON, ready, |ready| ready.then_some(())).await?;
    let proven = found(&objects).await?;
    ensure!(proven["metadata"]["annotations"]["windlass.dev/agent-upgrade"].is_null(), "{proven}");
    // Its Deployment ends the old Pod now; nothing changes by that.
    old.kill9()?;
    let cluster = cli.must(&["cluster", "get", "new-1"]).await?;
    ensure!(cluster.contains(NEXT) && cluster.contains("Done") && cluster.contains("Connected"), "{cluster}");
    ensure!(new.process().is_running(), "the new agent ended");
    desk.finish();
    Ok(())
}

pub(crate) async fn image_that_never_comes_is_taken_back_and_stops_the_upgrade() -> Result<()> {
    let mut desk = Desk::new("upgrade-back").await?;
    let mut old = desk.installed("first", &[]).await?;
    desk.cli.must(&["cluster", "add", "second", "-o", "second.json", "--no-wait"]).await?;
    let objects = Objects::new(desk.plane.client().await?);
    let before = found(&objects).await?;
    desk.cli.must(&["cluster", "upgrade", "first", "second", "--version", "missing", "--timeout", TIMEOUT]).await?;
    names(&objects, "windlass-agent:missing", SOON).await?;

    // Neither a new hub nor a new process of the agent forgets it.
    desk.hub.kill9()?;
    old.restart()?;
    desk.hub.restart().await?;
    names(&objects, image(&before).as_str().context("an image")?, TAKEN_BACK).await?;
    let stopped = ends_in(&desk, "Stopped").await?;
    let why = stopped["stopped"].as_str().context("a reason")?;
    for part in ["cluster first: ", "taken back", "windlass-agent:missing", "within 20 s", "not touched: second"] {
        ensure!(why.contains(part), "{part} is not in: {why}");
    }
    let stages: Vec<_> = stopped["clusters"].as_array().context("clusters")?.iter().map(|row| &row["stage"]).collect();
    ensure!(stages == ["Reverted", "NotTouched"], "{stopped}");
    let after = found(&objects).await?;
    ensure!(after["spec"]["template"] == before["spec"]["template"], "the Pods of before would be replaced: {after}");
    let listed = desk.cli.must(&["cluster", "list"]).await?;
    ensure!(listed.contains("upgrade failed"), "{listed}");
    let waited = desk.cli.run(&["cluster", "upgrade", "--status", "--wait"]).await?;
    ensure!(waited.code != Some(0) && waited.stderr.contains("not touched: second"), "{}", waited.stderr);
    desk.finish();
    Ok(())
}

pub(crate) async fn new_agent_that_hangs_or_dies_is_taken_back_by_the_old_one() -> Result<()> {
    let mut desk = Desk::new("upgrade-dies").await?;
    let mut old = desk.installed("new-1", &[]).await?;
    let objects = Objects::new(desk.plane.client().await?);
    let before = image(&found(&objects).await?).as_str().context("an image")?.to_owned();
    for (name, hangs, words) in [("hangs", true, "within 20 s"), ("dies", false, "had its turn")] {
        let wanted = format!("windlass-agent:{name}");
        desk.cli.must(&["cluster", "upgrade", "new-1", "--image", &wanted, "--timeout", TIMEOUT]).await?;
        names(&objects, &wanted, SOON).await?;
        // Without a hub it cannot come to be in sync; the Lease needs none.
        desk.hub.kill9()?;
        let mut new = desk.pod(name).await?;
        old.says(&format!("goes to {name}")).await?;
        ended_and_again(&mut old).await?;
        new.says("this replica of the agent works").await?;
        if hangs {
            new.process().signal("STOP")?;
        } else {
            new.kill9()?;
        }
        names(&objects, &before, TAKEN_BACK).await?;
        new.kill9()?;
        desk.hub.restart().await?;
        let stopped = ends_in(&desk, "Stopped").await?;
        let why = stopped["stopped"].as_str().context("a reason")?;
        ensure!(why.contains(words) && why.contains("no other cluster was waiting"), "{why}");
        let connected = || async { Ok(desk.hub.api().cluster("new-1").await?["connection"].clone()) };
        wait_for("the old agent to be back", TAKEN_BACK, connected, |now| (now == "Connected").then_some(())).await?;
    }
    desk.finish();
    Ok(())
}

pub(crate) async fn agent_outside_its_cluster_is_named_as_not_upgradable() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let fleet = own_fleet("upgrade-outside").await?;
    let cli = Cli::logged_in(folder.path(), fleet.hub()).await?;
    let all = cli.run(&["cluster", "upgrade", "--all", "--wait"]).await?;
    ensure!(all.code != Some(0) && all.stderr.contains("not upgradable from here"), "{}", all.stderr);
    ensure!(all.stderr.contains("a process outside the cluster"), "{}", all.stderr);
    let shown = cli.must(&["cluster", "get", EU]).await?;
    ensure!(shown.contains("NotPossible") && shown.contains("Connected"), "{shown}");
    fleet.finish();
    Ok(())
}

/// The annotation that works while the hub is away.
pub(crate) async fn deployment_of_the_agent_pauses_all_writes() -> Result<()> {
    let desk = Desk::new("paused-agent").await?;
    let _pod = desk.installed("new-1", &[]).await?;
    let app =
        windlass_tests::app::App::alone(desk.hub.api(), &desk.folder.path().join("git"), "paused", "new-1").await?;
    let mut app = app;
    let first = app.commit(&[windlass_tests::app::message_application("one").remove(0)]).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    desk.shell(&format!("kubectl -n {NAMESPACE} annotate deployment {AGENT} windlass.dev/pause='incident 42'")).await?;
    let frozen = || desk.cli.must(&["app", "get", "paused"]);
    wait_for("the pause to be reported", SOON, frozen, |said| {
        (said.contains("WritesFrozen") && said.contains("incident 42")).then_some(())
    })
    .await?;
    let second = app.commit(&[windlass_tests::app::message_application("two").remove(0)]).await?;
    app.refresh().await?;
    let look = || desk.cli.must(&["app", "get", "paused"]);
    wait_for("the difference to be seen", SOON, look, |said| said.contains("OutOfSync").then_some(())).await?;
    let objects = Objects::new(desk.plane.client().await?);
    let message = || objects.get("paused", windlass_tests::objects::configmap("message"));
    ensure!(message().await?.is_some_and(|found| found["data"]["MESSAGE"] == "one"), "a paused agent wrote");
    desk.shell(&format!("kubectl -n {NAMESPACE} annotate deployment {AGENT} windlass.dev/pause-")).await?;
    app.settles_at(&second).await?;
    desk.finish();
    Ok(())
}
