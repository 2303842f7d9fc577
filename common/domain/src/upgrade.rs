//! Upgrading the agents of a fleet: one first, then so many at a time, watched, and taken back where the new agent does not come back.
//!
//! [`step`] is the hub's part: which clusters are asked, and when no further one is begun. [`own`] is the agent's part: it changes the image of its own
//! Deployment, and whichever agent runs afterwards, the old or the new, takes it back when the new one was not in sync in time. Nothing is between the two
//! but a question that is asked again and again, so that either may die at any moment.

pub mod own;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;
use own::{Answer, Progress};

/// How long a cluster's new agent has to be in sync, unless somebody says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// The least and the most that somebody may say.
pub const PATIENCE_LIMITS: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(3600));
/// How much longer the hub waits than the agents, to hear of what they took back.
const GRACE: Duration = Duration::from_secs(90);
/// The most clusters of one upgrade.
pub const MOST_CLUSTERS: usize = 10_000;
/// Names in one sentence.
const NAMED: usize = 5;

/// What is wanted, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upgrade {
    /// Random.
    pub id: Uuid,
    /// What agents should run.
    pub to: Wanted,
    /// So many clusters at a time; at least 1.
    pub max_unavailable: u32,
    /// How long a new agent has to be in sync, in seconds.
    pub patience_seconds: u32,
    /// Who wants it.
    pub by: String,
    /// Since when.
    pub started_at: Timestamp,
    /// Every cluster that it is about, in the order of their turns.
    pub clusters: Vec<Entry>,
    /// Why no further cluster is begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// What an agent should run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wanted {
    /// This image, whole.
    Image(String),
    /// Another tag of the image that it runs.
    Version(String),
}

/// One cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its uid.
    pub cluster: Uuid,
    /// Its name.
    pub name: String,
    /// Where it is.
    #[serde(flatten)]
    pub stage: Stage,
}

/// Where a cluster is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "stage")]
pub enum Stage {
    /// Its turn has not come, or it has no session: an agent that is away is not asked.
    Waiting,
    /// Its agent was asked.
    Asked {
        /// When.
        at: Timestamp,
        /// The image that it had, once it said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
        /// What it said last.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        message: String,
    },
    /// The new agent is in session, and its facts were verified afterwards.
    Done {
        /// Since when.
        at: Timestamp,
        /// What it runs.
        image: String,
    },
    /// It runs what it ran before: the new agent did not come to be in sync.
    Reverted {
        /// Why.
        reason: String,
    },
    /// It cannot be upgraded from the hub; nothing was changed.
    NotPossible {
        /// Why, and what to do instead.
        reason: String,
    },
    /// The hub has not heard of it in time; its agent takes the image back by itself.
    Lost {
        /// What is known.
        reason: String,
    },
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Time has passed, or the hub has started.
    Tick,
    /// A cluster's agent answered.
    Answered {
        /// The cluster.
        cluster: Uuid,
        /// Its answer.
        answer: Answer,
    },
    /// A cluster's agent will never answer this.
    Refused {
        /// The cluster.
        cluster: Uuid,
        /// Its words.
        reason: String,
    },
    /// A person stops it: what was begun is finished.
    Stop {
        /// For people.
        reason: String,
    },
}

/// What the hub knows of a cluster now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether it has a session.
    pub connected: bool,
    /// When its facts were verified last.
    pub verified_at: Option<Timestamp>,
}

/// Decides. Who must be asked now is [`Upgrade::due`]. `fleet` has every cluster that there is: one that it lacks was removed.
pub fn step(mut upgrade: Upgrade, event: &Event, fleet: &BTreeMap<Uuid, Standing>, now: Timestamp) -> Upgrade {
    upgrade.clusters.retain(|entry| fleet.contains_key(&entry.cluster));
    match event {
        Event::Tick => {}
        Event::Answered { cluster, answer } => upgrade.answered(*cluster, answer, fleet, now),
        Event::Refused { cluster, reason } => upgrade.set(*cluster, Stage::NotPossible { reason: reason.clone() }),
        Event::Stop { reason } => upgrade.stop(reason.clone()),
    }
    upgrade.give_up_late(now);
    upgrade.begin(fleet, now);
    upgrade
}

// === impl Upgrade ===

impl Upgrade {
    /// Whether nothing more happens by itself: no cluster is asked, and none will be.
    pub fn is_over(&self) -> bool {
        let waits = |entry: &Entry| match entry.stage {
            Stage::Asked { .. } => true,
            Stage::Waiting => self.stopped.is_none(),
            _ => false,
        };
        !self.clusters.iter().any(waits)
    }

    /// Whether some cluster's agent is changed right now.
    pub fn is_under_way(&self) -> bool {
        self.clusters.iter().any(|entry| matches!(entry.stage, Stage::Asked { .. }))
    }

    /// The clusters whose agents must be asked, as often as one likes: those that were given up too, for they may have something to say.
    pub fn due(&self, fleet: &BTreeMap<Uuid, Standing>) -> Vec<Uuid> {
        let wanted = |entry: &&Entry| matches!(entry.stage, Stage::Asked { .. } | Stage::Lost { .. });
        let connected = |entry: &&Entry| fleet.get(&entry.cluster).is_some_and(|standing| standing.connected);
        self.clusters.iter().filter(wanted).filter(connected).map(|entry| entry.cluster).collect()
    }

    /// Where a cluster is; `None` where the upgrade is not about it.
    pub fn stage(&self, cluster: Uuid) -> Option<&Stage> {
        self.clusters.iter().find(|entry| entry.cluster == cluster).map(|entry| &entry.stage)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.patience_seconds))
    }

    fn set(&mut self, cluster: Uuid, stage: Stage) {
        let asked = |entry: &&mut Entry| {
            entry.cluster == cluster && matches!(entry.stage, Stage::Asked { .. } | Stage::Lost { .. })
        };
        if let Some(entry) = self.clusters.iter_mut().find(asked) {
            entry.stage = stage;
        }
    }

    fn stop(&mut self, why: String) {
        self.stopped.get_or_insert(why);
    }

    /// Which cluster, what, and what was left untouched.
    fn stop_for(&mut self, cluster: &str, what: &str) {
        let waiting = || self.clusters.iter().filter(|entry| entry.stage == Stage::Waiting);
        let names: Vec<&str> = waiting().take(NAMED).map(|entry| entry.name.as_str()).collect();
        let left = match waiting().count() {
            0 => "no other cluster was waiting".to_owned(),
            count if count > names.len() => {
                format!("not touched: {} and {} more", names.join(", "), count - names.len())
            }
            _ => format!("not touched: {}", names.join(", ")),
        };
        self.stop(format!("cluster {cluster}: {what}; {left}"));
    }

    fn answered(&mut self, cluster: Uuid, answer: &Answer, fleet: &BTreeMap<Uuid, Standing>, now: Timestamp) {
        let Some(entry) = self.clusters.iter_mut().find(|entry| entry.cluster == cluster) else { return };
        let (at, begun) = match &mut entry.stage {
            Stage::Asked { at, before, message } => {
                message.clone_from(&answer.message);
                if answer.progress == Progress::UnderWay && before.is_none() {
                    *before = Some(answer.before.clone());
                }
                (*at, before.is_some())
            }
            // One that was given up may come back late, either way.
            Stage::Lost { .. } => (Timestamp::MIN, false),
            _ => return,
        };
        let verified =
            fleet.get(&cluster).and_then(|standing| standing.verified_at).is_some_and(|verified| verified > at);
        let name = entry.name.clone();
        match &answer.progress {
            Progress::UnderWay => {}
            Progress::There if begun && !verified => {}
            Progress::There => entry.stage = Stage::Done { at: now, image: answer.image.clone() },
            Progress::Reverted => {
                entry.stage = Stage::Reverted { reason: answer.message.clone() };
                self.stop_for(&name, &format!("the image was taken back to {}: {}", answer.image, answer.message));
            }
            Progress::Impossible => entry.stage = Stage::NotPossible { reason: answer.message.clone() },
        }
    }

    fn give_up_late(&mut self, now: Timestamp) {
        let limit = self.patience() + GRACE;
        let mut lost = Vec::new();
        for entry in &mut self.clusters {
            if let Stage::Asked { at, message, .. } = &entry.stage
                && now >= *at + limit
            {
                let said = if message.is_empty() { "nothing".to_owned() } else { format!("`{message}`") };
                let reason = format!(
                    "its new agent was not verified within {} s, and the last that it said was {said}; an agent that runs there takes the image back by itself",
                    limit.as_secs()
                );
                entry.stage = Stage::Lost { reason: reason.clone() };
                lost.push((entry.name.clone(), reason));
            }
        }
        for (name, reason) in lost {
            self.stop_for(&name, &reason);
        }
    }

    /// The first one goes alone: an image that does not work costs one cluster.
    fn begin(&mut self, fleet: &BTreeMap<Uuid, Standing>, now: Timestamp) {
        if self.stopped.is_some() {
            return;
        }
        let has_proof = self.clusters.iter().any(|entry| matches!(entry.stage, Stage::Done { .. }));
        let most = if has_proof { usize::try_from(self.max_unavailable.max(1)).unwrap_or(1) } else { 1 };
        let busy = self.clusters.iter().filter(|entry| matches!(entry.stage, Stage::Asked { .. })).count();
        let ready = |entry: &&mut Entry| {
            entry.stage == Stage::Waiting && fleet.get(&entry.cluster).is_some_and(|standing| standing.connected)
        };
        for entry in self.clusters.iter_mut().filter(ready).take(most.saturating_sub(busy)) {
            entry.stage = Stage::Asked { at: now, before: None, message: String::new() };
        }
    }
}

// === impl Wanted ===

impl Wanted {
    /// The image that is wanted of an agent that runs `present`.
    ///
    /// # Errors
    /// In words, where `present` has no tag to change.
    pub fn image(&self, present: &str) -> Result<String, String> {
        let version = match self {
            Self::Image(image) => return Ok(image.clone()),
            Self::Version(version) => version,
        };
        if present.contains('@') {
            return Err(format!("its image {present} is pinned by digest: say which one with --image"));
        }
        // A colon before the last slash belongs to the registry's port.
        let name = present.rsplit_once('/').map_or(present, |(_, name)| name);
        let repository = match name.rsplit_once(':') {
            Some((_, tag)) => &present[..present.len() - tag.len() - 1],
            None => present,
        };
        Ok(format!("{repository}:{version}"))
    }
}
