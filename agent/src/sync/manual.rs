//! Operations that a person asked for.

use std::time::Duration;

use uuid::Uuid;
use windlass_domain::operation::{Event, OperationPhase};
use windlass_domain::status::OperationState;
use windlass_domain::sync::{Assessment, Intent, plan};
use windlass_domain::target::{OperationRequest, TargetRow, TargetSpec};
use windlass_domain::time::Timestamp;

use super::begin::Begin;
use super::contents::Completion;
use super::engine::Engine;
use super::keep::Then;
use super::running::run_of;
use super::target::{Complete, Target};

/// Why a commit that was named is not brought.
const NOT_HERE: &str =
    "a newer commit came before it began, and the agent no longer has the one that was named; sync again";

/// What a person's operation brings.
enum Brings {
    This(Box<Complete>),
    /// It is not known yet.
    NotYet,
    Never(&'static str),
}

impl Engine {
    pub(super) async fn terminate_if_asked(&mut self, application: Uuid, spec: &TargetSpec) {
        let asked = spec.operation.as_ref().filter(|request| request.terminate);
        let running =
            self.targets.get(&application).and_then(|t| t.running.as_ref()).map(|r| (r.id, r.operation.phase()));
        if let (Some(request), Some((id, OperationPhase::Running))) = (asked, running)
            && request.id == id
        {
            self.step(application, Event::Terminate { by: request.by.clone() }).await;
        }
    }

    pub(super) async fn start_manual(
        &mut self,
        application: Uuid,
        request: OperationRequest,
        assessment: &Assessment,
        now: Timestamp,
    ) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        let again = target.record.again.filter(|(id, ..)| *id == request.id);
        if let Some((_, _, at)) = again.filter(|(_, _, at)| now < *at) {
            return target.wake(at);
        }
        if request.prune && assessment.hold.is_none() && !self.proves_unused(application, assessment, true) {
            return;
        }
        let to = match self.brings(application, &request, again.is_some()) {
            Brings::This(to) => *to,
            Brings::NotYet => return,
            Brings::Never(why) => {
                return self.finish_unstarted(application, never_began(&request, why.to_owned(), now));
            }
        };
        let attempt = again.map_or(0, |(_, tries, _)| tries);
        let (run, options) = (run_of(request.id, attempt), request.options.clone());
        let intent = Intent { prune: request.prune, manual: true, run, options, ..Intent::default() };
        let Some((_, plan)) = self.with_facts(application, Some(&to), |facts| plan(facts, &intent)) else {
            return;
        };
        let Some(target) = self.targets.get_mut(&application) else { return };
        // It may wait as long as the hub allowed it, and run as long as one attempt may.
        let timeout = request.options.timeout_seconds.map_or_else(|| to.settings.timeout(), Duration::from_secs);
        let deadline = target.deadline_of(&request, now).min(now.saturating_add(timeout).unwrap_or(Timestamp::MAX));
        let whole = !request.options.leaves_no_history();
        let begin = Begin { id: request.id, attempt, by: request.by, manual: true, deadline, to: Some(to), whole };
        self.start(application, begin, plan);
    }

    /// What a person's operation brings: the commit that they named, or the newest. A retry brings what the first try did, unless it asks for the newest.
    fn brings(&self, application: Uuid, request: &OperationRequest, again: bool) -> Brings {
        let Some(target) = self.targets.get(&application) else { return Brings::NotYet };
        let TargetRow::Present(spec) = &target.row else { return Brings::NotYet };
        let newest = || match &target.desired {
            Some(desired) if desired.digest == spec.bundle && desired.settings_digest == spec.settings => {
                Brings::This(Box::new(desired.clone()))
            }
            // It is still on its way.
            _ => Brings::NotYet,
        };
        let refreshes = request.options.retry.is_some_and(|retry| retry.refresh) && !request.options.pinned;
        let earlier = match &target.record.again_to {
            Some(to) if again && !refreshes => Some(to.clone()),
            _ if request.options.pinned && spec.bundle != request.bundle => {
                let known = target.record.kept_bundles().find(|(bundle, ..)| *bundle == request.bundle);
                let Some((bundle, _, revision)) = known else { return Brings::Never(NOT_HERE) };
                Some((*bundle, request.options.settings.unwrap_or(spec.settings), revision.clone()))
            }
            _ => None,
        };
        let Some((bundle, settings, revision)) = earlier else { return newest() };
        match self.contents.assemble(bundle, settings, &revision) {
            Completion::Complete(complete, _) => Brings::This(Box::new(complete)),
            Completion::Missing(_) | Completion::Unreadable(_) => Brings::Never(NOT_HERE),
        }
    }

    /// An operation that was terminated, or whose time is over, before it could begin ends whether or not anything else is known.
    pub(super) async fn end_unstarted(&mut self, application: Uuid, spec: &TargetSpec) -> bool {
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application).filter(|target| target.running.is_none()) else {
            return false;
        };
        let Some(request) = spec.operation.as_ref().filter(|request| !target.knows_operation(request.id)) else {
            return false;
        };
        if let Some(state) = target.stopped_unstarted(request, now) {
            self.finish_unstarted(application, state);
            return true;
        }
        let why = if request.terminate {
            format!("terminated by {} before it began", request.by)
        } else if now >= target.deadline_of(request, now) {
            "its deadline passed before it could begin".to_owned()
        } else {
            let deadline = target.deadline_of(request, now);
            target.wake(deadline);
            return false;
        };
        self.finish_unstarted(application, never_began(request, why, now));
        true
    }

    pub(super) fn finish_unstarted(&mut self, application: Uuid, state: OperationState) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        target.record.manual = Some(state);
        self.keep(application, Then::Evaluate);
    }
}

impl Target {
    /// When a person's operation is over, waiting and retries included, by this agent's clock: as long after it was first seen here as the hub allowed it.
    /// The two clocks are never compared.
    fn deadline_of(&mut self, request: &OperationRequest, now: Timestamp) -> Timestamp {
        let allowed = request.deadline.duration_since(request.requested_at);
        match self.asked {
            Some((id, deadline)) if id == request.id => deadline,
            _ => {
                let deadline = now.checked_add(allowed).unwrap_or(Timestamp::MAX);
                self.asked = Some((request.id, deadline));
                deadline
            }
        }
    }
}

fn never_began(request: &OperationRequest, why: String, now: Timestamp) -> OperationState {
    OperationState {
        id: request.id,
        by: request.by.clone(),
        phase: OperationPhase::Error,
        message: why,
        revision: String::new(),
        started_at: now,
        finished_at: Some(now),
        results: vec![],
    }
}
