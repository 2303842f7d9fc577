//! The request log: who asked for what, and what came of it.

use std::sync::Arc;

use tokio::sync::mpsc;
use windlass_domain::time::Timestamp;
use windlass_runtime::clock::Clock;
use windlass_store::{RequestLogEntry, Store};

use super::error::{ApiError, Result};

/// Entries of reads that wait to be written; beyond it they are left out and the hub's own log says so. A burst of reads must not stop anybody.
const WAITING: usize = 1024;

/// Writes to the log. Cheap to clone; the background writer ends with the last clone.
#[derive(Clone)]
pub(crate) struct RequestLog {
    store: Arc<dyn Store>,
    clock: Clock,
    later: mpsc::Sender<RequestLogEntry>,
}

// === impl RequestLog ===

impl RequestLog {
    /// Starts the background writer; needs a runtime.
    pub(crate) fn start(store: Arc<dyn Store>, clock: Clock) -> Self {
        let (later, mut waiting) = mpsc::channel::<RequestLogEntry>(WAITING);
        let writer = Arc::clone(&store);
        tokio::spawn(async move {
            while let Some(entry) = waiting.recv().await {
                if let Err(error) = writer.log_request(&entry).await {
                    tracing::warn!(request_id = %entry.request_id, %error, "a read is missing in the request log");
                }
            }
        });
        Self { store, clock, later }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Durable when it returns `Ok`.
    pub(crate) async fn write(&self, entry: RequestLogEntry) -> Result<()> {
        self.store.log_request(&entry).await.map_err(|error| {
            tracing::error!(request_id = %entry.request_id, %error, "a change is missing in the request log");
            ApiError::unavailable("the request log cannot be written, so the change is not confirmed; look whether it was made, then try again")
        })
    }

    pub(crate) fn write_later(&self, entry: RequestLogEntry) {
        if let Err(refused) = self.later.try_send(entry) {
            let entry = refused.into_inner();
            tracing::warn!(request_id = %entry.request_id, "the request log is behind: a call is missing in it");
        }
    }
}
