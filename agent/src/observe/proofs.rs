//! When each watch last showed that it works.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use parking_lot::Mutex;
use windlass_domain::time::Timestamp;

/// Shared by the watches, which write it, and whoever asks.
#[derive(Debug, Clone, Default)]
pub(super) struct Proofs {
    inner: Arc<Mutex<BTreeMap<String, Option<Timestamp>>>>,
}

// === impl Proofs ===

impl Proofs {
    /// A watch is wanted, and has shown nothing yet.
    pub(super) fn expect(&self, watch: &str) {
        self.inner.lock().entry(watch.to_owned()).or_default();
    }

    /// It works: an event, a bookmark, a successful open.
    pub(super) fn give(&self, watch: &str, now: Timestamp) {
        if let Some(proof) = self.inner.lock().get_mut(watch) {
            *proof = Some(now);
        }
    }

    /// It failed.
    pub(super) fn withdraw(&self, watch: &str) {
        if let Some(proof) = self.inner.lock().get_mut(watch) {
            *proof = None;
        }
    }

    /// It is no longer wanted.
    pub(super) fn forget(&self, watch: &str) {
        self.inner.lock().remove(watch);
    }

    /// The watches without a proof of the last `limit`.
    pub(super) fn lacking(&self, now: Timestamp, limit: Duration) -> Vec<String> {
        let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
        let is_recent = |proof: &Timestamp| now.duration_since(*proof) <= limit;
        let inner = self.inner.lock();
        inner
            .iter()
            .filter(|(_, proof)| !proof.as_ref().is_some_and(is_recent))
            .map(|(watch, _)| watch.clone())
            .collect()
    }
}
