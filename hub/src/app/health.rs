//! Whether the hub is ready, and what its metrics say: looked at every few seconds.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use windlass_runtime::admin::Admin;
use windlass_store::Store;

use crate::agents::Registry;

const INTERVAL: Duration = Duration::from_secs(2);

/// Keeps readiness and metrics true until `stop`.
pub(super) async fn watch(store: Arc<dyn Store>, registry: Registry, admin: Admin, stop: CancellationToken) {
    let sessions = admin.metrics.gauge("windlass_hub_sessions", "Sessions of agents that are up.");
    loop {
        let answers = matches!(admin.clock.timeout(INTERVAL, store.ping()).await, Ok(Ok(())));
        admin.readiness.set("store", answers);
        sessions.set(i64::try_from(registry.connected()).unwrap_or(i64::MAX));
        tokio::select! {
            () = stop.cancelled() => return,
            () = admin.clock.sleep(INTERVAL) => {}
        }
    }
}
