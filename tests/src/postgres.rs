//! A private PostgreSQL server on loopback.

use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::OnceCell;

use crate::folder;
use crate::ports::free_port;
use crate::process::Process;
use crate::wait::wait_until;

/// The user of Debian's package, who runs the server where the tests run as root: PostgreSQL refuses root.
const SYSTEM_USER: &str = "postgres";
const SUPERUSER: &str = "windlass";

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No PostgreSQL is installed on this machine.
    #[error("PostgreSQL is not installed: apt-get install postgresql")]
    NotInstalled,
    /// It is installed and something failed.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// A running server with a data folder of its own. It trusts every connection from loopback and syncs every commit to
/// the disk. Dropping it ends it.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    data: PathBuf,
    log: PathBuf,
    port: u16,
    process: Process,
}

impl Postgres {
    /// Makes a cluster in `folder/postgres` and starts it; `folder`'s permissions are opened for the server's user.
    pub async fn start(folder: &Path) -> Result<Self, Error> {
        let programs = programs().ok_or(Error::NotInstalled)?;
        let folder = prepare(folder)?;
        let data = folder.join("data");
        let data_text = data.display().to_string();
        let arguments =
            ["-D", &data_text, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"];
        let mut initdb = as_server_user(&programs.join("initdb"));
        initdb.args(arguments).current_dir(&folder);
        run(initdb).await?;
        let log = folder.join("postgres.log");
        for _ in 0..3 {
            let port = free_port()?;
            let process = spawn(&programs, &data, &log, port)?;
            let mut server = Self { programs: programs.clone(), data: data.clone(), log: log.clone(), port, process };
            if server.ready().await? {
                return Ok(server);
            }
        }
        Err(anyhow::anyhow!("PostgreSQL found its port taken three times; see {}", log.display()).into())
    }

    /// The URL of a database for sqlx and psql, without a password.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@{}:{}/{database}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// The port on 127.0.0.1, the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty database and returns its URL.
    pub async fn create_database(&self, name: &str) -> Result<String, Error> {
        self.query("postgres", &format!("CREATE DATABASE \"{name}\"")).await?;
        Ok(self.url(name))
    }

    /// Runs one statement in a database by psql; the answer has one row a line, columns parted by `|`.
    pub async fn query(&self, database: &str, statement: &str) -> Result<String, Error> {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement]).arg(self.url(database));
        let output = run(command).await?;
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// Ends the server as a crash does: SIGKILL to all its processes.
    pub fn kill9(&mut self) -> Result<(), Error> {
        Ok(self.process.kill9()?)
    }

    /// Starts a killed server again on the same data and port, and waits until it has recovered.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.process.kill9()?;
        // The killed server's lock names a process that may, by its number alone, seem alive.
        let lock = self.data.join("postmaster.pid");
        if lock.exists() {
            std::fs::remove_file(&lock).with_context(|| format!("removing {}", lock.display()))?;
        }
        self.process = spawn(&self.programs, &self.data, &self.log, self.port)?;
        if self.ready().await? { Ok(()) } else { Err(self.process.failure("found its port taken").into()) }
    }

    /// Waits until it answers; false when its port was taken.
    async fn ready(&mut self) -> anyhow::Result<bool> {
        let mut probe = tokio::process::Command::new(self.programs.join("pg_isready"));
        probe.args(["-q", "-h", "127.0.0.1", "-U", SUPERUSER, "-d", "postgres", "-p", &self.port.to_string()]);
        let process = &mut self.process;
        let state = wait_until("PostgreSQL to accept connections", Duration::from_secs(30), || {
            let alive = process.is_running();
            let probed = probe.status();
            async move { Ok(if alive { probed.await?.success().then_some(true) } else { Some(false) }) }
        });
        match state.await {
            Ok(true) => Ok(true),
            Ok(false) if self.process.log_tail(50).contains("Address already in use") => Ok(false),
            Ok(false) => Err(self.process.failure("did not start")),
            Err(error) => Err(error.context(self.process.failure("does not answer"))),
        }
    }
}

/// A new, empty database on one server that all hubs of this process share, as a URL. The server ends with the process.
pub async fn new_database() -> anyhow::Result<String> {
    static SERVER: OnceCell<Result<Postgres, String>> = OnceCell::const_new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(|| async {
        let start = async { Ok::<_, anyhow::Error>(Postgres::start(&folder::of_this_process()?).await?) };
        start.await.map_err(|error| format!("{error:#}"))
    });
    let server = server.await.as_ref().map_err(|error| anyhow::anyhow!("the shared PostgreSQL: {error}"))?;
    let name = format!("hub_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    Ok(server.create_database(&name).await?)
}

/// Where the server of [`new_database`] keeps everything, if it was started.
pub fn shared_folder() -> Option<PathBuf> {
    let folder = folder::of_this_process().ok()?.join("postgres");
    folder.exists().then_some(folder)
}

/// The newest version's folder below Debian's `/usr/lib/postgresql`, or that of a `postgres` in the PATH.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok();
    let packaged = versions.into_iter().flatten().flatten().map(|version| version.path());
    let newest = packaged.max_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = newest.map(|version| version.join("bin")).into_iter().chain(std::env::split_paths(&path));
    let complete = |folder: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).exists());
    candidates.into_iter().find(complete)
}

/// A folder that the server's user may write, and reach where the path to it is made of temporary folders.
fn prepare(folder: &Path) -> anyhow::Result<PathBuf> {
    let folder = folder.join("postgres");
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let folder = folder.canonicalize().with_context(|| format!("resolving {}", folder.display()))?;
    if !is_root() {
        return Ok(folder);
    }
    let temporary = std::env::temp_dir().canonicalize().unwrap_or_else(|_| std::env::temp_dir());
    for ancestor in folder.ancestors().skip(1).take_while(|path| path.starts_with(&temporary) && **path != temporary) {
        let mode = std::fs::metadata(ancestor)?.permissions().mode();
        std::fs::set_permissions(ancestor, std::fs::Permissions::from_mode(mode | 0o011))
            .with_context(|| format!("opening {}", ancestor.display()))?;
    }
    let owned = Command::new("chown").arg(SYSTEM_USER).arg(&folder).status().context("running chown")?;
    anyhow::ensure!(owned.success(), "chown {SYSTEM_USER} {}: {owned}", folder.display());
    Ok(folder)
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|itself| itself.uid() == 0)
}

/// A command of the server's own user where we are root.
fn as_server_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", SYSTEM_USER, "--regid", SYSTEM_USER, "--init-groups", "--pdeathsig", "KILL", "--"]);
    command.arg(program);
    command
}

fn spawn(programs: &Path, data: &Path, log: &Path, port: u16) -> anyhow::Result<Process> {
    let mut command = as_server_user(&programs.join("postgres"));
    command.arg("-D").arg(data).args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""]);
    command
        .args([
            "-c",
            "fsync=on",
            "-c",
            "synchronous_commit=on",
            "-c",
            "shared_buffers=32MB",
            "-c",
            "max_connections=300",
        ])
        .current_dir(data);
    Process::spawn("postgres", command, log)
}

async fn run(command: Command) -> anyhow::Result<Output> {
    let shown = format!("{command:?}");
    let output = tokio::process::Command::from(command).output().await.with_context(|| format!("running {shown}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{shown} ended with {}: {}", output.status, errors.trim());
    Ok(output)
}
