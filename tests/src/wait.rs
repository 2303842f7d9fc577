//! Waiting for something that another process will do, with failures that tell what was seen.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Calls `attempt` until it answers `Ok(Some(value))`, at first every 20 ms and later every 200 ms.
///
/// `Ok(None)` and `Err` both mean "not yet"; an attempt still running at the deadline is dropped. The failure names
/// `what`, how long it was waited for, how often it was tried, and how the last attempt ended. Where there is something
/// to look at, [`wait_for`] says more.
pub async fn wait_until<T, F>(what: &str, timeout: Duration, mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let mut waiting = Waiting::new(timeout);
    loop {
        match waiting.attempt(attempt()).await {
            Some(Ok(Some(value))) => return Ok(value),
            Some(Ok(None)) => waiting.last = Some("not yet".to_owned()),
            Some(Err(error)) => waiting.last = Some(format!("error: {error:#}")),
            None => return Err(waiting.failure(what)),
        }
        waiting.pause().await;
    }
}

/// Calls `observe` until `accept` makes a value of what it saw, pausing as [`wait_until`] does.
///
/// The failure shows the last observation.
pub async fn wait_for<O, T, F>(
    what: &str,
    timeout: Duration,
    mut observe: impl FnMut() -> F,
    mut accept: impl FnMut(&O) -> Option<T>,
) -> Result<T>
where
    O: Debug,
    F: Future<Output = Result<O>>,
{
    let mut waiting = Waiting::new(timeout);
    loop {
        match waiting.attempt(observe()).await {
            Some(Ok(observation)) => match accept(&observation) {
                Some(value) => return Ok(value),
                None => waiting.last = Some(format!("{observation:?}")),
            },
            Some(Err(error)) => waiting.last = Some(format!("error: {error:#}")),
            None => return Err(waiting.failure(what)),
        }
        waiting.pause().await;
    }
}

struct Waiting {
    started: Instant,
    timeout: Duration,
    next_pause: Duration,
    attempts: u32,
    last: Option<String>,
}

impl Waiting {
    fn new(timeout: Duration) -> Self {
        Self { started: Instant::now(), timeout, next_pause: FIRST_PAUSE, attempts: 0, last: None }
    }

    /// What the attempt gave, or nothing when the time is over.
    async fn attempt<T>(&mut self, attempt: impl Future<Output = T>) -> Option<T> {
        let left = self.timeout.checked_sub(self.started.elapsed())?;
        self.attempts += 1;
        match tokio::time::timeout(left, attempt).await {
            Ok(value) => Some(value),
            Err(_) => {
                self.last.get_or_insert_with(|| "the attempt did not return".to_owned());
                None
            }
        }
    }

    async fn pause(&mut self) {
        let left = self.timeout.saturating_sub(self.started.elapsed());
        tokio::time::sleep(self.next_pause.min(left)).await;
        self.next_pause = (self.next_pause * 3 / 2).min(LONGEST_PAUSE);
    }

    fn failure(&self, what: &str) -> anyhow::Error {
        let last = self.last.as_deref().unwrap_or("nothing");
        let waited = self.started.elapsed().as_secs_f64();
        anyhow!("waited {waited:.1} s for {what} ({} attempts); last saw: {last}", self.attempts)
    }
}
