//! When what a cluster serves may have changed: its CustomResourceDefinitions and APIServices did.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use windlass_domain::discovery::ApiResource;
use windlass_runtime::clock::Clock;

use super::stream::{Item, Sink};

/// Changes come in bursts: what is told is the end of one.
const QUIET: Duration = Duration::from_millis(200);
/// A burst that does not end is told all the same, after so many quiets.
const LONGEST_BURST: usize = 20;
/// A kind may be served this much later than its definition says.
const PUBLISHED: Duration = Duration::from_secs(2);

/// A sink that only says that there was something.
pub(super) struct Changes {
    notify: Arc<Notify>,
}

/// The kinds that define kinds.
pub(super) fn resources() -> [ApiResource; 2] {
    let resource = |group: &str, kind: &str, plural: &str| ApiResource {
        group: group.into(),
        version: "v1".into(),
        kind: kind.into(),
        plural: plural.into(),
        namespaced: false,
    };
    [
        resource("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions"),
        resource("apiregistration.k8s.io", "APIService", "apiservices"),
    ]
}

/// Turns notifications into few messages, until nobody receives them.
pub(super) async fn debounce(notify: Arc<Notify>, clock: Clock, changed: mpsc::Sender<()>) {
    loop {
        notify.notified().await;
        for _ in 0..LONGEST_BURST {
            if clock.timeout(QUIET, notify.notified()).await.is_err() {
                break;
            }
        }
        if !tell(&changed) {
            return;
        }
        match clock.timeout(PUBLISHED, notify.notified()).await {
            Ok(()) => notify.notify_one(),
            Err(_) if !tell(&changed) => return,
            Err(_) => {}
        }
    }
}

/// A message that waits already says the same.
fn tell(changed: &mpsc::Sender<()>) -> bool {
    !matches!(changed.try_send(()), Err(mpsc::error::TrySendError::Closed(())))
}

// === impl Changes ===

impl Changes {
    pub(super) fn new(notify: Arc<Notify>) -> Self {
        Self { notify }
    }
}

impl Sink for Changes {
    async fn take(&mut self, item: Item) {
        // A LIST comes after a gap, in which anything may have changed; its objects alone say nothing new.
        if matches!(item, Item::Object(_) | Item::Deleted(_) | Item::Listed) {
            self.notify.notify_one();
        }
    }
}
