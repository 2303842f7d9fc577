//! Which clusters have a session here, and how to wake or end it. Nothing in it is state: the store has the truth, this only shortens the way.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;
use windlass_domain::exchange::FrozenTarget;
use windlass_store::ClusterPosition;

use super::calls::Pending;

/// Questions on their way to one agent: they are two numbers each.
const QUESTIONS: usize = 16;

/// The live sessions of this hub. Cheap to clone; clones share everything.
#[derive(Clone, Default)]
pub struct Registry {
    sessions: Arc<Mutex<Sessions>>,
    /// Questions that wait for their agent to open a stream.
    pub(super) pending: Pending,
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
    /// Questions for its agent.
    questions: mpsc::Sender<Announced>,
    /// Cancelled when the session is over, or has given its place to a newer one.
    over: CancellationToken,
    /// Woken when the session should look again at whether its certificate counts.
    recheck: Arc<Notify>,
    /// What its agent keeps although the hub's list lacks it.
    frozen: Vec<FrozenTarget>,
}

/// A question that the agent is told of: its name, and how many milliseconds it has.
pub(super) type Announced = (Uuid, u64);

/// The way to an agent.
pub(super) struct Way {
    pub(super) questions: mpsc::Sender<Announced>,
    pub(super) over: CancellationToken,
}

/// A session's place in the registry; it is given up on drop.
pub(super) struct Place {
    registry: Registry,
    cluster: Uuid,
    number: u64,
    /// Changes when the cluster's desired state moves.
    pub(super) desired: watch::Receiver<u64>,
    /// Questions for the agent.
    pub(super) questions: mpsc::Receiver<Announced>,
    /// Woken when the certificate should be looked at.
    pub(super) recheck: Arc<Notify>,
    _over: DropGuard,
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

    /// Has a cluster's session look at once whether its certificate still counts. Does not wait.
    pub fn recheck(&self, cluster: Uuid) {
        if let Some(live) = self.sessions.lock().live.get(&cluster) {
            live.recheck.notify_one();
        }
    }

    /// The same for every session.
    pub fn recheck_all(&self) {
        for live in self.sessions.lock().live.values() {
            live.recheck.notify_one();
        }
    }

    /// What a cluster's agent keeps although the hub's list lacks it, as it said with its last comparison; nothing while it has no session here.
    pub fn frozen_on(&self, cluster: Uuid) -> Vec<FrozenTarget> {
        self.sessions.lock().live.get(&cluster).map(|live| live.frozen.clone()).unwrap_or_default()
    }

    /// The clusters whose agents say so of an application.
    pub fn keepers_of(&self, application: Uuid) -> Vec<Uuid> {
        let sessions = self.sessions.lock();
        let keeps = |live: &Live| live.frozen.iter().any(|frozen| frozen.application == application);
        sessions.live.iter().filter(|(_, live)| keeps(live)).map(|(cluster, _)| *cluster).collect()
    }

    /// Whether a cluster has a session here.
    pub fn is_connected(&self, cluster: Uuid) -> bool {
        self.sessions.lock().live.contains_key(&cluster)
    }

    /// How many sessions are up.
    pub fn connected(&self) -> usize {
        self.sessions.lock().live.len()
    }

    /// Takes the cluster's place; the session that had it ends. From here on no change of the cluster's desired state is missed.
    pub(super) fn enter(&self, cluster: Uuid, end: End) -> Place {
        let (sender, desired) = watch::channel(0);
        let (ask, questions) = mpsc::channel(QUESTIONS);
        let over = CancellationToken::new();
        let mut sessions = self.sessions.lock();
        sessions.count += 1;
        let number = sessions.count;
        let recheck = Arc::new(Notify::new());
        let live = Live {
            number,
            desired: sender,
            end,
            questions: ask,
            over: over.clone(),
            recheck: Arc::clone(&recheck),
            frozen: vec![],
        };
        if let Some(older) = sessions.live.insert(cluster, live) {
            older.end.send_replace(Some("a newer session of this cluster took over".to_owned()));
        }
        Place { registry: self.clone(), cluster, number, desired, questions, recheck, _over: over.drop_guard() }
    }

    /// The way to a cluster's agent, while it has a session here.
    pub(super) fn way_to(&self, cluster: Uuid) -> Option<Way> {
        let sessions = self.sessions.lock();
        sessions.live.get(&cluster).map(|live| Way { questions: live.questions.clone(), over: live.over.clone() })
    }
}

impl Place {
    /// The agent says what it keeps although the hub's list lacks it; whether that is news.
    pub(super) fn keeps(&self, frozen: &[FrozenTarget]) -> bool {
        let mut sessions = self.registry.sessions.lock();
        let live = sessions.live.get_mut(&self.cluster).filter(|live| live.number == self.number);
        let Some(live) = live.filter(|live| live.frozen != frozen) else { return false };
        live.frozen = frozen.to_vec();
        true
    }

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
