//! The only wiring: from arguments to running tasks.

mod joining;
mod keeping;
mod pauses;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::digest::Digest;
use windlass_domain::discovery::Discovery;
use windlass_runtime::admin::{Admin, Readiness};
use windlass_runtime::clock::Clock;
use windlass_runtime::shutdown::Shutdown;
use windlass_runtime::{telemetry, tls};

use crate::args::Args;
use crate::identity::{self, Credentials, Files};
use crate::intake::Intake;
use crate::link::{self, Connection, Fetcher};
use crate::live::Live;
use crate::observe::client::ActingAs;
use crate::observe::{Cluster, WatchScope, Watches, discovery};
use crate::script::judge::Judge;
use crate::sync::engine::{Engine, Fetch, Parts};
use crate::sync::execute::Executor;
use crate::sync::input::Input;
use crate::upgrade::Upgrades;
use joining::Rejoining;
use keeping::Keeping;

/// What may wait for the engine, events of watches aside: much of it holds an object.
const INBOX: usize = 128;
/// What may wait for the link, which takes it at once.
const TO_LINK: usize = 256;
/// Events of watches that may wait for the engine: each holds an object. When there are more, the watches wait, and the apiserver with them.
const EVENTS: usize = 32;
/// Verdicts that may wait for the engine: each holds an object.
const VERDICTS: usize = 8;
/// How long the tasks have to end.
const DRAIN: Duration = Duration::from_secs(5);
/// Threads for what may take long: disks, scripts. Each has a heap of its own while it lives.
const BLOCKING: usize = 8;
/// How often a cluster that does not answer at the start is asked again.
const CLUSTER_RETRY: Duration = Duration::from_secs(2);

/// Where agents are installed.
const DEFAULT_HOME: &str = "windlass-system";
const LINKED: &str = "session with the hub";
/// Only the new agent of an upgrade lacks it: the one of before stays until it has it.
const PROVEN: &str = "in sync with the hub after an upgrade";

/// Runs the agent until a signal.
pub fn start(args: Args) -> Result<()> {
    tls::install_crypto_provider();
    telemetry::init()?;
    // Every thread that allocates has a heap of its own; one keeps up with a cluster, and what may take long has threads for that.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(BLOCKING)
        .enable_all()
        .build()?;
    runtime.block_on(run(args))
}

async fn run(args: Args) -> Result<()> {
    #[cfg(feature = "faults")]
    windlass_runtime::faults::from_environment().map_err(anyhow::Error::msg)?;
    let (clock, shutdown) = (Clock::system(), Shutdown::on_signals()?);
    let readiness = Readiness::awaiting(&[LINKED, PROVEN]);
    let listener = TcpListener::bind(args.admin_listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.admin_listen))?;
    tracing::info!(address = %listener.local_addr()?, "admin port");
    shutdown.spawn(Admin::new(clock.clone(), readiness.clone()).serve(listener, shutdown.token()));

    let ended = tokio::select! {
        ended = work(&args, &clock, &shutdown, readiness) => ended,
        () = shutdown.started() => Ok(()),
    };
    shutdown.start();
    if !shutdown.drain(DRAIN).await {
        tracing::warn!("some tasks did not end in time");
    }
    ended
}

/// Everything bottom-up: the cluster, who we are, the durable copy, the engine, the link.
async fn work(args: &Args, clock: &Clock, shutdown: &Shutdown, readiness: Readiness) -> Result<()> {
    let cluster = Cluster::connect(args.kubeconfig.as_deref(), clock.clone()).await.context("the cluster")?;
    let keeping = Keeping::of(args, clock).await?;
    let home = keeping.namespace().unwrap_or_else(|| DEFAULT_HOME.to_owned());
    let cluster = with_rights(cluster, args, &home);
    let upgrades = keeping.upgrades(clock).await;
    shutdown.spawn(upgrades.clone().keep(shutdown.token()));
    shutdown.spawn(until(shutdown.token(), show_trial(upgrades.clone(), readiness.clone())));
    // A replica that stands by is as ready as it can be.
    let kept = keeping.open(clock, shutdown, &upgrades, || readiness.set(LINKED, true)).await?;
    readiness.set(LINKED, false);
    let (facts, served) = first_answer(&cluster, clock).await;
    let identity = kept.identity(args, &facts, clock).await?;
    let source = kept.source(args);
    let (files, durable, lost) = (kept.files, kept.durable, kept.lost);
    let (installation, cluster_uid) = (identity.installation, identity.cluster);
    let credentials = Credentials::new(identity);
    let kube_system_uid = facts.kube_system_uid.clone();
    let rejoining = source.map(|source| Rejoining {
        source,
        credentials: credentials.clone(),
        files: files.clone(),
        facts: facts.clone(),
        clock: clock.clone(),
    });

    let (inbox, engine_inbox) = mpsc::channel(INBOX);
    let (events, seen) = mpsc::channel(EVENTS);
    let (to_link, link_inbox) = mpsc::channel(TO_LINK);
    let (rediscover, discovery_due) = mpsc::channel(1);
    let watches = Watches::new(cluster.clone(), scope(args), events, shutdown.clone());
    let intake = Intake::restore(
        cluster_uid,
        durable.clone(),
        watches.clone(),
        clock.clone(),
        served.clone(),
        facts,
        inbox.clone(),
    );
    let intake = Arc::new(intake);
    let judge = Judge::new(clock.clone());
    let service = link::Service::new(credentials.clone(), clock.clone(), link_inbox, Arc::clone(&intake))
        .answering(Arc::new(Live::new(cluster.clone(), inbox.clone(), judge.jq().clone(), upgrades.clone())));
    let (verdicts, judged) = mpsc::channel(VERDICTS);
    let engine = Engine::restore(
        Parts {
            installation: installation.to_string(),
            clock: clock.clone(),
            durable,
            watches: watches.clone(),
            discovery: served,
            executor: Executor::new(cluster.clone(), inbox.clone(), judge.clone()),
            rediscover: rediscover.clone(),
            home: home.clone(),
            link: to_link,
            fetcher: Arc::new(FromHub(service.fetcher())),
        },
        inbox.clone(),
    );
    let (pauses, paused) = mpsc::channel(8);
    watches.watch_pauses(pauses);
    shutdown.spawn(judge.run(verdicts, shutdown.token()));
    shutdown.spawn(pass_on(judged, inbox.clone(), Input::Judged));
    shutdown.spawn(until(shutdown.token(), pauses::pass_on(paused, upgrades.clone(), home.clone(), inbox.clone())));
    watches.watch_definitions(rediscover);
    shutdown.spawn(follow_discovery(cluster, discovery_due, clock.clone(), intake, inbox));
    shutdown.spawn(show_connection(service.connection(), readiness));
    if let Some(rejoining) = rejoining {
        shutdown.spawn(until(shutdown.token(), rejoining.run(service.connection())));
    }
    shutdown.spawn(until(shutdown.token(), tell_in_sync(service.in_sync(), upgrades)));
    shutdown.spawn(service.run(shutdown.token()));
    keep_known(shutdown, clock, credentials, files, kube_system_uid);
    tracing::info!(cluster = %cluster_uid, "agent is working");
    tokio::select! {
        () = engine.run(engine_inbox, seen, shutdown.token()) => Ok(()),
        Ok(why) = lost => anyhow::bail!(why),
    }
}

/// Writes have the agent's own rights, or those of an account in each namespace.
fn with_rights(cluster: Cluster, args: &Args, home: &str) -> Cluster {
    match &args.impersonate {
        Some(account) => cluster.acting_as(ActingAs { account: account.clone(), home: home.to_owned() }),
        None => cluster,
    }
}

/// What keeps the agent known to its hub: the address that it is told, and a certificate that has not ended.
fn keep_known(shutdown: &Shutdown, clock: &Clock, credentials: Credentials, files: Files, kube_system_uid: String) {
    let reaching = identity::keep_reachable(credentials.clone(), files.clone(), clock.clone());
    shutdown.spawn(until(shutdown.token(), reaching));
    let renewing = identity::keep_renewed(credentials, files, kube_system_uid, clock.clone());
    shutdown.spawn(until(shutdown.token(), renewing));
}

/// A new image has proved itself when the hub knows what its agent knows.
async fn tell_in_sync(mut in_sync: watch::Receiver<bool>, upgrades: Upgrades) {
    if in_sync.wait_for(|known| *known).await.is_ok() {
        upgrades.in_sync();
    }
}

/// An agent that was given namespaces may look nowhere else.
fn scope(args: &Args) -> WatchScope {
    match args.namespaces.is_empty() {
        true => WatchScope::All,
        false => WatchScope::Namespaces(args.namespaces.iter().cloned().collect()),
    }
}

/// An apiserver that does not answer is waited for: an agent starts with its node.
async fn first_answer(cluster: &Cluster, clock: &Clock) -> (ClusterFacts, Discovery) {
    loop {
        let answer = async {
            Ok::<_, crate::observe::client::Error>((discovery::facts(cluster).await?, discovery::read(cluster).await?))
        };
        match answer.await {
            Ok(answer) => return answer,
            Err(error) => {
                tracing::warn!(%error, "the cluster does not answer yet");
                clock.sleep(CLUSTER_RETRY).await;
            }
        }
    }
}

async fn pass_on<T>(mut seen: mpsc::Receiver<T>, inbox: mpsc::Sender<Input>, input: impl Fn(T) -> Input) {
    while let Some(event) = seen.recv().await {
        if inbox.send(input(event)).await.is_err() {
            return;
        }
    }
}

/// Reads discovery again when definitions changed or the engine asks for it, and only then.
async fn follow_discovery(
    cluster: Cluster,
    mut due: mpsc::Receiver<()>,
    clock: Clock,
    intake: Arc<Intake>,
    inbox: mpsc::Sender<Input>,
) {
    while due.recv().await.is_some() {
        let discovery = loop {
            match discovery::read(&cluster).await {
                Ok(discovery) => break discovery,
                Err(error) => {
                    tracing::warn!(%error, "the cluster's resource list could not be read");
                    clock.sleep(CLUSTER_RETRY).await;
                }
            }
        };
        intake.discovered(discovery.clone());
        if inbox.send(Input::Discovered(discovery)).await.is_err() {
            return;
        }
    }
}

/// Work that ends only with the process.
async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

async fn show_trial(upgrades: Upgrades, readiness: Readiness) {
    upgrades.tell_trial(|is_on_trial| readiness.set(PROVEN, !is_on_trial)).await;
}

async fn show_connection(mut connection: watch::Receiver<Connection>, readiness: Readiness) {
    loop {
        let up = matches!(*connection.borrow_and_update(), Connection::Up { .. });
        readiness.set(LINKED, up);
        if connection.changed().await.is_err() {
            return;
        }
    }
}

/// Contents from the hub.
struct FromHub(Fetcher);

#[async_trait::async_trait]
impl Fetch for FromHub {
    async fn fetch(&self, digests: Vec<Digest>) -> Result<Vec<(Digest, Bytes)>, String> {
        let (mut wanted, mut found) = (digests, Vec::new());
        while !wanted.is_empty() {
            let fetched = self.0.fetch(&wanted).await.map_err(|error| error.to_string())?;
            if let Some(missing) = fetched.missing.first() {
                tracing::warn!(first = %missing.short(), count = fetched.missing.len(), "the hub does not have contents that it named");
            }
            found.extend(fetched.found.into_iter().map(|(digest, bytes)| (digest, Bytes::from(bytes))));
            wanted = fetched.rest;
        }
        Ok(found)
    }
}
