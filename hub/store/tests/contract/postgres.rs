//! A PostgreSQL of the tests' own: made from Debian's programs, reached by a socket, gone when the test process ends, however it ends.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

/// A running server.
pub(crate) struct Server {
    /// Its socket is in here.
    folder: String,
    /// When this closes, at the latest with this process, the supervisor stops the server and removes the folder.
    _life: ChildStdin,
    _supervisor: Child,
}

/// Starts the server, says so, and waits for its standard input to end. Signals for the whole process group are for the tests, not for it. The default
/// collation is another one than SQLite's on purpose.
const SUPERVISOR: &str = r#"
trap '' INT TERM HUP
bin=$1
dir=$(mktemp -d /tmp/windlass-postgres.XXXXXX) || exit 1
stop() { "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1; rm -rf "$dir"; }
"$bin/initdb" -D "$dir/data" -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=en-US >"$dir/initdb.log" 2>&1 \
    || { cat "$dir/initdb.log"; rm -rf "$dir"; exit 1; }
"$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 -o "-k $dir -c listen_addresses='' -c max_connections=300" start >/dev/null 2>&1 \
    || { cat "$dir/server.log"; stop; exit 1; }
echo "ready $dir"
read -r _
stop
"#;

/// The server of this process; `None` where the tests are told to do without.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(start).as_ref()
}

fn start() -> Option<Server> {
    let Some(bin) = programs() else {
        assert!(
            std::env::var("WINDLASS_SKIP_POSTGRES").is_ok_and(|value| value == "1"),
            "no PostgreSQL in /usr/lib/postgresql: run apt-get install postgresql, or set WINDLASS_SKIP_POSTGRES=1 to leave its half of the suite out"
        );
        eprintln!(
            "not run: the PostgreSQL half of the store's contract (no PostgreSQL is installed, WINDLASS_SKIP_POSTGRES=1)"
        );
        return None;
    };
    let mut supervisor = as_its_user().args(["sh", "-c", SUPERVISOR, "supervisor"]).arg(bin);
    let mut child =
        supervisor.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a shell");
    let life = child.stdin.take().expect("a pipe");
    let mut said = String::new();
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    lines.read_line(&mut said).expect("a line");
    let Some(folder) = said.trim().strip_prefix("ready ") else {
        std::io::Read::read_to_string(&mut lines, &mut said).expect("text");
        panic!("PostgreSQL did not start: {said}");
    };
    Some(Server { folder: folder.to_owned(), _life: life, _supervisor: child })
}

/// The newest version's programs.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    versions
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/initdb").exists())
        .max_by_key(number)
        .map(|path| path.join("bin"))
}

/// PostgreSQL refuses to run as root.
fn as_its_user() -> Runner {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if is_root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]);
        Runner(command)
    } else {
        Runner(Command::new("env"))
    }
}

struct Runner(Command);

// === impl Runner ===

impl Runner {
    fn args<const N: usize>(mut self, args: [&str; N]) -> Self {
        self.0.args(args);
        self
    }

    fn arg(mut self, path: PathBuf) -> Command {
        self.0.arg(path).current_dir("/tmp");
        self.0
    }
}

// === impl Server ===

impl Server {
    /// The URL of one of its schemas: each is as good as a database of its own, and far cheaper.
    pub(crate) fn url(&self, schema: &str) -> String {
        format!("postgres://postgres@localhost/postgres?host={}&options[search_path]={schema}", self.folder)
    }
}
