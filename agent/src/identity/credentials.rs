//! The identity in use, which a renewal replaces while everything runs.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard, watch};

use super::Identity;

/// Who this agent is now; clones share it.
#[derive(Clone)]
pub struct Credentials {
    current: Arc<watch::Sender<Arc<Identity>>>,
    /// The serial number of the certificate that the hub wants renewed; empty before it said so.
    asked: Arc<watch::Sender<String>>,
    /// The address that the hub named last; empty before it named one.
    told: Arc<watch::Sender<String>>,
    /// Held by whoever makes another identity out of the current one.
    changing: Arc<Mutex<()>>,
}

// === impl Credentials ===

impl Credentials {
    /// Begins with one.
    pub fn new(identity: Identity) -> Self {
        Self {
            current: Arc::new(watch::Sender::new(Arc::new(identity))),
            asked: Arc::default(),
            told: Arc::default(),
            changing: Arc::default(),
        }
    }

    /// The one to dial with now.
    pub fn current(&self) -> Arc<Identity> {
        Arc::clone(&self.current.borrow())
    }

    /// Tells when it is replaced; what it shows at first counts as seen.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Identity>> {
        self.current.subscribe()
    }

    /// Asks for the renewal of this certificate now: the hub says that it has ended, whatever this machine's clock says.
    pub fn ask_for_renewal(&self, serial: &str) {
        self.asked.send_replace(serial.to_owned());
    }

    /// Waits until the renewal of the certificate in use is asked for.
    pub(super) async fn asked(&self) {
        let serial = self.current().serial.clone();
        // The sender is in `self`, so that it cannot be gone.
        let _ = self.asked.subscribe().wait_for(|asked| *asked == serial).await;
    }

    /// A turn to make another identity out of the current one, given back when dropped.
    pub(super) async fn one_change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// The hub names an address.
    pub(crate) fn tell_address(&self, address: String) {
        self.told.send_if_modified(|told| {
            let is_new = *told != address;
            *told = address;
            is_new
        });
    }

    /// Waits until the hub has named an address that is not the one in use.
    pub(super) async fn elsewhere(&self) -> String {
        let (mut told, mut current) = (self.told.subscribe(), self.current.subscribe());
        loop {
            let named = told.borrow_and_update().clone();
            if !named.is_empty() && named != current.borrow_and_update().agents_address {
                return named;
            }
            // The senders are in `self`, so that they cannot be gone.
            tokio::select! {
                _ = told.changed() => {}
                _ = current.changed() => {}
            }
        }
    }

    /// Waits until the hub names another address than this.
    pub(super) async fn told_other_than(&self, address: &str) {
        let _ = self.told.subscribe().wait_for(|told| told != address).await;
    }

    /// Replaces it for every connection from now on, and has the session go over to it.
    pub(crate) fn replace(&self, identity: Identity) {
        self.current.send_replace(Arc::new(identity));
    }
}
