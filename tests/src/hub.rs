//! The real hub, as a process.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::api::Api;
use crate::binaries;
use crate::faults::AdminPort;
use crate::ports::free_ports;
use crate::postgres;
use crate::process::Process;
use crate::store::Rows;
use crate::wait::wait_until;

const READY: Duration = Duration::from_secs(30);

/// Where the hub keeps its truth.
#[derive(Debug, Clone, Default)]
pub enum HubStore {
    /// Where the run says: `E2E_STORE=postgres` means a new database on a server that the test process starts; otherwise it
    /// is SQLite.
    #[default]
    OfTheRun,
    /// In its data folder.
    Sqlite,
    /// In a PostgreSQL database: a URL.
    Postgres(String),
}

/// Whether this run's hubs keep their truth in PostgreSQL.
pub fn run_is_on_postgres() -> bool {
    std::env::var("E2E_STORE").is_ok_and(|store| store == "postgres")
}

/// What a scenario needs of its hub.
#[derive(Debug, Clone, Default)]
pub struct HubOptions {
    /// The store.
    pub store: HubStore,
    /// Time between two looks at a repository; 1 s when not given.
    pub poll_interval: Option<String>,
    /// Another place where agents are told to connect, such as a proxy's.
    pub advertise_agents: Option<String>,
    /// The port on which agents connect, where something has to know it before; a free one when not given.
    pub agents_port: Option<u16>,
    /// Failpoints to begin with: `name=actions;name=actions`.
    pub failpoints: String,
    /// More of its environment. The proxies of whoever runs the tests are never in it.
    pub environment: Vec<(&'static str, String)>,
    /// Where API and agents listen, for agents that run elsewhere than on loopback, which it is when not given.
    pub address: Option<Ipv4Addr>,
}

/// A running hub. Dropping it ends it; its files stay.
#[derive(Debug)]
pub struct Hub {
    data: PathBuf,
    log: PathBuf,
    options: HubOptions,
    ports: [u16; 3],
    process: Process,
    api: Api,
}

impl Hub {
    /// Starts a hub with its data in `folder/data` and its log beside it, and waits until it is ready.
    pub async fn start(folder: &Path, mut options: HubOptions) -> Result<Self> {
        if matches!(options.store, HubStore::OfTheRun) {
            options.store = match run_is_on_postgres() {
                true => HubStore::Postgres(postgres::new_database().await?),
                false => HubStore::Sqlite,
            };
        }
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let (data, log) = (folder.join("data"), folder.join("hub.log"));
        let [api, agents, admin] = free_ports()?;
        let ports = [api, options.agents_port.unwrap_or(agents), admin];
        let mut process = spawn(&data, &log, &options, ports)?;
        ready(&mut process, ports).await?;
        let api = Api::connect(&url(&options, ports), &ca_of(&data)?, &token_of(&data)?)?;
        Ok(Self { data, log, options, ports, process, api })
    }

    /// A client with the first administrator's token.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// `https://127.0.0.1:PORT` of the API, or at its own address.
    pub fn url(&self) -> String {
        url(&self.options, self.ports)
    }

    /// The port on which agents connect.
    pub fn agents_port(&self) -> u16 {
        self.ports[1]
    }

    /// The certificate authority that clients of the API have to trust.
    pub fn ca_file(&self) -> PathBuf {
        self.data.join("ca.pem")
    }

    /// The file with the first administrator's token.
    pub fn token_file(&self) -> Result<PathBuf> {
        token_file_of(&self.data)
    }

    /// Readiness, metrics, failpoints, clock.
    pub fn admin(&self) -> Result<AdminPort> {
        AdminPort::of(self.ports[2])
    }

    /// Everything the hub keeps.
    pub fn data_folder(&self) -> &Path {
        &self.data
    }

    /// Its store, to read behind its back.
    pub fn store(&self) -> Rows {
        match &self.options.store {
            HubStore::Postgres(url) => Rows::Postgres(url.clone()),
            HubStore::Sqlite | HubStore::OfTheRun => Rows::Sqlite(self.data.join("store.db")),
        }
    }

    /// What it prints.
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// SIGKILL: nothing is flushed.
    pub fn kill9(&mut self) -> Result<()> {
        self.process.kill9()
    }

    /// Starts it again, killed or not, on the same ports and data, and waits until it is ready.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.kill9()?;
        self.process = spawn(&self.data, &self.log, &self.options, self.ports)?;
        ready(&mut self.process, self.ports).await
    }
}

fn url(options: &HubOptions, ports: [u16; 3]) -> String {
    format!("https://{}:{}", address(options), ports[0])
}

fn address(options: &HubOptions) -> Ipv4Addr {
    options.address.unwrap_or(Ipv4Addr::LOCALHOST)
}

fn spawn(data: &Path, log: &Path, options: &HubOptions, ports: [u16; 3]) -> Result<Process> {
    let mut command = Command::new(binaries::find("windlass-hub")?);
    command.arg("--data-dir").arg(data).arg("--allow-local-repositories");
    let address = address(options);
    let places = [("--api-listen", address), ("--agents-listen", address), ("--admin-listen", Ipv4Addr::LOCALHOST)];
    for ((flag, address), port) in places.into_iter().zip(ports) {
        command.arg(flag).arg(format!("{address}:{port}"));
    }
    let agents = format!("{address}:{}", ports[1]);
    command.args(["--advertise-api", &url(options, ports)]);
    command.args(["--advertise-agents", options.advertise_agents.as_ref().unwrap_or(&agents)]);
    command.args(["--poll-interval", options.poll_interval.as_deref().unwrap_or("1s")]);
    if let HubStore::Postgres(url) = &options.store {
        command.env("WINDLASS_STORE", url);
    }
    if !options.failpoints.is_empty() {
        command.env("WINDLASS_FAILPOINTS", &options.failpoints);
    }
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    command.envs(options.environment.iter().map(|(name, value)| (*name, value)));
    Process::spawn("windlass-hub", command, log)
}

async fn ready(process: &mut Process, ports: [u16; 3]) -> Result<()> {
    let admin = AdminPort::of(ports[2])?;
    let outcome = wait_until("the hub to be ready", READY, || {
        let alive = process.is_running();
        let ready = admin.ready();
        async move { if alive { Ok(ready.await?.map(|()| true)) } else { Ok(Some(false)) } }
    });
    match outcome.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(process.failure("did not start")),
        Err(error) => Err(error.context(process.failure("is not ready"))),
    }
}

fn ca_of(data: &Path) -> Result<String> {
    let path = data.join("ca.pem");
    std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

fn token_of(data: &Path) -> Result<String> {
    let path = token_file_of(data)?;
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(text.trim().to_owned())
}

/// The file of the data folder that holds an API token.
fn token_file_of(data: &Path) -> Result<PathBuf> {
    let entries = std::fs::read_dir(data).with_context(|| format!("reading {}", data.display()))?;
    let files = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
    let mut tokens = files.filter(|path| {
        let small = path.metadata().is_ok_and(|metadata| metadata.len() < 1000);
        small && std::fs::read_to_string(path).is_ok_and(|text| text.starts_with("wl_"))
    });
    tokens.next().with_context(|| format!("the hub left no administrator's token in {}", data.display()))
}
