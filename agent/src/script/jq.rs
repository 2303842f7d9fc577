//! jq in a process of its own: an expression may never end and take any memory, and nothing in the language bounds that.
//!
//! One child at most, this program again, started when it is needed and gone when it is not. It ends itself at a second or 128 MiB ([`child`]); whoever does
//! not end by then is killed. It gets objects over its standard input and nothing else: no environment, no files, no network of ours.

pub mod child;

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;
use windlass_domain::ignore::{Ignored, Path, Selection};
use windlass_domain::time::Timestamp;
use windlass_runtime::clock::Clock;

/// The child ends itself sooner; the rest is for starting it and for a machine under load.
const LIMIT: Duration = Duration::from_secs(4);
/// An expression that did not end is not asked again for so long: others wait for no more than one of its tries.
const REST: Duration = Duration::from_secs(60);
/// Expressions that rest. More than that many that do not end are all the same to us.
const MAX_RESTING: usize = 1_000;

/// Evaluates jq expressions. Clones share the child.
#[derive(Clone)]
pub struct Jq {
    inner: Arc<Mutex<Inner>>,
    clock: Clock,
}

#[derive(Default)]
struct Inner {
    child: Option<Running>,
    resting: BTreeMap<String, (Timestamp, String)>,
}

struct Running {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// Why the child gave no answer.
#[derive(Debug, thiserror::Error)]
enum Silent {
    /// It may be started anew.
    #[error("{0}")]
    Gone(String),
    /// The expression is to blame.
    #[error("{0}")]
    Overran(&'static str),
}

// === impl Jq ===

impl Jq {
    /// Starts nothing yet.
    pub fn new(clock: Clock) -> Self {
        Self { inner: Arc::default(), clock }
    }

    /// The ignored places of an object. An expression that fails on the object names none of it, as in Argo CD.
    ///
    /// # Errors
    /// An expression that did not end within its limits, named: what it would have said is not known.
    pub async fn ignored(&self, selection: &Selection, object: &Value) -> Result<Ignored, String> {
        self.ignored_as(selection, object, object).await
    }

    /// The same, what managers own being read from `live` ([`Selection::places_as`]).
    pub async fn ignored_as(&self, selection: &Selection, object: &Value, live: &Value) -> Result<Ignored, String> {
        let mut found = Vec::new();
        for expression in selection.expressions() {
            found.extend(self.paths(expression, object).await?);
        }
        Ok(selection.places_as(object, found, live))
    }

    async fn paths(&self, expression: &str, object: &Value) -> Result<Vec<Path>, String> {
        let mut inner = self.inner.lock().await;
        let now = self.clock.now();
        if let Some((until, why)) = inner.resting.get(expression) {
            if now < *until {
                return Err(why.clone());
            }
            inner.resting.remove(expression);
        }
        let request = child::request(expression, object).map_err(|error| error.to_string())?;
        let mut answer = self.ask(&mut inner, &request).await;
        if matches!(answer, Err(Silent::Gone(_))) {
            answer = self.ask(&mut inner, &request).await;
        }
        match answer {
            Ok(paths) => Ok(paths),
            Err(why) => {
                let why = format!("ignoreDifferences: the jq expression `{expression}` {why}");
                tracing::warn!("{why}");
                if inner.resting.len() >= MAX_RESTING {
                    inner.resting.clear();
                }
                inner.resting.insert(expression.to_owned(), (now + REST, why.clone()));
                Err(why)
            }
        }
    }

    async fn ask(&self, inner: &mut Inner, request: &[u8]) -> Result<Vec<Path>, Silent> {
        let gone = |error: std::io::Error| Silent::Gone(format!("could not be evaluated: {error}"));
        let mut running = match inner.child.take() {
            Some(running) => running,
            None => Running::start().map_err(gone)?,
        };
        let answer = self.clock.timeout(LIMIT, running.exchange(request)).await;
        match answer {
            Ok(Ok(line)) if line.ends_with('\n') => {
                inner.child = Some(running);
                child::answer(&line).map_err(Silent::Gone)
            }
            Ok(Ok(_) | Err(_)) => Err(running.post_mortem().await),
            // Dropped, it is killed.
            Err(_) => Err(Silent::Overran(child::TOO_SLOW_SAID)),
        }
    }
}

// === impl Running ===

impl Running {
    /// This very program, even where its file was replaced meanwhile.
    fn start() -> std::io::Result<Self> {
        let mut process = Command::new("/proc/self/exe")
            .arg("jq")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let broken = || std::io::Error::other("no pipes");
        let to = process.stdin.take().ok_or_else(broken)?;
        let from = BufReader::new(process.stdout.take().ok_or_else(broken)?);
        Ok(Self { process, to, from })
    }

    async fn exchange(&mut self, request: &[u8]) -> std::io::Result<String> {
        self.to.write_all(request).await?;
        self.to.flush().await?;
        let mut line = String::new();
        self.from.read_line(&mut line).await?;
        Ok(line)
    }

    async fn post_mortem(mut self) -> Silent {
        let status = self.process.wait().await.ok();
        match status.and_then(|status| status.code()) {
            Some(child::TOO_SLOW) => Silent::Overran(child::TOO_SLOW_SAID),
            Some(child::TOO_BIG) => Silent::Overran(child::TOO_BIG_SAID),
            Some(code) => Silent::Gone(format!("could not be evaluated: its process ended with {code}")),
            // A stack that ran over.
            None => Silent::Overran("nests without end"),
        }
    }
}
