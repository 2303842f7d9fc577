//! The only wiring: built bottom-up in pipeline order, spawned, watched, drained.

mod announce;
mod first_start;
mod health;
mod serve;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use windlass_git::GitCache;
use windlass_runtime::admin::{Admin, Readiness};
use windlass_runtime::clock::Clock;
use windlass_runtime::listener::Limits;
use windlass_runtime::shutdown::Shutdown;
use windlass_store::{SealKey, SqlStore, Store, StoreUrl};

use crate::args::{Advertised, Config};
use crate::{agents, api, desired, housekeeping, in_cluster, pki};

pub use announce::fail;

/// How long sessions and requests may take to end.
const DRAIN: Duration = Duration::from_secs(10);

/// The three listeners, bound.
struct Listeners {
    api: TcpListener,
    agents: TcpListener,
    admin: TcpListener,
}

/// What everything stands on.
struct Base {
    store: Arc<dyn Store>,
    authority: Arc<pki::Authority>,
    clock: Clock,
    advertised: Advertised,
    revocations: pki::Revocations,
}

/// The parts without which a hub is no hub, running.
struct Parts {
    compiling: JoinHandle<()>,
    answering: JoinHandle<()>,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// Runs the hub until it is told to stop.
pub async fn run(config: Config) -> Result<()> {
    #[cfg(feature = "faults")]
    windlass_runtime::faults::from_environment().map_err(anyhow::Error::msg)?;
    let shutdown = Shutdown::on_signals().context("signals cannot be handled")?;
    let admin = Admin::new(Clock::system(), Readiness::awaiting(&["store", "listeners"]));
    create_private(&config.data_dir)?;
    let listeners = bind(&config).await?;
    shutdown.spawn(admin.clone().serve(listeners.admin, shutdown.token()));

    let clock = admin.clock.clone();
    let store = open_store(&config).await?;
    let authority = pki::Authority::load(store.as_ref(), clock.clone()).await?;
    let advertised = config.advertised(listeners.api.local_addr()?, listeners.agents.local_addr()?);
    let revocations = revocations(&config, store.as_ref(), &clock).await?;
    let base = Base { store, authority, clock, advertised, revocations };
    let admin_token = first_start::admin(base.store.as_ref(), &config.data_dir, base.clock.now()).await?;
    // Whoever finds the hub ready may look for it.
    let ca_file = announce::write_ca(&base.authority, &config.data_dir)?;
    let parts = start(&config, &base, listeners.api, listeners.agents, &admin, &shutdown).await?;
    shutdown.spawn(announce::keep_ca(Arc::clone(&base.authority), config.data_dir.clone(), shutdown.token()));
    announce::started(&base.advertised, &base.authority, &ca_file, &config.data_dir, admin_token)?;

    let ended = parts.wait(&shutdown).await;
    shutdown.drain(DRAIN).await;
    ended
}

/// Builds the parts in pipeline order and starts them.
async fn start(
    config: &Config,
    base: &Base,
    api: TcpListener,
    agents: TcpListener,
    admin: &Admin,
    shutdown: &Shutdown,
) -> Result<Parts> {
    let (registry, stop) = (agents::Registry::default(), shutdown.token());
    let (service, desired) = desired_service(config, base, &registry).await?;
    let names = config.certificate_names(&base.advertised);
    let (api_tls, agents_tls) =
        (base.authority.server_config_api(&names)?, base.authority.server_config_agents(&names)?);
    if let Some(place) = config.in_cluster.clone() {
        let parts = in_cluster::Parts {
            store: Arc::clone(&base.store),
            authority: Arc::clone(&base.authority),
            desired: desired.clone(),
            clock: base.clock.clone(),
            data_dir: config.data_dir.clone(),
        };
        let (setting_up, stop) = (in_cluster::run(place, parts), stop.clone());
        shutdown.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = setting_up => {}
            }
        });
    }
    let routes = routes(base, desired, registry.clone());
    let (store, authority) = (Arc::clone(&base.store), Arc::clone(&base.authority));
    let sessions = agents::Agents::new(store, authority, registry.clone(), base.clock.clone(), stop.clone())
        .trusting(base.revocations.clone(), config.report_only_after);

    let limits = Limits { per_address: config.handshakes_per_address, ..Limits::default() };
    let parts = Parts {
        compiling: shutdown.spawn(service.run(stop.clone())),
        answering: shutdown.spawn(serve::serve(api, api_tls, limits, routes, base.clock.clone(), stop.clone())),
        serving: shutdown.spawn(agents::serve(agents, agents_tls, limits, sessions, stop.clone())),
    };
    admin.readiness.set("listeners", true);
    // A hub alone tells its sessions itself; an answer of its store that was lost is found at the next comparison.
    if base.store.is_shared() {
        let (store, authority) = (Arc::clone(&base.store), Arc::clone(&base.authority));
        shutdown.spawn(agents::follow(store, authority, registry.clone(), base.clock.clone(), stop.clone()));
    }
    if base.revocations.is_kept() {
        let (store, list) = (Arc::clone(&base.store), base.revocations.clone());
        shutdown.spawn(agents::outside::keep(store, list, registry.clone(), base.clock.clone(), stop.clone()));
    }
    let upgrading = agents::upgrades::run(Arc::clone(&base.store), registry.clone(), base.clock.clone(), stop.clone());
    shutdown.spawn(upgrading);
    shutdown.spawn(housekeeping::beat(Arc::clone(&base.store), base.clock.clone(), stop.clone()));
    shutdown.spawn(housekeeping::run(Arc::clone(&base.store), base.clock.clone(), stop.clone()));
    shutdown.spawn(health::watch(Arc::clone(&base.store), registry, admin.clone(), stop));
    Ok(parts)
}

async fn open_store(config: &Config) -> Result<Arc<dyn Store>> {
    let seal = SealKey::load_or_create(&config.seal_key_file)
        .with_context(|| format!("the seal key {} cannot be used", config.seal_key_file.display()))?;
    let url = StoreUrl::parse(config.store.expose_secret())?;
    let store = SqlStore::open(&url, seal).await.context("the store cannot be opened")?;
    Ok(Arc::new(store))
}

/// The list outside the store, before anybody is let in: what a store that was restored from an older copy has forgotten is revoked again.
async fn revocations(config: &Config, store: &dyn Store, clock: &Clock) -> Result<pki::Revocations> {
    let Some(path) = config.revocations.clone() else { return Ok(pki::Revocations::default()) };
    let list = pki::Revocations::open(path)?;
    let count = agents::outside::reconcile(store, &list, clock).await?;
    if count > 0 {
        tracing::warn!(
            count,
            "certificates were revoked by the list outside the store: the store is older than the list"
        );
    }
    Ok(list)
}

async fn desired_service(
    config: &Config,
    base: &Base,
    registry: &agents::Registry,
) -> Result<(desired::Service, desired::Handle)> {
    let options = windlass_git::Options {
        allow_local: config.allow_local_repositories,
        environment_proxy: true,
        ..Default::default()
    };
    let git = GitCache::open(config.data_dir.join("git"), options).context("the git cache cannot be opened")?;
    let settings = desired::Settings { poll_interval: config.poll_interval, ..Default::default() };
    let service = desired::Service::new(Arc::clone(&base.store), git, registry.clone(), base.clock.clone(), settings);
    Ok(service.await?)
}

fn routes(base: &Base, desired: desired::Handle, registry: agents::Registry) -> axum::Router {
    let state = api::State {
        store: Arc::clone(&base.store),
        desired,
        calls: Arc::new(agents::Calls::new(registry.clone(), base.clock.clone())),
        registry,
        authority: Arc::clone(&base.authority),
        clock: base.clock.clone(),
        advertised: base.advertised.clone(),
        revocations: base.revocations.clone(),
    };
    let join = agents::join_routes(
        Arc::clone(&base.store),
        Arc::clone(&base.authority),
        base.clock.clone(),
        base.advertised.clone(),
    );
    let install = api::install_routes(
        Arc::clone(&base.store),
        Arc::clone(&base.authority),
        base.clock.clone(),
        base.advertised.clone(),
    );
    api::router(state).merge(join).merge(install)
}

async fn bind(config: &Config) -> Result<Listeners> {
    let bind = |what: &'static str, address| async move {
        TcpListener::bind(address).await.with_context(|| format!("the {what} listener cannot use {address}"))
    };
    Ok(Listeners {
        api: bind("API", config.api_listen).await?,
        agents: bind("agents", config.agents_listen).await?,
        admin: bind("admin", config.admin_listen).await?,
    })
}

/// The directory holds the store, the seal key and the first token: nobody else may look in.
fn create_private(directory: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.with_context(|| format!("the data directory {} cannot be made", directory.display()))
}

// === impl Parts ===

impl Parts {
    /// Waits for the end that was asked for, or for one that was not: whoever runs the hub then starts it again.
    async fn wait(self, shutdown: &Shutdown) -> Result<()> {
        let ended = |what: &'static str| anyhow::anyhow!("{what} ended by itself");
        tokio::select! {
            biased;
            () = shutdown.started() => Ok(()),
            crashed = self.compiling => Err(crashed.map_or_else(Into::into, |()| ended("compiling applications"))),
            crashed = self.answering => Err(crashed.map_or_else(Into::into, |()| ended("the API listener"))),
            crashed = self.serving => match crashed.context("the agents listener crashed")? {
                Ok(()) => Err(ended("the agents listener")),
                Err(error) => Err(error).context("the agents listener failed"),
            },
        }
    }
}
