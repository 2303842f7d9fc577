//! What must be done now and then, and is in no hurry.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use windlass_runtime::clock::Clock;
use windlass_store::Store;

const EVERY: Duration = Duration::from_secs(3600);
/// Contents this young may belong to a commit that is under way.
const YOUNG: Duration = Duration::from_secs(600);

/// So long the operations of a deleted application can be looked at.
const HISTORY: Duration = Duration::from_secs(30 * 86_400);

/// Three of these without a sign of life, and a hub is dead to the others.
const BEAT: Duration = Duration::from_secs(15);

/// Says to the other hubs of the store that this one lives, and ends the sessions of those that do not, until told to stop.
pub async fn beat(store: Arc<dyn Store>, clock: Clock, stop: CancellationToken) {
    loop {
        if let Err(error) = store.beat(clock.now()).await {
            tracing::warn!(%error, "the other hubs could not be told that this one lives");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(BEAT) => {}
        }
    }
}

/// Drops contents that nothing names any more, and old operations of what is gone, until told to stop.
pub async fn run(store: Arc<dyn Store>, clock: Clock, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(EVERY) => {}
        }
        match store.collect_garbage(clock.now() - YOUNG).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "contents that nothing names any more were dropped"),
            Err(error) => tracing::warn!(%error, "old contents could not be dropped; it is tried again in an hour"),
        }
        match store.forget_operations(clock.now() - HISTORY).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "old operations of deleted applications were forgotten"),
            Err(error) => tracing::warn!(%error, "old operations could not be forgotten; it is tried again in an hour"),
        }
    }
}
