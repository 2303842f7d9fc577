//! Operations: as they are asked for, and as they stand.

use windlass_domain::operation::OperationPhase;
use windlass_domain::status::OperationState;
use windlass_domain::target::{OperationOptions, OperationRequest, Retry, Selector};
use windlass_domain::time::to_millis;

use super::Invalid;
use super::field::{digest, known, list, optional, time, uuid};
use crate::v1;

impl From<OperationRequest> for v1::OperationRequest {
    fn from(request: OperationRequest) -> Self {
        Self {
            id: request.id.as_bytes().to_vec(),
            bundle: request.bundle.to_bytes().to_vec(),
            prune: request.prune,
            by: request.by,
            requested_at_ms: to_millis(request.requested_at),
            deadline_ms: to_millis(request.deadline),
            terminate: request.terminate,
            options: (!request.options.is_default()).then(|| request.options.into()),
        }
    }
}

impl TryFrom<v1::OperationRequest> for OperationRequest {
    type Error = Invalid;
    fn try_from(wire: v1::OperationRequest) -> Result<Self, Invalid> {
        Ok(Self {
            id: uuid("id", &wire.id)?,
            bundle: digest("bundle", &wire.bundle)?,
            prune: wire.prune,
            by: wire.by,
            requested_at: time("requested_at_ms", wire.requested_at_ms)?,
            deadline: time("deadline_ms", wire.deadline_ms)?,
            terminate: wire.terminate,
            options: optional("options", wire.options)?.unwrap_or_default(),
        })
    }
}

impl From<OperationOptions> for v1::OperationOptions {
    fn from(options: OperationOptions) -> Self {
        Self {
            resources: options.resources.into_iter().map(Into::into).collect(),
            dry_run: options.dry_run,
            apply_only: options.apply_only,
            replace: options.replace,
            force: options.force,
            apply_out_of_sync_only: options.apply_out_of_sync_only,
            skip_validation: options.skip_validation,
            retry: options.retry.map(Into::into),
            timeout_seconds: options.timeout_seconds,
            settings: options.settings.map(|digest| digest.to_bytes().to_vec()),
            info: options.info.into_iter().map(|(name, value)| v1::Info { name, value }).collect(),
            pinned: options.pinned,
        }
    }
}

impl TryFrom<v1::OperationOptions> for OperationOptions {
    type Error = Invalid;
    fn try_from(wire: v1::OperationOptions) -> Result<Self, Invalid> {
        Ok(Self {
            resources: wire.resources.into_iter().map(Into::into).collect(),
            dry_run: wire.dry_run,
            apply_only: wire.apply_only,
            replace: wire.replace,
            force: wire.force,
            apply_out_of_sync_only: wire.apply_out_of_sync_only,
            skip_validation: wire.skip_validation,
            retry: wire.retry.map(Into::into),
            timeout_seconds: wire.timeout_seconds,
            settings: wire.settings.map(|bytes| digest("settings", &bytes)).transpose()?,
            info: wire.info.into_iter().map(|info| (info.name, info.value)).collect(),
            pinned: wire.pinned,
        })
    }
}

/// Both directions between a domain type and a message of the same fields: one that only one of them has does not compile.
macro_rules! same_fields {
    ($($name:ident { $($field:ident),+ })+) => {$(
        impl From<$name> for v1::$name {
            fn from($name { $($field),+ }: $name) -> Self {
                Self { $($field),+ }
            }
        }

        impl From<v1::$name> for $name {
            fn from(v1::$name { $($field),+ }: v1::$name) -> Self {
                Self { $($field),+ }
            }
        }
    )+};
}

same_fields! {
    Selector { group, kind, namespace, name, exclude }
    Retry { limit, duration_ms, factor, max_ms, refresh }
}

impl From<OperationPhase> for v1::OperationPhase {
    fn from(phase: OperationPhase) -> Self {
        match phase {
            OperationPhase::Running => Self::Running,
            OperationPhase::Terminating => Self::Terminating,
            OperationPhase::Failed => Self::Failed,
            OperationPhase::Error => Self::Error,
            OperationPhase::Succeeded => Self::Succeeded,
        }
    }
}

/// A phase of a known kind.
pub(super) fn phase(field: &'static str, wire: i32) -> Result<OperationPhase, Invalid> {
    known(field, wire, |wire| match wire {
        v1::OperationPhase::Unspecified => None,
        v1::OperationPhase::Running => Some(OperationPhase::Running),
        v1::OperationPhase::Terminating => Some(OperationPhase::Terminating),
        v1::OperationPhase::Failed => Some(OperationPhase::Failed),
        v1::OperationPhase::Error => Some(OperationPhase::Error),
        v1::OperationPhase::Succeeded => Some(OperationPhase::Succeeded),
    })
}

impl From<OperationState> for v1::OperationState {
    fn from(state: OperationState) -> Self {
        Self {
            id: state.id.as_bytes().to_vec(),
            by: state.by,
            phase: v1::OperationPhase::from(state.phase).into(),
            message: state.message,
            revision: state.revision,
            started_at_ms: to_millis(state.started_at),
            finished_at_ms: state.finished_at.map(to_millis),
            results: state.results.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::OperationState> for OperationState {
    type Error = Invalid;
    fn try_from(wire: v1::OperationState) -> Result<Self, Invalid> {
        Ok(Self {
            id: uuid("id", &wire.id)?,
            by: wire.by,
            phase: phase("phase", wire.phase)?,
            message: wire.message,
            revision: wire.revision,
            started_at: time("started_at_ms", wire.started_at_ms)?,
            finished_at: wire.finished_at_ms.map(|millis| time("finished_at_ms", millis)).transpose()?,
            results: list("results", wire.results)?,
        })
    }
}
