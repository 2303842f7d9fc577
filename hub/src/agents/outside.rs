//! Keeps the list of revocations outside the database and the database the same: what either has, the other gets. A database that was restored from an older
//! copy learns again what was revoked after that copy was made.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use windlass_domain::identity::revocation::Revocation;
use windlass_runtime::clock::Clock;
use windlass_store::Store;

use super::registry::Registry;
use crate::pki::{ListError, Revocations};

/// Between two looks at the file.
const EVERY: Duration = Duration::from_secs(2);

/// Why the two are not the same.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] windlass_store::Error),
    /// The list failed.
    #[error(transparent)]
    List(#[from] ListError),
    /// The work was cut off.
    #[error("the list of revocations was not written: {0}")]
    Cut(#[from] tokio::task::JoinError),
}

// === impl Trouble ===

impl Trouble {
    /// Whether the same may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::List(error) => error.is_retryable(),
            Self::Cut(_) => true,
        }
    }
}

/// Brings both to the same, once.
pub async fn reconcile(store: &dyn Store, list: &Revocations, clock: &Clock) -> Result<u64, Trouble> {
    let stored = store.revoked_certificates(None).await?;
    let now = clock.now();
    let missing: Vec<_> = stored.iter().filter(|(_, serial)| !list.holds(serial)).collect();
    let lines = missing.into_iter().map(|(cluster, serial)| Revocation {
        at: now,
        cluster: *cluster,
        serial: serial.clone(),
        by: "windlass".into(),
        reason: "revoked in the store".into(),
    });
    append(list, lines.collect()).await?;
    let stored: std::collections::HashSet<String> = stored.into_iter().map(|(_, serial)| serial).collect();
    let unknown: Vec<_> = list.serials().into_iter().filter(|serial| !stored.contains(serial)).collect();
    Ok(if unknown.is_empty() { 0 } else { store.revoke_listed(&unknown).await? })
}

/// Appends off the runtime's threads.
pub async fn append(list: &Revocations, lines: Vec<Revocation>) -> Result<(), Trouble> {
    if lines.is_empty() || !list.is_kept() {
        return Ok(());
    }
    let list = list.clone();
    tokio::task::spawn_blocking(move || list.append(&lines)).await??;
    Ok(())
}

/// Keeps them the same until `stop`. Only a hub that shares its store looks at what other hubs revoked; its own it writes itself.
pub async fn keep(store: Arc<dyn Store>, list: Revocations, registry: Registry, clock: Clock, stop: CancellationToken) {
    let mut newest = store.newest();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(EVERY) => {}
        }
        let read = {
            let list = list.clone();
            tokio::task::spawn_blocking(move || list.refresh()).await
        };
        let grew = match read {
            Ok(Ok(grew)) => grew,
            Ok(Err(error)) => {
                tracing::error!(%error, "the list of revocations could not be read; what was read before counts");
                continue;
            }
            Err(_) => continue,
        };
        let moved = store.is_shared() && newest.has_changed().unwrap_or_default();
        if !grew && !moved {
            continue;
        }
        newest.borrow_and_update();
        match reconcile(store.as_ref(), &list, &clock).await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "certificates were revoked by the list outside the store"),
            Err(error) => {
                tracing::error!(%error, "the store and the list of revocations could not be compared; it is tried again");
                newest.mark_changed();
            }
        }
        if grew {
            registry.recheck_all();
        }
    }
}
