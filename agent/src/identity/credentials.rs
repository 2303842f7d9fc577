//! The identity in use, which a renewal replaces while everything runs.

use std::sync::Arc;

use tokio::sync::watch;

use super::Identity;

/// Who this agent is now; clones share it.
#[derive(Clone)]
pub struct Credentials {
    current: Arc<watch::Sender<Arc<Identity>>>,
    /// The serial number of the certificate that the hub wants renewed; empty before it said so.
    asked: Arc<watch::Sender<String>>,
}

// === impl Credentials ===

impl Credentials {
    /// Begins with one.
    pub fn new(identity: Identity) -> Self {
        Self { current: Arc::new(watch::Sender::new(Arc::new(identity))), asked: Arc::default() }
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

    /// Replaces it for every connection from now on, and has the session go over to it.
    pub(crate) fn replace(&self, identity: Identity) {
        self.current.send_replace(Arc::new(identity));
    }
}
