//! The agent's part: what is written down at its Deployment, and what that means for whichever agent reads it.
//!
//! One conditional write changes image, [`MARKER`] and [`ANNOTATION`] together. The old Pod stays until the new one is ready, and the new one is ready only
//! once it was in sync with the hub; the old one gives it the Lease when it asks, once. Whoever is left when the time is over writes everything back as it
//! was, the Pod template too, so that the Pods of before are kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Wanted;
use crate::time::Timestamp;

/// The annotation of the agent's Deployment that holds a [`Record`], as JSON.
pub const ANNOTATION: &str = "windlass.dev/agent-upgrade";
/// The environment variable by which an agent knows that it is the new one: it holds the upgrade's id.
pub const MARKER: &str = "WINDLASS_AGENT_UPGRADE";

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
    /// The [`MARKER`] of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// When it was changed.
    pub at: Timestamp,
    /// Until when the new agent must have been in sync.
    pub until: Timestamp,
    /// The new replica that was given the Lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_to: Option<String>,
    /// Why it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverted: Option<String>,
}

/// A request of the hub, the same as often as it likes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The hub's upgrade.
    pub id: Uuid,
    /// What is wanted.
    pub to: Wanted,
    /// How long the new agent has to be in sync.
    pub patience_seconds: u32,
}

/// What an agent says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// How far it is.
    pub progress: Progress,
    /// The image that the Deployment names.
    #[serde(default)]
    pub image: String,
    /// The one that it named before.
    #[serde(default)]
    pub before: String,
    /// For people; why, where it failed.
    #[serde(default)]
    pub message: String,
}

/// How far an upgrade of one cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Progress {
    /// The new agent is on its way.
    UnderWay,
    /// The agent that answers runs what is wanted.
    There,
    /// It was taken back.
    Reverted,
    /// It was not begun, and cannot be.
    Impossible,
}

/// What an agent sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The image that its Deployment names now.
    pub image: String,
    /// The [`MARKER`] that its Deployment has now.
    pub marker: Option<String>,
    /// What is written beside it.
    pub record: Option<Record>,
    /// The [`MARKER`] of this process.
    pub mine: Option<String>,
    /// Whether this process holds the Lease.
    pub leads: bool,
    /// Whether this process was in sync with the hub.
    pub in_sync: bool,
}

/// What an agent does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing; look again then, where a time is given.
    Wait(Option<Timestamp>),
    /// Change what the Deployment says, in one write on the version that was seen.
    Change(Change),
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Another Pod template; `None` leaves it.
    pub template: Option<Template>,
    /// The annotation; `None` removes it.
    pub record: Option<Record>,
}

/// The part of the Pod template that an upgrade changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The image.
    pub image: String,
    /// The [`MARKER`]; `None` removes it.
    pub marker: Option<String>,
}

// === impl Seen ===

impl Seen {
    /// The upgrade that was neither finished nor taken back.
    pub fn live(&self) -> Option<&Record> {
        self.record.as_ref().filter(|record| record.reverted.is_none())
    }

    /// Whether this process is the new agent, not proven yet.
    pub fn is_on_trial(&self) -> bool {
        self.live().is_some_and(|record| self.mine.as_deref() == Some(&record.id.to_string()))
    }

    /// What to write before the Lease is given to the new replica that asks for it; `None` where it is not given.
    pub fn hand_over_to(&self, replica: &str) -> Option<Change> {
        let record = self.live().filter(|record| self.leads && !self.is_on_trial() && record.handed_to.is_none())?;
        let record = Record { handed_to: Some(replica.to_owned()), ..record.clone() };
        Some(Change { template: None, record: Some(record) })
    }
}

/// Decides about the upgrade that is written down. Every change is one conditional write, so that two agents that decide at once change it once.
pub fn decide(seen: &Seen, now: Timestamp) -> Action {
    let Some(record) = seen.live() else { return Action::Wait(None) };
    // Somebody else has changed the image meanwhile: that is their word.
    if seen.image != record.to || seen.marker.as_deref() != Some(&record.id.to_string()) {
        return Action::Change(Change { template: None, record: None });
    }
    if seen.is_on_trial() && seen.in_sync {
        return Action::Change(Change { template: None, record: None });
    }
    let given = record.handed_to.is_some() && seen.leads && !seen.is_on_trial();
    let reason = if given {
        "the new agent had its turn, and ended before it was in sync with the hub".to_owned()
    } else if now >= record.until {
        let patience = record.until.duration_since(record.at).as_secs();
        format!("no agent of image {} was in sync with the hub within {patience} s", record.to)
    } else {
        return Action::Wait(Some(record.until));
    };
    Action::Change(Change {
        template: Some(Template { image: record.from.clone(), marker: record.marker.clone() }),
        record: Some(Record { reverted: Some(reason), ..record.clone() }),
    })
}

/// What a request means: an answer, or a change after which it is asked again.
pub fn asked(seen: &Seen, request: &Request, now: Timestamp) -> Result<Change, Answer> {
    let answer = |progress, message: String| {
        let before = seen.record.as_ref().map_or(&seen.image, |record| &record.from).clone();
        Answer { progress, image: seen.image.clone(), before, message }
    };
    if let Some(record) = seen.record.as_ref().filter(|record| record.id == request.id) {
        return Err(match &record.reverted {
            Some(reason) => answer(Progress::Reverted, reason.clone()),
            None => answer(Progress::UnderWay, words(record)),
        });
    }
    let under_way = seen.live().map(|record| format!("its agent is being upgraded to {} already", record.to));
    // Finished: this very process is the new one, and what says so is gone.
    if seen.mine.as_deref() == Some(&request.id.to_string()) && under_way.is_none() {
        return Err(answer(Progress::There, String::new()));
    }
    let image = match request.to.image(&seen.image) {
        Ok(image) => image,
        Err(reason) => return Err(answer(Progress::Impossible, reason)),
    };
    if let Some(words) = under_way {
        return Err(answer(Progress::UnderWay, words));
    }
    if image == seen.image {
        return Err(answer(Progress::There, "it had the image already".into()));
    }
    let record = Record {
        id: request.id,
        from: seen.image.clone(),
        to: image.clone(),
        marker: seen.marker.clone(),
        at: now,
        until: now + Duration::from_secs(u64::from(request.patience_seconds)),
        handed_to: None,
        reverted: None,
    };
    let template = Template { image, marker: Some(request.id.to_string()) };
    Ok(Change { template: Some(template), record: Some(record) })
}

fn words(record: &Record) -> String {
    match &record.handed_to {
        None => format!("the Pod of {} has not come so far that it takes over", record.to),
        Some(replica) => format!("Pod {replica} of {} takes over", record.to),
    }
}
