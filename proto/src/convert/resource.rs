//! What names and describes one object of a cluster.

use windlass_domain::health::{Health, HealthStatus};
use windlass_domain::hook::Phase;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::status::{HookResult, ResourceResult, ResourceStatus, ResultCode, SyncStatus};

use super::Invalid;
use super::field::{known, optional, required};
use crate::v1;

impl From<ResourceKey> for v1::ResourceKey {
    fn from(key: ResourceKey) -> Self {
        let ResourceKey { group, kind, namespace, name } = key;
        Self { group, kind, namespace, name }
    }
}

impl TryFrom<v1::ResourceKey> for ResourceKey {
    type Error = Invalid;
    fn try_from(wire: v1::ResourceKey) -> Result<Self, Invalid> {
        let v1::ResourceKey { group, kind, namespace, name } = wire;
        for (field, value) in [("kind", &kind), ("name", &name)] {
            if value.is_empty() {
                return Err(Invalid::new(field, "missing"));
            }
        }
        Ok(Self { group, kind, namespace, name })
    }
}

impl From<SyncStatus> for v1::SyncStatus {
    fn from(status: SyncStatus) -> Self {
        match status {
            SyncStatus::Synced => Self::Synced,
            SyncStatus::OutOfSync => Self::OutOfSync,
            SyncStatus::Unknown => Self::Unknown,
        }
    }
}

pub(super) fn sync_status(field: &str, value: i32) -> Result<SyncStatus, Invalid> {
    known(field, value, |wire| match wire {
        v1::SyncStatus::Unspecified => None,
        v1::SyncStatus::Synced => Some(SyncStatus::Synced),
        v1::SyncStatus::OutOfSync => Some(SyncStatus::OutOfSync),
        v1::SyncStatus::Unknown => Some(SyncStatus::Unknown),
    })
}

impl From<HealthStatus> for v1::HealthStatus {
    fn from(status: HealthStatus) -> Self {
        match status {
            HealthStatus::Healthy => Self::Healthy,
            HealthStatus::Suspended => Self::Suspended,
            HealthStatus::Progressing => Self::Progressing,
            HealthStatus::Missing => Self::Missing,
            HealthStatus::Degraded => Self::Degraded,
            HealthStatus::Unknown => Self::Unknown,
        }
    }
}

pub(super) fn health_status(field: &str, value: i32) -> Result<HealthStatus, Invalid> {
    known(field, value, |wire| match wire {
        v1::HealthStatus::Unspecified => None,
        v1::HealthStatus::Healthy => Some(HealthStatus::Healthy),
        v1::HealthStatus::Suspended => Some(HealthStatus::Suspended),
        v1::HealthStatus::Progressing => Some(HealthStatus::Progressing),
        v1::HealthStatus::Missing => Some(HealthStatus::Missing),
        v1::HealthStatus::Degraded => Some(HealthStatus::Degraded),
        v1::HealthStatus::Unknown => Some(HealthStatus::Unknown),
    })
}

impl From<Health> for v1::Health {
    fn from(health: Health) -> Self {
        Self { status: v1::HealthStatus::from(health.status).into(), message: health.message }
    }
}

impl TryFrom<v1::Health> for Health {
    type Error = Invalid;
    fn try_from(wire: v1::Health) -> Result<Self, Invalid> {
        Ok(Self { status: health_status("status", wire.status)?, message: wire.message })
    }
}

impl From<ResourceStatus> for v1::ResourceStatus {
    fn from(status: ResourceStatus) -> Self {
        Self {
            key: Some(status.key.into()),
            version: status.version,
            sync: v1::SyncStatus::from(status.sync).into(),
            health: status.health.map(Into::into),
            requires_pruning: status.requires_pruning,
            message: status.message,
        }
    }
}

impl TryFrom<v1::ResourceStatus> for ResourceStatus {
    type Error = Invalid;
    fn try_from(wire: v1::ResourceStatus) -> Result<Self, Invalid> {
        Ok(Self {
            key: required("key", wire.key)?,
            version: wire.version,
            sync: sync_status("sync", wire.sync)?,
            health: optional("health", wire.health)?,
            requires_pruning: wire.requires_pruning,
            message: wire.message,
        })
    }
}

impl From<ResultCode> for v1::ResultCode {
    fn from(code: ResultCode) -> Self {
        match code {
            ResultCode::Synced => Self::Synced,
            ResultCode::SyncFailed => Self::SyncFailed,
            ResultCode::Pruned => Self::Pruned,
            ResultCode::PruneSkipped => Self::PruneSkipped,
        }
    }
}

impl From<ResourceResult> for v1::ResourceResult {
    fn from(result: ResourceResult) -> Self {
        let status = v1::ResultCode::from(result.status).into();
        Self { key: Some(result.key.into()), status, message: result.message, hook: result.hook.map(Into::into) }
    }
}

impl TryFrom<v1::ResourceResult> for ResourceResult {
    type Error = Invalid;
    fn try_from(wire: v1::ResourceResult) -> Result<Self, Invalid> {
        let status = known("status", wire.status, |wire| match wire {
            v1::ResultCode::Unspecified => None,
            v1::ResultCode::Synced => Some(ResultCode::Synced),
            v1::ResultCode::SyncFailed => Some(ResultCode::SyncFailed),
            v1::ResultCode::Pruned => Some(ResultCode::Pruned),
            v1::ResultCode::PruneSkipped => Some(ResultCode::PruneSkipped),
        })?;
        let hook = optional("hook", wire.hook)?;
        Ok(Self { key: required("key", wire.key)?, status, message: wire.message, hook })
    }
}

impl From<HookResult> for v1::HookResult {
    fn from(hook: HookResult) -> Self {
        let phase = match hook.phase {
            Phase::PreDelete => v1::HookPhase::PreDelete,
            Phase::PreSync => v1::HookPhase::PreSync,
            Phase::Sync => v1::HookPhase::Sync,
            Phase::PostSync => v1::HookPhase::PostSync,
            Phase::SyncFail => v1::HookPhase::SyncFail,
            Phase::PostDelete => v1::HookPhase::PostDelete,
        };
        Self { phase: phase.into(), outcome: v1::OperationPhase::from(hook.outcome).into() }
    }
}

impl TryFrom<v1::HookResult> for HookResult {
    type Error = Invalid;
    fn try_from(wire: v1::HookResult) -> Result<Self, Invalid> {
        let phase = known("phase", wire.phase, |wire| match wire {
            v1::HookPhase::Unspecified => None,
            v1::HookPhase::PreDelete => Some(Phase::PreDelete),
            v1::HookPhase::PreSync => Some(Phase::PreSync),
            v1::HookPhase::Sync => Some(Phase::Sync),
            v1::HookPhase::PostSync => Some(Phase::PostSync),
            v1::HookPhase::SyncFail => Some(Phase::SyncFail),
            v1::HookPhase::PostDelete => Some(Phase::PostDelete),
        })?;
        Ok(Self { phase, outcome: super::operation::phase("outcome", wire.outcome)? })
    }
}
