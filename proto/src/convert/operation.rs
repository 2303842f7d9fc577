//! Operations: as they are asked for, and as they stand.

use windlass_domain::operation::OperationPhase;
use windlass_domain::status::OperationState;
use windlass_domain::target::OperationRequest;
use windlass_domain::time::to_millis;

use super::Invalid;
use super::field::{digest, known, list, time, uuid};
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
        })
    }
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
        let phase = known("phase", wire.phase, |wire| match wire {
            v1::OperationPhase::Unspecified => None,
            v1::OperationPhase::Running => Some(OperationPhase::Running),
            v1::OperationPhase::Terminating => Some(OperationPhase::Terminating),
            v1::OperationPhase::Failed => Some(OperationPhase::Failed),
            v1::OperationPhase::Error => Some(OperationPhase::Error),
            v1::OperationPhase::Succeeded => Some(OperationPhase::Succeeded),
        })?;
        Ok(Self {
            id: uuid("id", &wire.id)?,
            by: wire.by,
            phase,
            message: wire.message,
            revision: wire.revision,
            started_at: time("started_at_ms", wire.started_at_ms)?,
            finished_at: wire.finished_at_ms.map(|millis| time("finished_at_ms", millis)).transpose()?,
            results: list("results", wire.results)?,
        })
    }
}
