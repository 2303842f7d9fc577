//! Trust over a cluster's life, with the real hub, the real agent and the command line: revoked, cloned, away for long, made anew, another authority, another
//! time, removed.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::agent::Agent;
use windlass_tests::app::{App, Destination, Policy, SOON, message_application, message_of};
use windlass_tests::cli::Cli;
use windlass_tests::fleet::Fleet;
use windlass_tests::hub::HubOptions;
use windlass_tests::invariants;
use windlass_tests::objects::configmap;
use windlass_tests::wait::{wait_for, wait_until};

use super::agent_dies_at_every_kill_point::was_hit;
use super::stage::{EU, own_fleet, plane};

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3600);

async fn settled(fleet: &Fleet, name: &str) -> Result<App> {
    let mut app = App::new(fleet, name, Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    Ok(app)
}

async fn cluster_where(fleet: &Fleet, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    let look = || fleet.api().cluster(EU);
    wait_for(what, SOON, look, |cluster| holds(cluster).then(|| cluster.clone())).await
}

/// Moves the clock of an agent that was just started.
async fn shifted(fleet: &Fleet, offset: Duration) -> Result<()> {
    let admin = fleet.member(EU)?.agent.admin()?;
    wait_until("the agent's clock to be moved", SOON, || async { Ok(admin.shift_clock(offset).await.ok()) }).await
}

pub(crate) async fn revoked_cluster_is_cut_off_and_joins_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut fleet = own_fleet("revoked").await?;
    let mut app = settled(&fleet, "revoked").await?;
    let cli = Cli::logged_in(folder.path(), fleet.hub()).await?;
    let shown = cli.must(&["cluster", "get", EU]).await?;
    for field in ["Trust:", "Identity:", "Serial:", "days left", "From:"] {
        ensure!(shown.contains(field), "{field} is not shown: {shown}");
    }
    cli.must(&["cluster", "revoke", EU, "--reason", "laptop stolen", "--yes"]).await?;
    let told = wait_until("the agent to be told", Duration::from_secs(10), || async {
        Ok(std::fs::read_to_string(fleet.member(EU)?.agent.log_file())?.contains("was revoked").then_some(()))
    });
    told.await.context("within ten seconds")?;
    let cluster = cluster_where(&fleet, "the session to be over", |c| c["connection"] == "Disconnected").await?;
    ensure!(
        cluster["identity"]["state"] == "Revoked" && cluster["identity"]["reason"].to_string().contains("stolen"),
        "{cluster}"
    );
    let commit = app.commit(&[("configmap.yaml", message_of("after a new identity"))]).await?;

    let path = folder.path().join("join.json");
    cli.must(&["cluster", "rejoin", EU, "-o", &path.display().to_string()]).await?;
    let member = fleet.member_mut(EU)?;
    member.agent.kill9()?;
    std::fs::copy(&path, member.agent.join_file())?;
    std::fs::remove_dir_all(member.agent.identity_folder())?;
    std::fs::remove_dir_all(member.agent.folder().join("state"))?;
    member.agent.restart()?;
    app.settles_at(&commit).await?;
    cluster_where(&fleet, "it to be trusted", |c| c["identity"]["state"] == "Trusted").await?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

/// Killed between an answer of the hub and the disk, or between the disk and the session: the same is asked again, or what was kept is used.
pub(crate) async fn identity_survives_agent_kill() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut fleet = own_fleet("identity-kill").await?;
    let mut app = settled(&fleet, "identity-kill").await?;
    let cli = Cli::logged_in(folder.path(), fleet.hub()).await?;
    let path = folder.path().join("join.json");
    let mut offset = Duration::ZERO;
    for point in ["identity::rejoined-before-kept", "identity::renewed-before-kept", "identity::renewed-before-used"] {
        let before = fleet.api().cluster(EU).await?["certificate"]["serial"].clone();
        ensure!(before.is_string(), "{before}");
        fleet.member(EU)?.agent.admin()?.failpoint(point, "kill").await?;
        if point.contains("rejoined") {
            cli.must(&["cluster", "revoke", EU, "--reason", "to join again", "--yes"]).await?;
            cli.must(&["cluster", "rejoin", EU, "-o", &path.display().to_string()]).await?;
            std::fs::copy(&path, fleet.member(EU)?.agent.join_file())?;
        } else {
            offset += 5 * DAY + 3 * HOUR;
            fleet.hub().admin()?.shift_clock(offset).await?;
            shifted(&fleet, offset).await?;
        }
        was_hit(fleet.member_mut(EU)?, point).await?;
        fleet.member_mut(EU)?.agent.restart()?;
        shifted(&fleet, offset).await?;
        cluster_where(&fleet, "another certificate", |c| c["certificate"]["serial"] != before).await?;
        cluster_where(&fleet, "it to be trusted", |c| c["identity"]["state"] == "Trusted").await?;
        let commit = app.commit(&[("configmap.yaml", message_of(point))]).await?;
        app.settles_at(&commit).await?;
    }
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

pub(crate) async fn two_agents_of_one_identity_are_quarantined() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let fleet = own_fleet("cloned").await?;
    let mut app = settled(&fleet, "cloned").await?;
    let agent = &fleet.member(EU)?.agent;
    let copy = folder.path().join("copy");
    std::fs::create_dir_all(copy.join("identity"))?;
    for entry in std::fs::read_dir(agent.identity_folder())? {
        let entry = entry?;
        std::fs::copy(entry.path(), copy.join("identity").join(entry.file_name()))?;
    }
    // On another machine an agent is another installation.
    std::fs::write(copy.join("identity/instance"), uuid::Uuid::new_v4().to_string())?;
    let kubeconfig = plane().await?.identity("windlass-agent-copy", &["system:masters"])?;
    let thief = Agent::start(&copy, agent.join_file(), &kubeconfig)?;
    let found = cluster_where(&fleet, "the quarantine", |c| c["identity"]["state"] == "Quarantined").await?;
    ensure!(found["identity"]["nextStep"].to_string().contains("windlass cluster approve"), "{found}");
    thief.says(&["quarantined"], SOON).await?;
    agent.says(&["quarantined"], SOON).await?;
    drop(thief);
    fleet.api().post(&format!("/api/v1/clusters/{EU}/approve"), &json!({})).await?;
    let commit = app.commit(&[("configmap.yaml", message_of("one agent again"))]).await?;
    app.settles_at(&commit).await?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

pub(crate) async fn cluster_that_was_away_for_long_only_reports() -> Result<()> {
    let mut fleet = own_fleet("away").await?;
    let mut app = settled(&fleet, "away").await?;
    let before = app.seen().await?["targets"][0]["revision"].clone();
    fleet.member_mut(EU)?.agent.kill9()?;
    fleet.hub().admin()?.shift_clock(30 * DAY).await?;
    let commit = app.commit(&[("configmap.yaml", message_of("a month later"))]).await?;
    fleet.member_mut(EU)?.agent.restart()?;
    shifted(&fleet, 30 * DAY).await?;
    let found = cluster_where(&fleet, "it to be back", |c| c["connection"] == "Connected").await?;
    ensure!(found["identity"]["state"] == "ReportOnly", "{found}");
    ensure!(app.seen().await?["targets"][0]["revision"] == before, "it got what it must not get");
    fleet.api().post(&format!("/api/v1/clusters/{EU}/approve"), &json!({})).await?;
    app.settles_at(&commit).await?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

pub(crate) async fn authority_is_replaced_without_a_dropped_session() -> Result<()> {
    let fleet = own_fleet("rotated").await?;
    let mut app = settled(&fleet, "rotated").await?;
    let api = fleet.api();
    let first = api.get("/api/v1/authorities").await?;
    ensure!(first["items"].as_array().map(Vec::len) == Some(1) && first["missing"] == json!([]), "{first}");
    api.post("/api/v1/authorities", &json!({})).await?;
    let early = api.call(reqwest::Method::POST, "/api/v1/authorities", Some(&json!({"retire": true}))).await?;
    ensure!(early.status == 409, "retired before anybody acknowledged: {}", early.body);
    // The new authority signs after a moment; sessions are looked at every few seconds.
    for process in [fleet.hub().admin()?, fleet.member(EU)?.agent.admin()?] {
        process.shift_clock(Duration::from_secs(60)).await?;
    }
    let acknowledged = || async { api.get("/api/v1/authorities").await };
    wait_for("the cluster's acknowledgement", SOON, acknowledged, |found| {
        (found["missing"] == json!([])).then_some(())
    })
    .await?;
    let log = std::fs::read_to_string(fleet.member(EU)?.agent.log_file())?;
    ensure!(!log.contains("no session with the hub"), "the agent lost its session: {log}");
    let retired = api.post("/api/v1/authorities", &json!({"retire": true})).await?;
    ensure!(retired["items"][0]["retiredAt"].is_string() && retired["missing"] == json!([]), "{retired}");
    // The hub's own certificate is the new authority's now: this client trusts only the old one, the agent both.
    let commit = app.commit(&[("configmap.yaml", message_of("under another authority"))]).await?;
    let objects = &fleet.member(EU)?.objects;
    let message = || async { objects.get("rotated", configmap("message")).await };
    wait_for("the message", SOON, message, |found| {
        found.as_ref().is_some_and(|found| found["data"]["MESSAGE"] == "under another authority").then_some(())
    })
    .await
    .with_context(|| format!("at {commit}"))?;
    fleet.finish();
    Ok(())
}

pub(crate) async fn clocks_two_hours_apart_are_no_trouble() -> Result<()> {
    let mut fleet = own_fleet("skew").await?;
    let mut app = settled(&fleet, "skew").await?;
    for (hub, agent, said) in [(2 * HOUR, Duration::ZERO, "behind"), (Duration::ZERO, 2 * HOUR, "ahead of")] {
        fleet.hub().admin()?.shift_clock(hub).await?;
        fleet.member(EU)?.agent.admin()?.shift_clock(agent).await?;
        // A new session, with certificates that were made by the other clock.
        fleet.member_mut(EU)?.agent.restart()?;
        shifted(&fleet, agent).await?;
        let commit = app.commit(&[("configmap.yaml", message_of(&format!("the agent is {said} the hub")))]).await?;
        app.settles_at(&commit).await?;
    }
    fleet.member(EU)?.agent.says(&["check its time synchronisation"], SOON).await?;
    fleet.finish();
    Ok(())
}

pub(crate) async fn cluster_is_removed_with_its_objects() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let fleet = own_fleet("cascade").await?;
    let app = settled(&fleet, "cascade").await?;
    let cli = Cli::logged_in(folder.path(), fleet.hub()).await?;
    cli.must(&["cluster", "remove", EU, "--cascade", "--yes"]).await?;
    let gone = || async { fleet.api().call(reqwest::Method::GET, &format!("/api/v1/clusters/{EU}"), None).await };
    wait_for("the cluster to be gone", SOON, gone, |answer| (answer.status == 404).then_some(())).await?;
    let objects = &fleet.member(EU)?.objects;
    ensure!(objects.get("cascade", configmap("message")).await?.is_none(), "an object is left");
    ensure!(fleet.api().application("cascade").await?.is_some(), "the application went too");
    drop(app);
    fleet.finish();
    Ok(())
}

pub(crate) async fn lost_answer_of_a_join_is_asked_for_again() -> Result<()> {
    let options = HubOptions { failpoints: "hub::join::issued=1*return->off".to_owned(), ..HubOptions::default() };
    let fleet = Fleet::start_with("lost-join", &[(EU, plane().await?)], options).await?;
    fleet.member(EU)?.agent.says(&["joining the hub did not work yet"], SOON).await?;
    let cluster = fleet.api().cluster(EU).await?;
    ensure!(cluster["connection"] == "Connected" && cluster["identity"]["state"] == "Trusted", "{cluster}");
    fleet.finish();
    Ok(())
}

/// The agent's own kubeconfig leads to another cluster: it does nothing there until that is confirmed.
pub(crate) async fn agent_in_another_cluster_waits_to_be_confirmed() -> Result<()> {
    let fleet = own_fleet("elsewhere").await?;
    let app = settled(&fleet, "elsewhere").await?;
    let [_, other] = super::stage::planes().await?;
    let agent = &fleet.member(EU)?.agent;
    let kubeconfig = other.identity("windlass-agent-elsewhere", &["system:masters"])?;
    let copy = tempfile::tempdir()?;
    copy_all(agent.folder(), copy.path())?;
    let mark = other.audit_mark()?;
    let moved = Agent::start(copy.path(), agent.join_file(), &kubeconfig)?;
    moved.says(&["does nothing until that is confirmed"], SOON).await?;
    let found = cluster_where(&fleet, "the hub to say so", |c| c["identity"]["state"] == "Replaced").await?;
    ensure!(found["identity"]["nextStep"].to_string().contains("windlass cluster approve"), "{found}");
    let writes = other.audit_by_user("windlass-agent-elsewhere", mark)?;
    let writes =
        writes.iter().filter(|event| !["get", "list", "watch"].contains(&event["verb"].as_str().unwrap_or_default()));
    ensure!(writes.count() == 0, "it wrote into the other cluster");
    drop(moved);
    drop(app);
    fleet.finish();
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &target)?
        } else {
            std::fs::copy(entry.path(), target).map(drop)?
        }
    }
    Ok(())
}

/// A wave of strangers: some say nothing, some go at once, some speak no TLS, some stop in the middle of their first word.
async fn wave(address: std::net::SocketAddr) {
    use tokio::io::AsyncWriteExt as _;
    let hello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
    let mut strangers = tokio::task::JoinSet::new();
    for number in 0..600 {
        strangers.spawn(async move {
            let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else { return };
            let said = match number % 4 {
                0 => stream.set_zero_linger(),
                1 => stream.write_all(&[0xff; 16 * 1024]).await,
                2 => stream.write_all(&hello).await,
                _ => Ok(()),
            };
            // Who was reset by the hub is one of those that this is about.
            drop(said);
        });
    }
    while strangers.join_next().await.is_some() {}
}

fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    line.trim().trim_end_matches(" kB").parse().context("a number")
}

/// The first wave fills what is kept for connections; more of them must not add to it.
pub(crate) async fn floods_of_handshakes_take_no_memory() -> Result<()> {
    const MORE_KIB: u64 = 16 * 1024;
    let mut fleet = own_fleet("flood").await?;
    let mut app = settled(&fleet, "flood").await?;
    let agents = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, fleet.hub().agents_port()));
    let pid = fleet.hub_mut().process().pid();
    for _ in 0..2 {
        wave(agents).await;
    }
    let warm = resident(pid)?;
    for _ in 0..8 {
        wave(agents).await;
    }
    let after = resident(pid)?;
    super::stage::tell(&format!(
        "the hub's memory after 1,200 and 6,000 strangers: {} and {} MiB",
        warm / 1024,
        after / 1024
    ));
    ensure!(after <= warm + MORE_KIB, "from {warm} to {after} KiB");
    let log = std::fs::read_to_string(fleet.member(EU)?.agent.log_file())?;
    ensure!(!log.contains("no session with the hub"), "the agent lost its session: {log}");
    let commit = app.commit(&[("configmap.yaml", message_of("after the flood"))]).await?;
    app.settles_at(&commit).await?;
    fleet.finish();
    Ok(())
}
