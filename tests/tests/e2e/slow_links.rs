//! T03: links that go half dead for long, in either direction, and strangers who take for ever to say hello.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use windlass_tests::app::{App, Destination, Policy, SOON, message_application, message_of};
use windlass_tests::fault_proxy::Fault;
use windlass_tests::invariants::{self, Generations};
use windlass_tests::wait::wait_for;

use super::stage::{EU, fleet_behind_proxy, own_fleet};

const MINUTE: Duration = Duration::from_secs(60);
/// The first bytes of a TLS handshake record, which announces more than ever comes.
const HELLO: [u8; 5] = [0x16, 0x03, 0x01, 0x02, 0x00];

/// Ten minutes by the clocks of hub and agent, each direction.
pub(crate) async fn soak_half_open_for_ten_minutes_each_way() -> Result<()> {
    let (fleet, proxy) = fleet_behind_proxy("half-open-long").await?;
    let generations = Generations::watch(fleet.api());
    let mut app = App::new(&fleet, "half-open-long", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let mut minutes = 0;
    for fault in [Fault::StallToServer, Fault::StallToClient, Fault::Stall] {
        proxy.set(fault);
        let commit = app.commit(&[("configmap.yaml", message_of(&format!("during {fault:?}")))]).await?;
        for _ in 0..10 {
            minutes += 1;
            fleet.hub().admin()?.shift_clock(MINUTE * minutes).await?;
            fleet.member(EU)?.agent.admin()?.shift_clock(MINUTE * minutes).await?;
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        let connection = || async { Ok(fleet.api().cluster(EU).await?["connection"].clone()) };
        wait_for("the hub to find the connection dead", SOON, connection, |connection| {
            (connection == "Disconnected").then_some(())
        })
        .await?;
        proxy.set(Fault::Pass);
        app.settles_at(&commit).await?;
        eprintln!("half open, {fault:?}: ten minutes by the clock, then everything arrived");
    }
    generations.never_fell()?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

pub(crate) async fn strangers_who_say_hello_slowly_are_dropped() -> Result<()> {
    slow_hellos("slow-hellos", 100).await
}

pub(crate) async fn soak_a_thousand_strangers_say_hello_slowly() -> Result<()> {
    slow_hellos("soak-slow-hellos", 1_000).await
}

/// One byte a second, at both ports: each is dropped before it is through, commits arrive meanwhile, and memory stays.
async fn slow_hellos(name: &str, count: usize) -> Result<()> {
    let mut fleet = own_fleet(name).await?;
    let mut app = App::new(&fleet, name, Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let hub = fleet.hub_mut().process().pid();
    let before = resident_kib(hub)?;
    let api: u16 = fleet.hub().url().rsplit(':').next().and_then(|port| port.parse().ok()).context("a port")?;
    let ports = [api, fleet.hub().agents_port()];
    let strangers: Vec<_> = (0..count).map(|i| tokio::spawn(drip(ports[i % 2]))).collect();
    let commit = app.commit(&[("configmap.yaml", message_of("meanwhile"))]).await?;
    app.refresh().await?;
    app.settles_at(&commit).await?;
    let during = resident_kib(hub)?;
    for stranger in strangers {
        let sent = tokio::time::timeout(MINUTE, stranger).await.context("a slow handshake was never dropped")??;
        ensure!(sent? < 60, "a slow handshake was let on");
    }
    ensure!(during < before + 50 * 1024, "{count} strangers cost {} KiB", during.saturating_sub(before));
    eprintln!("{name}: {count} slow handshakes dropped; the hub's memory went from {before} to {during} KiB");
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

/// Says hello by bytes until it is hung up on; how many it said.
async fn drip(port: u16) -> Result<usize> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let mut answer = [0; 16];
    for sent in 0..60 {
        let byte = HELLO.get(sent).copied().unwrap_or(0x01);
        if stream.write_all(&[byte]).await.is_err() {
            return Ok(sent);
        }
        let answered = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut answer)).await;
        if let Ok(Ok(0) | Err(_)) = answered {
            return Ok(sent);
        }
    }
    Ok(60)
}

fn resident_kib(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).context("VmRSS is no number")
}
