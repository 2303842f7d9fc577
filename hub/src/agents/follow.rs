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

#[cfg(test)]
mod tests {
    use tokio::sync::watch;
    use uuid::Uuid;
    use windlass_domain::identity::record::{Event, Word};
    use windlass_store::{IdentityEvent, NewCluster, SealKey, SqlStore, StoreUrl};

    use super::*;

    /// The store is changed behind this hub's back, as by another one.
    #[tokio::test]
    async fn what_another_hub_revoked_or_made_is_known_here() {
        let dir = tempfile::tempdir().expect("a directory");
        let seal = SealKey::from_bytes([7; 32]).expect("a key");
        let store: Arc<dyn Store> =
            Arc::new(SqlStore::open(&StoreUrl::sqlite(dir.path().join("store.db")), seal).await.expect("a store"));
        let clock = Clock::system();
        let (here, there) = (
            Authority::load(store.as_ref(), clock.clone()).await.expect("an authority"),
            Authority::load(store.as_ref(), clock.clone()).await.expect("an authority"),
        );
        let (uid, now) = (Uuid::from_u128(1), clock.now());
        let new = NewCluster { uid, name: "eu-1".into(), labels: Default::default(), server_aliases: vec![] };
        store.create_cluster(new, now).await.expect("a cluster");
        let (registry, stop) = (Registry::default(), CancellationToken::new());
        let (end, _ended) = watch::channel(None);
        let place = registry.enter(uid, end);
        tokio::spawn(follow(Arc::clone(&store), Arc::clone(&here), registry, clock.clone(), stop.clone()));
        let _stop = stop.drop_guard();

        there.add(store.as_ref(), 1, "ann").await.expect("another authority");
        let word = Word { by: "ann".into(), at: now, reason: String::new() };
        let event = Event::Revoked { word, serial: None };
        store.change_identity(uid, &IdentityEvent { event, from: String::new() }, now).await.expect("revoked");
        place.recheck.notified().await;
        assert_eq!(here.entries().len(), 2);
    }
}
