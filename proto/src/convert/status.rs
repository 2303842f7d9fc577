//! What is reported of a target.

use windlass_domain::status::{Condition, ConditionKind, Hold, StatusDelta, TargetSummary};
use windlass_domain::time::to_millis;

use super::Invalid;
use super::field::{digest, known, list, optional, required, time, uuid};
use super::resource::{health_status, sync_status};
use crate::v1;

impl From<StatusDelta> for v1::StatusDelta {
    fn from(delta: StatusDelta) -> Self {
        Self {
            application: delta.application.as_bytes().to_vec(),
            summary: Some(delta.summary.into()),
            changed: delta.changed.into_iter().map(Into::into).collect(),
            removed: delta.removed.into_iter().map(Into::into).collect(),
            full: delta.full,
            digest: delta.digest.to_bytes().to_vec(),
        }
    }
}

impl TryFrom<v1::StatusDelta> for StatusDelta {
    type Error = Invalid;
    fn try_from(wire: v1::StatusDelta) -> Result<Self, Invalid> {
        Ok(Self {
            application: uuid("application", &wire.application)?,
            summary: required("summary", wire.summary)?,
            changed: list("changed", wire.changed)?,
            removed: list("removed", wire.removed)?,
            full: wire.full,
            digest: digest("digest", &wire.digest)?,
        })
    }
}

impl From<TargetSummary> for v1::TargetSummary {
    fn from(summary: TargetSummary) -> Self {
        Self {
            sync: v1::SyncStatus::from(summary.sync).into(),
            health: v1::HealthStatus::from(summary.health).into(),
            health_message: summary.health_message,
            revision: summary.revision,
            bundle: summary.bundle.map(|bundle| bundle.to_bytes().to_vec()),
            synced_revision: summary.synced_revision,
            synced_bundle: summary.synced_bundle.map(|bundle| bundle.to_bytes().to_vec()),
            conditions: summary.conditions.into_iter().map(Into::into).collect(),
            hold: summary.hold.map(Into::into),
            operation: summary.operation.map(Into::into),
            removed: summary.removed,
        }
    }
}

impl TryFrom<v1::TargetSummary> for TargetSummary {
    type Error = Invalid;
    fn try_from(wire: v1::TargetSummary) -> Result<Self, Invalid> {
        Ok(Self {
            sync: sync_status("sync", wire.sync)?,
            health: health_status("health", wire.health)?,
            health_message: wire.health_message,
            revision: wire.revision,
            bundle: wire.bundle.map(|bundle| digest("bundle", &bundle)).transpose()?,
            synced_revision: wire.synced_revision,
            synced_bundle: wire.synced_bundle.map(|bundle| digest("synced_bundle", &bundle)).transpose()?,
            conditions: list("conditions", wire.conditions)?,
            hold: optional("hold", wire.hold)?,
            operation: optional("operation", wire.operation)?,
            removed: wire.removed,
        })
    }
}

impl From<ConditionKind> for v1::ConditionKind {
    fn from(kind: ConditionKind) -> Self {
        match kind {
            ConditionKind::InvalidSpecError => Self::InvalidSpecError,
            ConditionKind::ComparisonError => Self::ComparisonError,
            ConditionKind::SyncError => Self::SyncError,
            ConditionKind::DeletionError => Self::DeletionError,
            ConditionKind::SharedResourceWarning => Self::SharedResourceWarning,
            ConditionKind::RepeatedResourceWarning => Self::RepeatedResourceWarning,
            ConditionKind::PruneHeld => Self::PruneHeld,
            ConditionKind::RenderWarning => Self::RenderWarning,
            ConditionKind::StorageError => Self::StorageError,
            ConditionKind::Frozen => Self::Frozen,
            ConditionKind::SourceStale => Self::SourceStale,
            ConditionKind::HistoryRewritten => Self::HistoryRewritten,
            ConditionKind::WritesFrozen => Self::WritesFrozen,
            ConditionKind::HeldAtRevision => Self::HeldAtRevision,
            ConditionKind::DependencyWait => Self::DependencyWait,
            ConditionKind::SyncWindowClosed => Self::SyncWindowClosed,
            ConditionKind::FieldConflict => Self::FieldConflict,
            ConditionKind::ExcludedResourceWarning => Self::ExcludedResourceWarning,
        }
    }
}

fn condition_kind(wire: v1::ConditionKind) -> Option<ConditionKind> {
    Some(match wire {
        v1::ConditionKind::Unspecified => return None,
        v1::ConditionKind::InvalidSpecError => ConditionKind::InvalidSpecError,
        v1::ConditionKind::ComparisonError => ConditionKind::ComparisonError,
        v1::ConditionKind::SyncError => ConditionKind::SyncError,
        v1::ConditionKind::DeletionError => ConditionKind::DeletionError,
        v1::ConditionKind::SharedResourceWarning => ConditionKind::SharedResourceWarning,
        v1::ConditionKind::RepeatedResourceWarning => ConditionKind::RepeatedResourceWarning,
        v1::ConditionKind::PruneHeld => ConditionKind::PruneHeld,
        v1::ConditionKind::RenderWarning => ConditionKind::RenderWarning,
        v1::ConditionKind::StorageError => ConditionKind::StorageError,
        v1::ConditionKind::Frozen => ConditionKind::Frozen,
        v1::ConditionKind::SourceStale => ConditionKind::SourceStale,
        v1::ConditionKind::HistoryRewritten => ConditionKind::HistoryRewritten,
        v1::ConditionKind::WritesFrozen => ConditionKind::WritesFrozen,
        v1::ConditionKind::HeldAtRevision => ConditionKind::HeldAtRevision,
        v1::ConditionKind::DependencyWait => ConditionKind::DependencyWait,
        v1::ConditionKind::SyncWindowClosed => ConditionKind::SyncWindowClosed,
        v1::ConditionKind::FieldConflict => ConditionKind::FieldConflict,
        v1::ConditionKind::ExcludedResourceWarning => ConditionKind::ExcludedResourceWarning,
    })
}

impl From<Condition> for v1::Condition {
    fn from(condition: Condition) -> Self {
        let kind = v1::ConditionKind::from(condition.kind).into();
        Self { kind, message: condition.message, since_ms: to_millis(condition.since) }
    }
}

impl TryFrom<v1::Condition> for Condition {
    type Error = Invalid;
    fn try_from(wire: v1::Condition) -> Result<Self, Invalid> {
        let kind = known("kind", wire.kind, condition_kind)?;
        Ok(Self { kind, message: wire.message, since: time("since_ms", wire.since_ms)? })
    }
}

impl From<Hold> for v1::Hold {
    fn from(hold: Hold) -> Self {
        Self {
            reason: hold.reason,
            set: hold.set.to_bytes().to_vec(),
            count: hold.count,
            keys: hold.keys.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::Hold> for Hold {
    type Error = Invalid;
    fn try_from(wire: v1::Hold) -> Result<Self, Invalid> {
        Ok(Self {
            reason: wire.reason,
            set: digest("set", &wire.set)?,
            count: wire.count,
            keys: list("keys", wire.keys)?,
        })
    }
}
