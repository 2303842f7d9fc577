//! Wakes sessions for generations that nobody in this process told them of: another hub made them, or the answer of the commit was lost. The same for what
//! another hub revoked, and for certificate authorities that it made or retired.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use windlass_runtime::clock::Clock;
use windlass_store::Store;

use super::registry::Registry;
use crate::pki::Authority;

/// Between a change in the feed and the look at it: what is committed here is told directly and is no news by then, and many changes are one look.
const SETTLE: Duration = Duration::from_secs(1);

/// Follows the store until `stop`. While nothing is committed nothing is read.
pub async fn follow(
    store: Arc<dyn Store>,
    authority: Arc<Authority>,
    registry: Registry,
    clock: Clock,
    stop: CancellationToken,
) {
    let mut newest = store.newest();
    let mut identities = *newest.borrow();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = newest.changed() => if changed.is_err() { return },
        }
        clock.sleep(SETTLE).await;
        newest.borrow_and_update();
        if let Err(error) = authority.reload(store.as_ref()).await {
            tracing::warn!(%error, "the certificate authorities could not be read; it is tried again");
            newest.mark_changed();
        }
        match store.identities_changed(identities).await {
            Ok((revision, clusters)) => {
                identities = revision;
                clusters.into_iter().for_each(|cluster| registry.recheck(cluster));
            }
            Err(error) => {
                tracing::warn!(%error, "clusters' identities could not be read; it is tried again");
                newest.mark_changed();
            }
        }
        if registry.connected() == 0 {
            continue;
        }
        match store.generations().await {
            Ok(generations) => registry.moved(generations),
            Err(error) => {
                tracing::warn!(%error, "clusters' generations could not be read; it is tried again");
                newest.mark_changed();
            }
        }
    }
}
