//! Where blocking work runs: on a bounded number of tokio's blocking threads.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// A bounded number of threads.
pub(super) struct Workers {
    permits: Arc<Semaphore>,
}

// === impl Workers ===

impl Workers {
    pub(super) fn new(threads: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(threads.max(1))) }
    }

    /// Runs `work` to its end, even if the caller goes away meanwhile: libgit2 is never stopped halfway.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let stopping = || Error::Cache { url: String::new(), cause: "the hub is shutting down".to_owned() };
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| stopping())?;
        let job = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        match job.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(stopping()),
        }
    }
}
