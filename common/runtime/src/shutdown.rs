//! The end of a process: a signal cancels a token, tasks notice, and the process waits for them for a bounded time.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The token that everything watches and the tasks that are waited for. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
}

// === impl Shutdown ===

impl Shutdown {
    /// One that nothing triggers but [`start`](Self::start).
    pub fn new() -> Self {
        Self::default()
    }

    /// One that SIGTERM or SIGINT triggers. Call it inside a runtime.
    ///
    /// # Errors
    /// When the process may not install signal handlers.
    pub fn on_signals() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let shutdown = Self::new();
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let token = shutdown.token.clone();
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
                () = token.cancelled() => return,
            };
            tracing::info!(signal = name, "shutting down");
            token.cancel();
        });
        Ok(shutdown)
    }

    /// Tells everyone to stop.
    pub fn start(&self) {
        self.token.cancel();
    }

    /// The token that is cancelled when the process should stop.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Whether the process should stop.
    pub fn is_started(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns when the process should stop.
    pub async fn started(&self) {
        self.token.cancelled().await;
    }

    /// Runs a task that [`drain`](Self::drain) waits for. The task must watch the token itself.
    pub fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// The tasks that are waited for, for code that spawns many.
    pub fn tasks(&self) -> TaskTracker {
        self.tasks.clone()
    }

    /// Tells everyone to stop and waits for the tasks, at most for `limit`; `false` when some were still running then.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.start();
        self.tasks.close();
        let done = tokio::time::timeout(limit, self.tasks.wait()).await.is_ok();
        if !done {
            tracing::warn!(tasks = self.tasks.len(), ?limit, "tasks were still running when the process ended");
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn drain_waits_for_tasks_that_heed_the_token() {
        let shutdown = Shutdown::new();
        let token = shutdown.token();
        shutdown.spawn(async move { token.cancelled().await });
        assert!(!shutdown.is_started());
        assert!(shutdown.drain(Duration::from_secs(60)).await);
    }

    #[tokio::test]
    async fn drain_ends_although_a_task_does_not() {
        let shutdown = Shutdown::new();
        shutdown.spawn(std::future::pending::<()>());
        assert!(!shutdown.drain(Duration::from_millis(1)).await);
    }
}
