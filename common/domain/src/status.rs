//! What is reported: per object, per target, and rolled up per application.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::digest::Digest;
use crate::health::{Health, HealthStatus};
use crate::hook::Phase;
use crate::manifest::{ResourceKey, canonical_bytes_of};
use crate::time::Timestamp;

/// Whether live is what git says. Argo CD's strings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SyncStatus {
    /// Every object is as git says.
    Synced,
    /// At least one differs, is missing, or should be gone.
    OutOfSync,
    /// It cannot be said; a condition names why.
    #[default]
    Unknown,
}

/// One object of a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceStatus {
    /// The object.
    pub key: ResourceKey,
    /// Version in which it is managed, without the group.
    pub version: String,
    /// Whether it is as git says.
    pub sync: SyncStatus,
    /// Its health; `None` for kinds that have no check.
    pub health: Option<Health>,
    /// It left git and would be deleted by a sync that prunes.
    pub requires_pruning: bool,
    /// Why it is as it is, in one sentence; empty when there is nothing to say.
    pub message: String,
}

/// A named circumstance. Argo CD's condition types, and ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Which.
    #[serde(rename = "type")]
    pub kind: ConditionKind,
    /// The thing, the cause and the next step.
    pub message: String,
    /// Since when.
    #[serde(rename = "lastTransitionTime")]
    pub since: Timestamp,
}

/// Condition types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConditionKind {
    /// The application's spec cannot be acted on.
    InvalidSpecError,
    /// Desired state could not be made or compared; the last good one stays.
    ComparisonError,
    /// A sync failed.
    SyncError,
    /// A removal failed.
    DeletionError,
    /// An object belongs to another application, hub or tool, and was left alone.
    SharedResourceWarning,
    /// The source has one object several times; the last one counts.
    RepeatedResourceWarning,
    /// An object that its project does not permit is left as it is; Argo CD's word.
    ExcludedResourceWarning,
    /// Deletions wait for a person.
    PruneHeld,
    /// A render said something worth knowing.
    RenderWarning,
    /// The agent could not keep its own copy.
    StorageError,
    /// The hub no longer lists this target; it is left as it is.
    Frozen,
    /// A source could not be refreshed; what is shown is from its last commit.
    SourceStale,
    /// A branch or tag no longer leads over the commit that was deployed; its new tip is followed.
    HistoryRewritten,
    /// A person stopped all writes.
    WritesFrozen,
    /// The application is held at a commit, whatever git says, until it is resumed.
    HeldAtRevision,
    /// An application that this one depends on is not ready; newer bundles wait.
    DependencyWait,
    /// A sync window is closed; what is due waits for it.
    SyncWindowClosed,
    /// Somebody else keeps writing what git says otherwise; the corrections slow down.
    FieldConflict,
}

/// Deletions that wait for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// Which rule held them.
    pub reason: String,
    /// Digest of the sorted (key, uid) set, which an approval must name.
    pub set: Digest,
    /// How many objects.
    pub count: u64,
    /// The first hundred of them.
    pub keys: Vec<ResourceKey>,
}

/// Where an operation is: Argo CD's phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationPhase {
    /// At work, or waiting for a retry.
    Running,
    /// Asked to stop; what was begun is finished.
    Terminating,
    /// At least one object failed.
    Failed,
    /// It could not be carried out at all.
    Error,
    /// Done.
    Succeeded,
}

/// How an operation stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationState {
    /// Its id.
    pub id: Uuid,
    /// Who or what started it.
    pub by: String,
    /// Argo CD's phase.
    pub phase: OperationPhase,
    /// What it did or waits for, in one sentence.
    pub message: String,
    /// The commit it synced to.
    pub revision: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Objects it touched, with what came of it.
    pub results: Vec<ResourceResult>,
}

/// What an operation did to one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceResult {
    /// The object.
    pub key: ResourceKey,
    /// Argo CD's result strings.
    pub status: ResultCode,
    /// The server's words, or ours.
    pub message: String,
    /// Of a hook: when it ran, and what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookResult>,
}

/// How a hook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookResult {
    /// When it runs.
    pub phase: Phase,
    /// What came of it.
    pub outcome: OperationPhase,
}

/// Argo CD's result codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResultCode {
    /// Applied.
    Synced,
    /// Refused or failed.
    SyncFailed,
    /// Deleted.
    Pruned,
    /// Would be deleted, and was not.
    PruneSkipped,
}

/// Everything an agent reports of one target. Newest value counts; it holds no clock of its own, so that equal states have equal digests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetReport {
    /// The application's uid.
    pub application: Uuid,
    /// The numbers.
    pub summary: TargetSummary,
    /// Its objects, by key ascending.
    pub resources: BTreeMap<String, ResourceStatus>,
}

/// The small part of a report, rewritten at every change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetSummary {
    /// Whether live is what git says.
    pub sync: SyncStatus,
    /// The worst health of its objects.
    pub health: HealthStatus,
    /// Why, when it is not healthy: the worst object's words.
    pub health_message: String,
    /// The commit that live is compared with.
    pub revision: String,
    /// The bundle that live is compared with; `None` before the first is complete.
    pub bundle: Option<Digest>,
    /// The commit of the last operation that began.
    pub synced_revision: Option<String>,
    /// The bundle of the last operation that began.
    pub synced_bundle: Option<Digest>,
    /// Circumstances.
    pub conditions: Vec<Condition>,
    /// Deletions that wait.
    pub hold: Option<Hold>,
    /// The running or last operation.
    pub operation: Option<OperationState>,
    /// Set when a removal is finished: the hub may drop the row.
    pub removed: bool,
}

/// The step from one report of a target to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusDelta {
    /// The application's uid.
    pub application: Uuid,
    /// The numbers.
    pub summary: TargetSummary,
    /// Objects that are new or changed; every object, when `full`.
    pub changed: Vec<ResourceStatus>,
    /// Objects that are no longer the target's.
    pub removed: Vec<ResourceKey>,
    /// Whether `changed` is the whole list.
    pub full: bool,
    /// Digest of the whole report after it.
    pub digest: Digest,
}

/// What a status is worth: proof is a digest comparison that was answered, and live watches. No heartbeat makes a dead apiserver look alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Freshness {
    /// Sending time of the last comparison that was answered.
    pub verified_at: Option<Timestamp>,
    /// Whether the cluster's session is up.
    pub connected: bool,
    /// Whether the facts may be shown as current.
    pub stale: bool,
}

// === impl TargetSummary ===

impl TargetSummary {
    /// How a target is, and nothing else said of it.
    pub fn of(sync: SyncStatus, health: HealthStatus) -> Self {
        Self {
            sync,
            health,
            health_message: String::new(),
            revision: String::new(),
            bundle: None,
            synced_revision: None,
            synced_bundle: None,
            conditions: Vec::new(),
            hold: None,
            operation: None,
            removed: false,
        }
    }
}

// === impl TargetReport ===

impl TargetReport {
    /// Digest of everything in it.
    pub fn digest(&self) -> Digest {
        Digest::of(&canonical_bytes_of(self))
    }

    /// What to send when `last` was the last thing sent. The results of an operation are only in the step that changes its id or phase: no results of one that
    /// is over mean that they are as they were said.
    pub fn delta_from(&self, last: Option<&Self>) -> StatusDelta {
        let mut delta = StatusDelta {
            application: self.application,
            summary: self.summary.clone(),
            changed: Vec::new(),
            removed: Vec::new(),
            full: last.is_none(),
            digest: self.digest(),
        };
        if let Some(operation) = &mut delta.summary.operation
            && let Some(said) = last.and_then(|last| last.summary.operation.as_ref())
            && (said.id, said.phase, &said.results) == (operation.id, operation.phase, &operation.results)
        {
            operation.results.clear();
        }
        let empty = BTreeMap::new();
        let before = last.map_or(&empty, |last| &last.resources);
        delta.changed.extend(self.resources.iter().filter(|(k, v)| before.get(*k) != Some(v)).map(|(_, v)| v.clone()));
        delta
            .removed
            .extend(before.iter().filter(|(k, _)| !self.resources.contains_key(*k)).map(|(_, v)| v.key.clone()));
        delta
    }
}

/// Digest of everything an agent reported: (application, digest of its report), by application. The hub keeps the parts, not the whole.
pub fn reported_digest<'a>(reports: impl IntoIterator<Item = (&'a Uuid, &'a Digest)>) -> Digest {
    let mut bytes = Vec::new();
    for (application, digest) in reports {
        bytes.extend_from_slice(application.as_bytes());
        bytes.extend_from_slice(&digest.to_bytes());
    }
    Digest::of(&bytes)
}

/// The most bytes of one message. The cluster's words can quote whole objects, and one application must not fill everybody's session.
pub const MAX_MESSAGE_BYTES: usize = 1024;

/// Cuts a message at [`MAX_MESSAGE_BYTES`], between characters.
pub fn cut(message: &mut String) {
    cut_at(message, MAX_MESSAGE_BYTES);
}

/// Cuts a message at `most` bytes, between characters; the last one is then an ellipsis.
pub fn cut_at(message: &mut String, most: usize) {
    if message.len() > most {
        let end = (0..=most.saturating_sub(4)).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
}

/// One application's status over its targets: the worst sync status and the worst health; `Unknown` when it has no target that reported.
pub fn roll_up(targets: &[(SyncStatus, HealthStatus)]) -> (SyncStatus, HealthStatus) {
    let sync = targets.iter().map(|(sync, _)| *sync).max().unwrap_or(SyncStatus::Unknown);
    let health = targets.iter().map(|(_, health)| *health).max().unwrap_or(HealthStatus::Unknown);
    (sync, health)
}

impl Freshness {
    /// How long a verified state may be shown as current once the session is gone: keepalive 20 s, timeout 10 s, and a reconnect at once.
    pub const GRACE_SECONDS: i64 = 45;

    /// The freshness of facts verified at `verified_at`, at `now`.
    pub fn at(verified_at: Option<Timestamp>, connected: bool, now: Timestamp) -> Self {
        let age = verified_at.map(|at| now.duration_since(at).as_secs());
        // The comparison runs every minute; three missed ones and the facts are no longer called current even while a session is up.
        let limit = if connected { 180 } else { Self::GRACE_SECONDS };
        Self { verified_at, connected, stale: age.is_none_or(|age| age > limit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_between_characters() {
        let mut message = "é".repeat(MAX_MESSAGE_BYTES);
        cut(&mut message);
        assert!(message.len() <= MAX_MESSAGE_BYTES && message.ends_with("é…"));
        let mut short = "fine".to_owned();
        cut(&mut short);
        assert_eq!(short, "fine");
    }

    #[test]
    fn results_are_said_once() {
        let result = ResourceResult {
            key: ResourceKey { group: String::new(), kind: "A".into(), namespace: String::new(), name: "b".into() },
            status: ResultCode::Synced,
            message: "applied".into(),
            hook: None,
        };
        let operation = |phase, results| OperationState {
            id: Uuid::nil(),
            by: "ann".into(),
            phase,
            message: String::new(),
            revision: String::new(),
            started_at: crate::time::from_millis(0),
            finished_at: None,
            results,
        };
        let report = |operation| TargetReport {
            application: Uuid::nil(),
            summary: TargetSummary {
                operation: Some(operation),
                ..TargetSummary::of(SyncStatus::Synced, HealthStatus::Healthy)
            },
            resources: BTreeMap::new(),
        };
        let running = report(operation(OperationPhase::Running, vec![]));
        let ended = report(operation(OperationPhase::Succeeded, vec![result]));
        let said = |delta: StatusDelta| delta.summary.operation.map(|op| op.results.len());
        assert_eq!(said(ended.delta_from(Some(&running))), Some(1));
        assert_eq!(said(ended.delta_from(Some(&ended))), Some(0));
        assert_eq!(said(ended.delta_from(None)), Some(1), "a hub that asks again is told everything");
        assert_eq!(ended.delta_from(Some(&ended)).digest, ended.digest());
    }
}
