//! The agent's second connection to the hub, for what is big: opened on demand, closed when idle, so that nothing big stands before the session.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tonic::transport::Channel;
use windlass_runtime::clock::Clock;

use crate::dial::{self, Windows};
use crate::identity::{Credentials, Identity};

/// How long an unused connection stays.
const IDLE: Duration = Duration::from_secs(30);

/// The connection, when there is one. Clones share it. Streams that are open on it keep it, whatever is decided here.
#[derive(Clone)]
pub(super) struct Second {
    inner: Arc<Inner>,
}

struct Inner {
    credentials: Credentials,
    clock: Clock,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    channel: Option<Channel>,
    /// Of the certificate that it was opened with: after a renewal it is opened anew.
    serial: String,
    /// Counts uses, so that an idle timer knows whether there was a later one.
    uses: u64,
}

// === impl Second ===

impl Second {
    pub(super) fn new(credentials: Credentials, clock: Clock) -> Self {
        Self { inner: Arc::new(Inner { credentials, clock, open: Mutex::default() }) }
    }

    /// Who we are now.
    pub(super) fn identity(&self) -> Arc<Identity> {
        self.inner.credentials.current()
    }

    /// The connection, dialled if need be. Whoever used it says [`used`](Self::used) or [`broke`](Self::broke) afterwards.
    pub(super) async fn channel(&self) -> Result<Channel, dial::Error> {
        let mut open = self.inner.open.lock().await;
        open.uses += 1;
        let identity = self.inner.credentials.current();
        if let Some(channel) = open.channel.as_ref().filter(|_| open.serial == identity.serial) {
            return Ok(channel.clone());
        }
        let channel = identity.dial(&self.inner.clock, Windows::FETCH).await?;
        open.serial.clone_from(&identity.serial);
        open.channel = Some(channel.clone());
        Ok(channel)
    }

    /// A call on it failed as calls on a dead connection do: the next one dials.
    pub(super) async fn broke(&self) {
        self.inner.open.lock().await.channel = None;
    }

    /// A call is over: without another one the connection is closed after a while.
    pub(super) async fn used(&self) {
        let (inner, uses) = (Arc::downgrade(&self.inner), self.inner.open.lock().await.uses);
        let clock = self.inner.clock.clone();
        tokio::spawn(async move {
            clock.sleep(IDLE).await;
            let Some(inner) = inner.upgrade() else { return };
            let mut open = inner.open.lock().await;
            if open.uses == uses {
                open.channel = None;
            }
        });
    }
}
