//! What scenarios share: one runtime, two clusters, and one fleet on them.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use windlass_tests::app::{App, Destination, Policy};
use windlass_tests::cli::Cli;
use windlass_tests::control_plane::{AuditMark, ControlPlane};
use windlass_tests::fault_proxy::FaultProxy;
use windlass_tests::fleet::{Fleet, Member, control_plane};
use windlass_tests::folder::{Folder, of_this_process};
use windlass_tests::hub::{Hub, HubOptions};
use windlass_tests::ports::free_port;
use windlass_tests::wait::wait_for;

/// The first cluster's name.
pub(crate) const EU: &str = "eu-1";
/// The second cluster's name.
pub(crate) const US: &str = "us-1";

/// Real time without a write after which what was set in motion is over.
pub(crate) const CALM: Duration = Duration::from_secs(5);
/// How long that may take: pods start, claims are bound, and the first look finds custom resources without definitions.
pub(crate) const SETTLING: Duration = Duration::from_secs(60);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
static PLANES: OnceCell<Result<[Arc<ControlPlane>; 2], String>> = OnceCell::const_new();
static FLEET: OnceCell<Result<Fleet, String>> = OnceCell::const_new();
static WORKSHOP: OnceCell<Result<Fleet, String>> = OnceCell::const_new();

/// The runtime of every scenario: servers and connections that are shared outlive the test that made them.
pub(crate) fn runtime() -> &'static Runtime {
    &RUNTIME
}

/// The two clusters. They end with the test process: the kernel sees to it.
pub(crate) async fn planes() -> Result<[Arc<ControlPlane>; 2]> {
    let started = PLANES.get_or_init(|| async {
        let folder = of_this_process().map_err(|error| format!("{error:#}"))?;
        let (one, two) = (folder.join(EU), folder.join(US));
        let planes = tokio::try_join!(control_plane(&one), control_plane(&two));
        planes.map(|(one, two)| [one, two]).map_err(|error| format!("{error:#}"))
    });
    started.await.clone().map_err(|error| anyhow!("the shared clusters: {error}"))
}

/// The first cluster, for scenarios with a hub and an agent of their own.
pub(crate) async fn plane() -> Result<Arc<ControlPlane>> {
    let [one, _] = planes().await?;
    Ok(one)
}

/// The fleet of both clusters, which nobody kills.
pub(crate) async fn shared() -> Result<&'static Fleet> {
    let started = FLEET.get_or_init(|| async {
        let start = async {
            let [one, two] = planes().await?;
            let folder = Folder::create_in(&of_this_process()?, "shared")?;
            Fleet::start_in(folder, "shared", &[(EU, one), (US, two)], HubOptions::default()).await
        };
        start.await.map_err(|error| format!("{error:#}"))
    });
    started.await.as_ref().map_err(|error| anyhow!("the shared fleet: {error}"))
}

/// A fleet of one cluster, shared by the scenarios that make definitions, policies and webhooks: what is served changes
/// there all the time, and every change makes the agent read again, which is why quiet is not measured here.
pub(crate) async fn workshop() -> Result<&'static Fleet> {
    let started = WORKSHOP.get_or_init(|| async {
        let start = async {
            let plane = control_plane(&of_this_process()?.join("workshop")).await?;
            let folder = Folder::create_in(&of_this_process()?, "workshop-fleet")?;
            Fleet::start_in(folder, "workshop", &[(EU, plane)], HubOptions::default()).await
        };
        start.await.map_err(|error| format!("{error:#}"))
    });
    started.await.as_ref().map_err(|error| anyhow!("the workshop's fleet: {error}"))
}

/// An automated application in the workshop.
pub(crate) async fn workshop_app(name: &str) -> Result<(&'static Fleet, App)> {
    let fleet = workshop().await?;
    let app = App::new(fleet, name, Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    Ok((fleet, app))
}

/// An automated application on the first cluster of the shared fleet.
pub(crate) async fn app(name: &str) -> Result<(&'static Fleet, App)> {
    let fleet = shared().await?;
    let app = App::new(fleet, name, Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    Ok((fleet, app))
}

/// A fleet of its own with one agent on the first shared cluster, for scenarios that kill.
pub(crate) fn own_fleet(name: &str) -> impl Future<Output = Result<Fleet>> {
    let name = name.to_owned();
    async move { Fleet::start(&name, &[(EU, plane().await?)]).await }
}

/// A hub of its own without any cluster, and the folder it is in.
pub(crate) async fn own_hub(name: &str) -> Result<(Folder, Hub)> {
    let folder = Folder::create(name)?;
    let hub = Hub::start(&folder.path().join("hub"), HubOptions::default()).await?;
    Ok((folder, hub))
}

/// A command line of its own, logged in to a fleet's hub, and the folder it works in.
pub(crate) async fn cli(fleet: &Fleet, name: &str) -> Result<(Folder, Cli)> {
    let folder = Folder::create(name)?;
    let cli = Cli::logged_in(folder.path(), fleet.hub()).await?;
    Ok((folder, cli))
}

/// A fleet of its own whose agent reaches the hub through a proxy that can stall.
pub(crate) async fn fleet_behind_proxy(name: &str) -> Result<(Fleet, FaultProxy)> {
    let agents_port = free_port()?;
    let proxy = FaultProxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, agents_port))).await?;
    let options = HubOptions {
        agents_port: Some(agents_port),
        advertise_agents: Some(proxy.address().to_string()),
        ..HubOptions::default()
    };
    let fleet = Fleet::start_with(name, &[(EU, plane().await?)], options).await?;
    Ok((fleet, proxy))
}

/// Says that a scenario did not run here, and why: a pass must not look like a proof. The test runner holds back what is printed by a test that
/// passes, and not what is written past it.
pub(crate) fn not_run(name: &str, why: &str) {
    use std::io::Write as _;
    // Nobody can be told that standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "\n{name}: NOT RUN: {why}");
}

/// Says what a scenario found out, past the test runner, which holds back what a test that passes prints.
pub(crate) fn tell(what: &str) {
    use std::io::Write as _;
    // Nobody can be told that standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "\n{what}");
}

/// Waits until a cluster's agent has written nothing for a while: what was set in motion is over. Other scenarios use the same cluster, so
/// only what lies in these namespaces, or in none, counts.
pub(crate) async fn calm_in(member: &Member, namespaces: &[&str]) -> Result<()> {
    calm_where(member, |event| lies_in(event, namespaces)).await
}

/// Waits until the agent of a cluster that is nobody else's has written nothing for a while.
pub(crate) async fn calm(member: &Member) -> Result<()> {
    calm_where(member, |_| true).await
}

async fn calm_where(member: &Member, counts: impl Fn(&Value) -> bool) -> Result<()> {
    let seen = || async {
        let mark = member.plane.audit_mark()?;
        tokio::time::sleep(CALM).await;
        Ok(written(member, mark)?.iter().filter(|event| counts(event)).map(told).collect::<Vec<_>>())
    };
    wait_for("the agent to have nothing to write", SETTLING, seen, |written| written.is_empty().then_some(())).await
}

fn lies_in(event: &Value, namespaces: &[&str]) -> bool {
    let object = &event["objectRef"];
    let of_a_namespace = if object["resource"] == "namespaces" { &object["name"] } else { &object["namespace"] };
    of_a_namespace.as_str().is_none_or(|namespace| namespaces.contains(&namespace))
}

/// Every write of a cluster's agent since then, but those of its own Lease.
pub(crate) fn writes(member: &Member, mark: AuditMark) -> Result<Vec<String>> {
    Ok(written(member, mark)?.iter().map(told).collect())
}

fn written(member: &Member, mark: AuditMark) -> Result<Vec<Value>> {
    let is_write = |event: &Value| {
        let verb = event["verb"].as_str().unwrap_or_default();
        let own_lease = event["objectRef"]["resource"] == "leases" && event["objectRef"]["namespace"] != "mixed";
        !["get", "list", "watch"].contains(&verb) && !own_lease && event["stage"] == "ResponseComplete"
    };
    Ok(member.plane.audit_by_user(&member.user, mark)?.into_iter().filter(is_write).collect())
}

fn told(event: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!("{} {}", text(&event["verb"]), text(&event["requestURI"]))
}
