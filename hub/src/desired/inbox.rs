//! What is to be looked at: sets, not queues. Asking twice is asking once; nothing is dropped.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use windlass_domain::name::ApplicationName;

use super::{Error, Refreshed};

/// Somebody who waits for a refresh.
pub(super) type Waiter = oneshot::Sender<Result<Refreshed, Error>>;

/// What the handles and the service have in common.
#[derive(Default)]
pub(super) struct Inbox {
    asked: Mutex<Asked>,
    wake: Notify,
    /// Somebody says that clusters may have changed.
    clusters: Notify,
}

/// Everything that was asked for since the service last looked.
#[derive(Default)]
pub(super) struct Asked {
    /// Applications, with those who wait.
    pub(super) applications: BTreeMap<ApplicationName, Vec<Waiter>>,
    /// Applications whose record was written, with its revision; 0 for those that go.
    pub(super) written: BTreeMap<ApplicationName, u64>,
    /// Repositories whose settings changed, or that were pushed to.
    pub(super) repositories: BTreeSet<String>,
    /// Clusters came, went or changed labels.
    pub(super) clusters: bool,
    /// Projects that came, went or changed.
    pub(super) projects: BTreeSet<String>,
    closed: bool,
}

/// Closes the inbox when the service ends, however it ends: those who wait are told.
pub(super) struct CloseOnDrop<'a>(pub(super) &'a Inbox);

// === impl Inbox ===

impl Inbox {
    /// Asks. After the service has ended, nothing is kept: a waiter finds its channel closed.
    pub(super) fn ask(&self, what: impl FnOnce(&mut Asked)) {
        let mut asked = self.asked.lock();
        if !asked.closed {
            what(&mut asked);
            drop(asked);
            self.wake.notify_one();
        }
    }

    /// Clusters may have changed: whether it is so is found out by whoever waits in [`clusters_doubted`](Self::clusters_doubted).
    pub(super) fn doubt_clusters(&self) {
        self.clusters.notify_one();
    }

    pub(super) async fn clusters_doubted(&self) {
        self.clusters.notified().await;
    }

    /// Waits for something to be asked, and takes all of it.
    pub(super) async fn take(&self) -> Asked {
        self.wake.notified().await;
        std::mem::take(&mut *self.asked.lock())
    }
}

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        *self.0.asked.lock() = Asked { closed: true, ..Asked::default() };
    }
}
