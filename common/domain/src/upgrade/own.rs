//! The agent's part: what is written down beside its Deployment's image, and what that means for whichever agent reads it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

/// How long a new agent has for its first session before the image is taken back.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// The annotation of the agent's Deployment that holds a [`Record`], as JSON.
pub const ANNOTATION: &str = "windlass.dev/agent-upgrade";

/// An upgrade of this agent's own Deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The hub's upgrade.
    pub id: Uuid,
    /// The image of before.
    pub from: String,
    /// The image that is wanted.
    pub to: String,
    /// When it was changed.
    pub at: Timestamp,
    /// Why it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverted: Option<String>,
}

/// A request of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The hub's upgrade.
    pub id: Uuid,
    /// The image.
    pub image: String,
}

/// What an agent sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The image that its Deployment names now.
    pub image: String,
    /// What is written beside it.
    pub record: Option<Record>,
    /// What the hub wants; only while in session.
    pub wanted: Option<Wanted>,
    /// Whether this process runs the image that is wanted, and is in session.
    pub proven: bool,
}

/// What an agent does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing; look again then, where a time is given.
    Wait(Option<Timestamp>),
    /// Change image and annotation in one write.
    Change {
        /// The image.
        image: String,
        /// The annotation; `None` removes it.
        record: Option<Record>,
    },
}

/// Decides. Every step is one conditional write, so that two agents that decide at once change it once.
pub fn decide(seen: &Seen, now: Timestamp) -> Action {
    match (&seen.record, &seen.wanted) {
        (Some(record), _) if record.reverted.is_none() => under_way(seen, record, now),
        // What was taken back is not tried again by the same request.
        (Some(record), Some(wanted)) if record.id == wanted.id => Action::Wait(None),
        (_, Some(wanted)) if wanted.image != seen.image => Action::Change {
            image: wanted.image.clone(),
            record: Some(Record {
                id: wanted.id,
                from: seen.image.clone(),
                to: wanted.image.clone(),
                at: now,
                reverted: None,
            }),
        },
        _ => Action::Wait(None),
    }
}

fn under_way(seen: &Seen, record: &Record, now: Timestamp) -> Action {
    // Somebody else has changed the image meanwhile: that is their word.
    if seen.image != record.to || seen.proven {
        return Action::Change { image: seen.image.clone(), record: None };
    }
    let due = record.at + PATIENCE;
    if now < due {
        return Action::Wait(Some(due));
    }
    let reason = format!("no agent of image {} was in session within {} s", record.to, PATIENCE.as_secs());
    Action::Change { image: record.from.clone(), record: Some(Record { reverted: Some(reason), ..record.clone() }) }
}
