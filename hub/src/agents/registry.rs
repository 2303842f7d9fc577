//! Which clusters have a session here, and how to wake or end it. Nothing in it is state: the store has the truth, this only shortens the way.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;
use windlass_store::ClusterPosition;

/// The live sessions of this hub. Cheap to clone; clones share everything.
#[derive(Clone, Default)]
pub struct Registry {
    sessions: Arc<Mutex<Sessions>>,
}

#[derive(Default)]
struct Sessions {
    /// One per cluster: the newest.
    live: HashMap<Uuid, Live>,
    /// How many there ever were.
    count: u64,
}

/// How to reach one session.
struct Live {
    number: u64,
    /// The newest generation that is known to exist.
    desired: watch::Sender<u64>,
    /// Why the session must end, once it must.
    end: watch::Sender<Option<String>>,
}

/// A session's place in the registry; it is given up on drop.
pub(super) struct Place {
    registry: Registry,
    cluster: Uuid,
    number: u64,
    /// Changes when the cluster's desired state moves.
    pub(super) desired: watch::Receiver<u64>,
}

/// Tells a session from outside that it must end, and why.
pub(super) type End = watch::Sender<Option<String>>;

// === impl Registry ===

impl Registry {
    /// Tells sessions that their cluster's desired state moved. A cluster without a session learns it when it connects. Does not wait.
    pub fn notify(&self, positions: &[ClusterPosition]) {
        self.moved(positions.iter().map(|moved| (moved.cluster, moved.position.generation)));
    }

    /// [`notify`](Self::notify) with what there is of each position: cluster and newest generation.
    pub(super) fn moved(&self, generations: impl IntoIterator<Item = (Uuid, u64)>) {
        let sessions = self.sessions.lock();
        for (cluster, generation) in generations {
            if let Some(live) = sessions.live.get(&cluster) {
                live.desired.send_if_modified(|newest| {
                    let grows = generation > *newest;
                    *newest = (*newest).max(generation);
                    grows
                });
            }
        }
    }

    /// Ends a cluster's session, telling the agent why. Does not wait.
    pub fn disconnect(&self, cluster: Uuid, reason: &str) {
        if let Some(live) = self.sessions.lock().live.get(&cluster) {
            live.end.send_replace(Some(reason.to_owned()));
        }
    }

    /// How many sessions are up.
    pub fn connected(&self) -> usize {
        self.sessions.lock().live.len()
    }

    /// Takes the cluster's place; the session that had it ends. From here on no change of the cluster's desired state is missed.
    pub(super) fn enter(&self, cluster: Uuid, end: End) -> Place {
        let (sender, desired) = watch::channel(0);
        let mut sessions = self.sessions.lock();
        sessions.count += 1;
        let number = sessions.count;
        if let Some(older) = sessions.live.insert(cluster, Live { number, desired: sender, end }) {
            older.end.send_replace(Some("a newer session of this cluster took over".to_owned()));
        }
        Place { registry: self.clone(), cluster, number, desired }
    }
}

impl Place {
    /// Whether a newer session of the cluster took it.
    pub(super) fn is_taken(&self) -> bool {
        self.registry.sessions.lock().live.get(&self.cluster).is_some_and(|live| live.number != self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sessions = self.registry.sessions.lock();
        if sessions.live.get(&self.cluster).is_some_and(|live| live.number == self.number) {
            sessions.live.remove(&self.cluster);
        }
    }
}

#[cfg(test)]
mod tests {
    use windlass_domain::desired_state::{Chain, Position};

    use super::*;

    fn at(cluster: Uuid, generation: u64) -> ClusterPosition {
        ClusterPosition { cluster, position: Position { incarnation: Uuid::nil(), generation, chain: Chain::START } }
    }

    #[test]
    fn the_newest_session_is_woken_and_the_older_one_ends() {
        let (registry, cluster) = (Registry::default(), Uuid::from_u128(1));
        let (first_end, first_ended) = watch::channel(None);
        let first = registry.enter(cluster, first_end);
        let (second_end, second_ended) = watch::channel(None);
        let second = registry.enter(cluster, second_end);
        assert!(first_ended.borrow().is_some());
        assert!(first.is_taken() && !second.is_taken());
        drop(first);
        assert_eq!(registry.connected(), 1);
        registry.notify(&[at(cluster, 7), at(Uuid::from_u128(2), 9)]);
        registry.notify(&[at(cluster, 6)]);
        assert_eq!(*second.desired.borrow(), 7);
        registry.disconnect(cluster, "revoked");
        assert_eq!(second_ended.borrow().as_deref(), Some("revoked"));
        drop(second);
        assert_eq!(registry.connected(), 0);
    }
}
