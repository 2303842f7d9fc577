//! The hub's database is stopped, slow, killed in the middle of a commit, or has no room: what was answered is there, what
//! was not committed was not answered, and nobody has to restart the hub.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::Method;
use serde_json::Value;
use windlass_tests::app::{App, Destination, Policy, SOON, message_application, message_of};
use windlass_tests::fault_proxy::{Fault, FaultProxy};
use windlass_tests::fleet::Fleet;
use windlass_tests::folder::Folder;
use windlass_tests::hub::{HubOptions, HubStore};
use windlass_tests::invariants::{self, Generations};
use windlass_tests::postgres::Postgres;
use windlass_tests::tmpfs::Tmpfs;
use windlass_tests::wait::{wait_for, wait_until};

use super::stage::{EU, plane};

/// What the write path does between having everything ready and having it durable.
const COMMIT: &str = "store::before_commit";

pub(crate) async fn stopped_or_slow_database_loses_no_answer() -> Result<()> {
    let folder = tempfile::tempdir().context("a folder for the database")?;
    let mut postgres = Postgres::start(folder.path()).await?;
    let proxy = FaultProxy::to_port(postgres.port()).await?;
    let url = postgres.create_database("windlass").await?;
    let url = url.replace(&format!(":{}/", postgres.port()), &format!(":{}/", proxy.address().port()));
    let (fleet, mut app) = settled("database-faults", HubStore::Postgres(url)).await?;
    let generations = Generations::watch(fleet.api());

    // Stopped: calls are refused and say so, the process lives, and a write after the end is a write.
    postgres.kill9()?;
    let refused = written(&fleet, "while-stopped").await?;
    ensure!(refused == Some(503), "a write without a database was answered {refused:?}");
    ensure!(status_of(&fleet, "/api/v1/applications").await? == 503, "a read without a database was not refused");
    wait_until("the hub to call itself not ready", SOON, || async {
        Ok(fleet.hub().admin()?.ready().await.is_err().then_some(()))
    })
    .await?;
    ensure!(status_of(&fleet, "/livez").await? == 200, "a hub without a database is not dead");
    let commit = app.commit(&[("configmap.yaml", message_of("committed without a database"))]).await?;
    postgres.restart().await?;
    app.settles_at(&commit).await?;

    // Slow: every piece takes five seconds each way. Calls are answered late or refused in time; a commit gets through.
    proxy.set(Fault::Delay(Duration::from_secs(5)));
    let slow = written(&fleet, "while-slow").await?;
    ensure!(slow.is_none_or(|status| status < 300 || status == 503 || status == 504), "answered {slow:?}");
    proxy.set(Fault::Pass);
    let commit = app.commit(&[("configmap.yaml", message_of("after the slow time"))]).await?;
    app.settles_at(&commit).await?;

    // Cut off: connections are reset again and again.
    proxy.set(Fault::Reset);
    let cut = written(&fleet, "while-cut").await?;
    ensure!(cut == Some(503) || cut.is_none(), "a write over a cut connection was answered {cut:?}");
    proxy.set(Fault::Pass);
    let commit = app.commit(&[("configmap.yaml", message_of("after the cuts"))]).await?;
    app.settles_at(&commit).await?;
    generations.never_fell()?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

pub(crate) async fn database_killed_in_a_commit_loses_no_answer() -> Result<()> {
    let folder = tempfile::tempdir().context("a folder for the database")?;
    let mut postgres = Postgres::start(folder.path()).await?;
    let url = postgres.create_database("windlass").await?;
    let (fleet, mut app) = settled("database-killed", HubStore::Postgres(url)).await?;
    let mut answered = Vec::new();
    for round in 0..3 {
        // The next commit waits in its transaction; the database dies under it.
        fleet.hub().admin()?.failpoint(COMMIT, "1*sleep(700)->off").await?;
        let name = format!("round-{round}");
        let writing = written(&fleet, &name);
        let killing = async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            postgres.kill9()
        };
        let (status, killed) = tokio::join!(writing, killing);
        killed?;
        let status = status?;
        ensure!(status.is_none_or(|status| status >= 500), "a commit that the database lost was answered {status:?}");
        answered.push((name, status));
        postgres.restart().await?;
        wait_until("the hub to be ready again", SOON, || async { fleet.hub().admin()?.ready().await }).await?;
    }
    for (name, status) in answered {
        let there = fleet.api().application(&name).await?.is_some();
        ensure!(!there, "{name} was answered {status:?} before its commit, and is there");
    }
    let commit = app.commit(&[("configmap.yaml", message_of("after three crashes"))]).await?;
    app.settles_at(&commit).await?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

/// SQLite and the git cache on a disk that is full: nothing is answered that is not kept, no half tree is rendered, and when
/// there is room again it goes on by itself.
pub(crate) async fn full_disk_of_the_hub_loses_no_answer() -> Result<()> {
    let folder = Folder::create("disk-full-hub")?;
    let Some(disk) = Tmpfs::mount(&folder.path().join("hub/data"), "24m")? else {
        super::stage::not_run("full_disk_of_the_hub_loses_no_answer", "making a small disk takes root");
        return Ok(());
    };
    let options = HubOptions { store: HubStore::Sqlite, ..HubOptions::default() };
    let fleet = Fleet::start_in(folder, "disk-full-hub", &[(EU, plane().await?)], options).await?;
    let generations = Generations::watch(fleet.api());
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "disk-full-hub", to, Policy::Automated).await?;
    let first = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&first).await?;

    disk.fill()?;
    // Noise that does not compress: the fetch itself has no room.
    let noise: String = (0..400_000).map(|_| char::from(rand::random_range(b'a'..=b'z'))).collect();
    app.repo().publish(&[("app/noise.txt", Some(&noise))], "no manifest").await?;
    let commit = app.commit(&[("configmap.yaml", message_of("more than fits"))]).await?;
    let mut refused = 0;
    for i in 0..200 {
        match written(&fleet, &format!("full-{i}")).await? {
            Some(status) if status < 300 => {}
            Some(503 | 507) | None => refused += 1,
            Some(status) => bail!("a write to a full disk was answered {status}"),
        }
        if refused > 2 {
            break;
        }
    }
    ensure!(refused > 0, "200 writes fitted on a full disk");
    let objects = &fleet.member(EU)?.objects;
    let live = objects.get(app.name(), windlass_tests::objects::configmap("message")).await?;
    ensure!(live.is_some_and(|live| live["data"]["MESSAGE"] == "hello"), "a commit that could not be kept was applied");

    disk.free()?;
    app.settles_at(&commit).await?;
    generations.never_fell()?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

async fn settled(name: &str, store: HubStore) -> Result<(Fleet, App)> {
    let options = HubOptions { store, ..HubOptions::default() };
    let fleet = Fleet::start_with(name, &[(EU, plane().await?)], options).await?;
    let mut app = App::new(&fleet, name, Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    Ok((fleet, app))
}

/// Puts an application that goes nowhere; the status, or nothing when there was no answer. What was answered 2xx is
/// remembered as acknowledged.
async fn written(fleet: &Fleet, name: &str) -> Result<Option<u16>> {
    let mut manifest = App::new(fleet, name, Destination::Cluster("nowhere".to_owned()), Policy::Manual).await?.manifest();
    manifest["spec"]["source"]["repoURL"] = Value::from("https://127.0.0.1:1/nowhere.git");
    let path = format!("/api/v1/applications/argocd/{name}");
    match fleet.api().call(Method::PUT, &path, Some(&manifest)).await {
        Ok(answer) => {
            if let (200..=299, Some(revision)) = (answer.status, answer.body["revision"].as_u64()) {
                let write = windlass_tests::api::Acknowledged::Application { name: name.to_owned(), revision };
                fleet.api().ledger().acknowledge(write);
            }
            Ok(Some(answer.status))
        }
        Err(_) => Ok(None),
    }
}

async fn status_of(fleet: &Fleet, path: &str) -> Result<u16> {
    let what = format!("an answer to {path}");
    let asked = || async { Ok(fleet.api().call(Method::GET, path, None).await?.status) };
    wait_for(&what, SOON, asked, |status| Some(*status)).await
}
