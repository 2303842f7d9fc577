//! What a person stopped stays so, and what a restart cut off and nobody goes on with is said to be over.

use uuid::Uuid;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::OperationState;
use windlass_domain::target::{OperationRequest, TargetRow};
use windlass_domain::time::Timestamp;

use super::engine::Engine;
use super::keep::Then;
use super::running::Running;
use super::target::{Complete, Target};

/// What people are told of an automated operation that was terminated.
pub(super) const NOT_AGAIN: &str =
    "; it does not begin again by itself until a commit, the settings or a person says so";

impl Engine {
    /// Ends the operation that nobody asked for and that a restart cut off, where it is not gone on with.
    pub(super) fn end_interrupted(&mut self, application: Uuid, why: &str) {
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application) else { return };
        let Some(id) = target.interrupted().filter(|_| target.running.is_none()) else { return };
        let message = format!("a restart of the agent cut it off, and it does not go on: {why}");
        if let Some(state) = target.record.operation.as_mut().filter(|state| state.id == id) {
            (state.phase, state.message, state.finished_at) = (OperationPhase::Failed, message, Some(now));
        }
        self.keep(application, Then::Report);
    }
}

impl Target {
    /// Remembers what a person stopped, if they did: the same is not begun again by itself. A selection or a trial stops nothing but itself.
    pub(super) fn halt(&mut self, running: &Running) -> bool {
        let TargetRow::Present(spec) = &self.row else { return false };
        let stops =
            |asked: &&OperationRequest| asked.id == running.id && asked.terminate && !asked.options.leaves_no_history();
        if running.operation.phase() == OperationPhase::Succeeded || spec.operation.as_ref().filter(stops).is_none() {
            return false;
        }
        self.record.halted = running.to.as_ref().map(|to| (to.digest, to.settings_digest));
        true
    }

    /// Whether a person stopped the sync of this very bundle.
    pub(super) fn is_halted(&self, desired: &Complete) -> bool {
        self.record.halted == Some((desired.digest, desired.settings_digest))
    }

    /// What becomes of an operation that is asked to stop and does not run: one of the agent's own that a restart cut off, or that is over.
    pub(super) fn stopped_unstarted(&mut self, request: &OperationRequest, now: Timestamp) -> Option<OperationState> {
        let own = self.record.operation.as_mut().filter(|state| request.terminate && state.id == request.id)?;
        if own.phase == OperationPhase::Running {
            own.phase = OperationPhase::Failed;
            own.message = format!("terminated by {} after a restart of the agent cut it off{NOT_AGAIN}", request.by);
            own.finished_at = Some(now);
            self.record.halted = self.record.synced.as_ref().map(|(bundle, settings, _)| (*bundle, *settings));
            self.record.running = None;
        }
        self.record.operation.clone()
    }
}
