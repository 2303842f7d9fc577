//! What an operator types when a cluster must join again, or when the hub itself was restarted, restored or given another authority in between.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{App, SOON, message_application};
use windlass_tests::hub::run_is_on_postgres;
use windlass_tests::wait::wait_for;

use super::registration::Desk;
use super::stage::not_run;

const CLUSTER: &str = "new-1";

async fn cluster_where(desk: &Desk, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    let look = || desk.hub.api().cluster(CLUSTER);
    wait_for(what, SOON, look, |cluster| holds(cluster).then(|| cluster.clone())).await
}

fn is_trusted(cluster: &Value) -> bool {
    cluster["connection"] == "Connected" && cluster["identity"]["state"] == "Trusted"
}

pub(crate) async fn revoked_agent_in_its_cluster_joins_again_by_one_command() -> Result<()> {
    let desk = Desk::new("rejoin").await?;
    let mut pod = desk.installed(CLUSTER, &[]).await?;
    let mut app = App::alone(desk.hub.api(), &desk.folder.path().join("git"), "rejoined", CLUSTER).await?;
    let commit = app.commit(&[message_application("before").remove(0)]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let before = desk.hub.api().cluster(CLUSTER).await?["certificate"]["serial"].clone();
    desk.cli.must(&["cluster", "revoke", CLUSTER, "--reason", "laptop stolen", "--yes"]).await?;
    pod.says("was revoked").await?;
    let commit = app.commit(&[message_application("after").remove(0)]).await?;

    let printed = desk.cli.must(&["cluster", "rejoin", CLUSTER, "--no-wait"]).await?;
    let command = printed.trim();
    ensure!(command.lines().count() == 1 && command.ends_with("kubectl apply -f -"), "{printed}");
    desk.shell(command).await?;
    pod.says("joined again, with a new key").await?;
    let after = cluster_where(&desk, "it to be trusted", is_trusted).await?;
    ensure!(after["certificate"]["serial"] != before, "{after}");
    app.settles_at(&commit).await?;

    // The join file is still there, and used: another process passes it over.
    pod.kill9()?;
    std::fs::remove_file(desk.folder.path().join("agent-0/agent-0.log"))?;
    pod.restart()?;
    pod.says("in session with the hub").await?;
    let log = pod.process().log_tail(1000);
    ensure!(!log.contains("joined"), "it joined once more: {log}");
    let alerts = desk.hub.api().cluster(CLUSTER).await?["identity"]["alerts"].clone();
    ensure!(!alerts.to_string().contains("JoinToken"), "{alerts}");
    desk.finish();
    Ok(())
}

pub(crate) async fn install_link_outlives_a_restart_of_the_hub() -> Result<()> {
    let mut desk = Desk::new("link").await?;
    let printed = desk.cli.must(&["cluster", "add", CLUSTER, "--no-wait"]).await?;
    desk.hub.restart().await?;
    let applied = desk.shell(printed.trim()).await?;
    ensure!(applied.contains("deployment.apps/windlass-agent created"), "{applied}");

    // Another authority is in the file that people get, without a restart.
    let file = desk.hub.data_folder().join("ca.pem");
    let authorities = || async { Ok(std::fs::read_to_string(&file)?.matches("BEGIN CERTIFICATE").count()) };
    ensure!(authorities().await? == 1);
    desk.hub.api().post("/api/v1/authorities", &json!({})).await?;
    wait_for("both authorities to be in ca.pem", SOON, authorities, |count| (*count == 2).then_some(())).await?;
    desk.finish();
    Ok(())
}

pub(crate) async fn certificate_that_a_restored_store_has_forgotten_is_approved() -> Result<()> {
    if run_is_on_postgres() {
        not_run(
            "certificate_that_a_restored_store_has_forgotten_is_approved",
            "the backup is a copy of SQLite's files",
        );
        return Ok(());
    }
    let mut desk = Desk::new("restored").await?;
    let mut manifest = desk.cli.must(&["cluster", "add", CLUSTER, "-o", "-"]).await?;
    let (data, backup) = (desk.hub.data_folder().to_owned(), desk.folder.path().join("backup"));
    desk.hub.process().terminate()?;
    desk.hub.process().wait_exited(SOON).await?;
    copy_store(&data, &backup)?;
    desk.hub.restart().await?;
    manifest.push('\n');
    let file = desk.folder.path().join("agent.yaml");
    std::fs::write(&file, manifest)?;
    desk.shell(&format!("kubectl apply -f {}", file.display())).await?;
    let pod = desk.pod("agent-0").await?;
    let joined = cluster_where(&desk, "it to join", is_trusted).await?;
    let serial = joined["certificate"]["serial"].as_str().context("a serial number")?.to_owned();

    desk.hub.process().terminate()?;
    desk.hub.process().wait_exited(SOON).await?;
    copy_store(&backup, &data)?;
    desk.hub.restart().await?;
    let words = format!("windlass cluster approve NAME --serial {serial}");
    pod.says(&words).await?;
    let waits =
        cluster_where(&desk, "the alert", |cluster| cluster["identity"]["alerts"][0]["kind"] == "UnknownCertificate")
            .await?;
    let next = format!("windlass cluster approve {CLUSTER} --serial {serial}");
    ensure!(waits["identity"]["nextStep"].to_string().contains(&next), "{waits}");
    let other = desk.cli.run(&["cluster", "approve", CLUSTER, "--serial", "0123", "--yes"]).await?;
    ensure!(other.code != Some(0), "any number was approved");
    desk.cli.must(&["cluster", "approve", CLUSTER, "--serial", &serial, "--yes"]).await?;
    let back = cluster_where(&desk, "it to be trusted again", is_trusted).await?;
    ensure!(back["certificate"]["serial"] == serial.as_str(), "{back}");
    desk.finish();
    Ok(())
}

/// The store's files of a hub that is stopped, and nothing else.
fn copy_store(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let (from, to) = (from.join(name), to.join(name));
        if to.exists() {
            std::fs::remove_file(&to)?;
        }
        if from.exists() {
            std::fs::copy(&from, &to).with_context(|| format!("copying {}", from.display()))?;
        }
    }
    Ok(())
}
