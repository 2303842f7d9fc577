//! Child processes that never outlive the test that started them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

/// How long a dropped process may take to end by itself after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);

/// A child process in a process group of its own, with its output in a log file.
///
/// Dropping it ends the whole group, also while a test panics: SIGTERM, then SIGKILL after two seconds. Where
/// `setpriv` is installed (util-linux), the kernel kills the child itself when the test process is killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    disposable: bool,
    exited: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` with standard input closed and both outputs appended to the file `log`.
    ///
    /// Of `command`, the program, arguments, working folder and changes to the environment are kept. `env_clear` is not.
    pub fn spawn(name: impl Into<String>, command: Command, log: &Path) -> Result<Self> {
        let name = name.into();
        let output = open_log(log)?;
        let errors = output.try_clone().with_context(|| format!("opening {} twice", log.display()))?;
        let mut command = tied_to_this_process(command);
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let child = spawn_from_lasting_thread(command).with_context(|| format!("starting {name}"))?;
        Ok(Self { name, child, log: log.to_owned(), disposable: false, exited: None })
    }

    /// Says that nothing this process writes is needed later: dropping it sends SIGKILL at once.
    #[must_use]
    pub fn disposable(mut self) -> Self {
        self.disposable = true;
        self
    }

    /// The process id, which is also the id of its group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The name given at [`Process::spawn`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that gets what the process prints.
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// Whether the process has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.exit_status().is_none()
    }

    /// How the process ended, or nothing while it runs.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        if self.exited.is_none() {
            self.exited = self.child.try_wait().ok().flatten();
        }
        self.exited
    }

    /// Sends SIGKILL to the group and reaps the process: what `kill -9` or a power cut of one machine would do.
    pub fn kill9(&mut self) -> Result<()> {
        self.signal("KILL")?;
        if self.exited.is_none() {
            self.exited = Some(self.child.wait().with_context(|| format!("waiting for {}", self.name))?);
        }
        Ok(())
    }

    /// Sends SIGTERM to the group and returns at once; [`Process::wait_exited`] waits.
    pub fn terminate(&mut self) -> Result<()> {
        self.signal("TERM")
    }

    /// Sends a signal such as `STOP`, `CONT` or `HUP` to the group; an ended process gets none.
    pub fn signal(&mut self, signal: &str) -> Result<()> {
        if !self.is_running() {
            return Ok(());
        }
        let status = self.signal_group(signal).with_context(|| format!("running kill for {}", self.name))?;
        if status.success() || !self.is_running() { Ok(()) } else { Err(self.failure(&format!("kill -{signal}"))) }
    }

    fn signal_group(&self, signal: &str) -> io::Result<ExitStatus> {
        let group = format!("-{}", self.pid());
        Command::new("kill").args(["-s", signal, "--", &group]).stderr(Stdio::null()).status()
    }

    /// Waits until the process has ended; the failure of a timeout has the end of the log.
    pub async fn wait_exited(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.exit_status() {
                return Ok(status);
            }
            if started.elapsed() > timeout {
                return Err(self.failure(&format!("still running after {timeout:?}")));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The last lines of the log.
    pub fn log_tail(&self, lines: usize) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// An error that says what failed, whether the process runs, and how its log ends.
    pub fn failure(&mut self, what: &str) -> anyhow::Error {
        let state = match self.exit_status() {
            Some(status) => format!("ended with {status}"),
            None => format!("runs as {}", self.pid()),
        };
        let log = self.log.display();
        anyhow!("{}: {what}; the process {state}; the end of {log}:\n{}", self.name, self.log_tail(30))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Long ended: its number may be another's by now.
        if !self.is_running() {
            return;
        }
        if !self.disposable && self.terminate().is_ok() {
            let started = Instant::now();
            while self.is_running() && started.elapsed() < GRACE {
                thread::sleep(Duration::from_millis(5));
            }
        }
        // Also when it has ended just now, for children it left behind. Nothing is left to do about a failure here; the
        // kernel's parent-death signal is the second net.
        let _ = self.signal_group("KILL");
        let _ = self.child.wait();
    }
}

fn open_log(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    OpenOptions::new().create(true).append(true).open(path).with_context(|| format!("opening {}", path.display()))
}

/// The same command under `setpriv --pdeathsig`, which execs it: the process id stays the one that was spawned.
fn tied_to_this_process(command: Command) -> Command {
    static SETPRIV: OnceLock<bool> = OnceLock::new();
    let available = *SETPRIV.get_or_init(|| {
        let probe = Command::new("setpriv").args(["--pdeathsig", "KILL", "--", "true"]).stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    });
    if !available {
        return command;
    }
    let mut wrapped = Command::new("setpriv");
    wrapped.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(key, value),
            None => wrapped.env_remove(key),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}

/// The parent-death signal comes when the *thread* that forked ends, and threads of a runtime come and go; so one thread
/// that lives as long as the test process starts every child.
fn spawn_from_lasting_thread(command: Command) -> Result<Child> {
    type Order = (Command, mpsc::SyncSender<io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in orders {
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, spawned) = mpsc::sync_channel(1);
    spawner.send((command, answer)).context("the thread that starts processes is gone")?;
    Ok(spawned.recv().context("the thread that starts processes is gone")??)
}
