//! Upgrading the agents of a fleet: staged, watched, and taken back where the new agent does not come back.
//!
//! [`step`] is the hub's part: so many clusters at a time, the next when one is done, and none any more once one has failed. [`own::decide`] is the agent's
//! part: it changes the image of its own Deployment, and whichever agent runs afterwards, the old or the new, takes it back when its time is over.

pub mod own;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

/// How long a cluster's new agent has to come back. The agent's own limit is shorter, so that it takes the image back before the hub gives up.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upgrade {
    /// Random.
    pub id: Uuid,
    /// The image that agents should run.
    pub image: String,
    /// So many clusters at a time; at least 1.
    pub max_parallel: u32,
    /// Who wants it.
    pub by: String,
    /// Every cluster that it is about.
    pub clusters: BTreeMap<Uuid, Stage>,
    /// Why no further cluster is begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// Where a cluster is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "stage")]
pub enum Stage {
    /// Its turn has not come, or it has no session: an agent that is away is not asked.
    Waiting,
    /// Its agent was asked.
    Asked {
        /// When.
        at: Timestamp,
        /// The image that it had.
        before: String,
    },
    /// The new agent is in session.
    Done,
    /// It runs what it ran before.
    Reverted {
        /// Why.
        reason: String,
    },
    /// The hub has not heard of it in time; its agent takes the image back by itself.
    Lost,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Time has passed, or the hub has started.
    Tick,
    /// A cluster's session has opened, or says what it runs.
    Running {
        /// The cluster.
        cluster: Uuid,
        /// The image of its agent.
        image: String,
        /// Why it took the image back, where it did: of this upgrade.
        reverted: Option<String>,
    },
    /// A cluster is no longer the hub's.
    Removed(Uuid),
    /// A person stops it: what was begun is finished.
    Stop {
        /// Who.
        by: String,
    },
}

/// What the hub does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask a cluster's agent to change its image.
    Ask(Uuid),
    /// Look again then.
    WakeAt(Timestamp),
}

/// Decides. `connected` has the image of every cluster's agent that is in session now.
pub fn step(
    mut upgrade: Upgrade,
    event: &Event,
    connected: &BTreeMap<Uuid, String>,
    now: Timestamp,
) -> (Upgrade, Vec<Action>) {
    match event {
        Event::Tick => {}
        Event::Running { cluster, image, reverted } => upgrade.runs(*cluster, image, reverted.as_deref()),
        Event::Removed(cluster) => drop(upgrade.clusters.remove(cluster)),
        Event::Stop { by } => upgrade.stop(format!("stopped by {by}")),
    }
    upgrade.give_up_late(now);
    let mut actions = upgrade.begin(connected, now);
    let due = upgrade.clusters.values().filter_map(|stage| match stage {
        Stage::Asked { at, .. } => Some(*at + PATIENCE),
        _ => None,
    });
    actions.extend(due.min().map(Action::WakeAt));
    (upgrade, actions)
}

// === impl Upgrade ===

impl Upgrade {
    /// Whether nothing more happens by itself: no cluster is asked, and none will be.
    pub fn is_over(&self) -> bool {
        let waits = |stage: &Stage| match stage {
            Stage::Asked { .. } => true,
            Stage::Waiting => self.stopped.is_none(),
            Stage::Done | Stage::Reverted { .. } | Stage::Lost => false,
        };
        !self.clusters.values().any(waits)
    }

    fn stop(&mut self, why: String) {
        self.stopped.get_or_insert(why);
    }

    fn runs(&mut self, cluster: Uuid, image: &str, reverted: Option<&str>) {
        let Some(stage) = self.clusters.get_mut(&cluster) else { return };
        // One that was given up may come back late, either way.
        if !matches!(stage, Stage::Asked { .. } | Stage::Lost) {
            return;
        }
        if let Some(reason) = reverted {
            *stage = Stage::Reverted { reason: reason.to_owned() };
            self.stop(format!("the new agent of a cluster did not come back, and the image was taken back: {reason}"));
        } else if image == self.image {
            *stage = Stage::Done;
        }
    }

    fn give_up_late(&mut self, now: Timestamp) {
        let mut lost = false;
        for stage in self.clusters.values_mut() {
            if matches!(stage, Stage::Asked { at, .. } if now >= *at + PATIENCE) {
                (*stage, lost) = (Stage::Lost, true);
            }
        }
        if lost {
            self.stop(format!("a cluster's agent did not come back within {} s", PATIENCE.as_secs()));
        }
    }

    /// The first one goes alone: an image that does not work costs one cluster.
    fn begin(&mut self, connected: &BTreeMap<Uuid, String>, now: Timestamp) -> Vec<Action> {
        if self.stopped.is_some() {
            return Vec::new();
        }
        let count = |wanted: fn(&Stage) -> bool| self.clusters.values().filter(|stage| wanted(stage)).count();
        let has_proof = count(|stage| *stage == Stage::Done) > 0;
        let most = if has_proof { usize::try_from(self.max_parallel.max(1)).unwrap_or(1) } else { 1 };
        let mut free = most.saturating_sub(count(|stage| matches!(stage, Stage::Asked { .. })));
        let mut actions = Vec::new();
        for (cluster, stage) in &mut self.clusters {
            let (Stage::Waiting, Some(before)) = (&*stage, connected.get(cluster)) else { continue };
            if *before == self.image {
                *stage = Stage::Done;
            } else if free > 0 {
                *stage = Stage::Asked { at: now, before: before.clone() };
                actions.push(Action::Ask(*cluster));
                free -= 1;
            }
        }
        actions
    }
}
