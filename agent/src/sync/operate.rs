//! An operation goes on, and ends.

use std::time::Duration;

use tracing::info;
use uuid::Uuid;
use windlass_domain::hook::Phase;
use windlass_domain::operation::{self, Action, Event, OperationPhase, SyncOperation, next_attempt};
use windlass_domain::sync::SyncPlan;
use windlass_domain::target::{Retry, TargetRow};
use windlass_domain::time::Timestamp;

use super::engine::Engine;
use super::halt::NOT_AGAIN;
use super::keep::Then;
use super::running::Running;
use super::target::Target;

/// The longest that an automated target waits before it tries again.
const SLOW: Duration = Duration::from_secs(180);

impl Engine {
    /// One step of the running operation, and what it asks for.
    pub(super) async fn step(&mut self, application: Uuid, event: Event) {
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application) else { return };
        let Some(running) = &mut target.running else { return };
        // `step` takes it by value: an empty one stands in meanwhile.
        let before = std::mem::replace(&mut running.operation, SyncOperation::new(SyncPlan::default(), now));
        let (operation, actions) = operation::step(before, event, now);
        running.operation = operation;
        let idle = running.waiting.is_empty();
        running.waiting.extend(actions);
        if idle {
            self.go_on(application).await;
        }
    }

    /// Does what the operation asks for, in order. A record that cannot be written holds up what comes after it.
    pub(super) async fn go_on(&mut self, application: Uuid) {
        loop {
            let Some(target) = self.targets.get_mut(&application) else { return };
            let Some(running) = &mut target.running else { return };
            let Some(action) = running.waiting.front().cloned() else { return };
            if action == Action::Persist {
                target.record.running = Some(Box::new(running.recorded()));
                return self.keep(application, Then::GoOn);
            }
            running.waiting.pop_front();
            self.act(application, action).await;
        }
    }

    /// The record that what comes next waited for is durable.
    pub(super) async fn recorded(&mut self, application: Uuid) {
        fail::fail_point!("agent::operation::persisted");
        let Some(running) = self.targets.get_mut(&application).and_then(|t| t.running.as_mut()) else { return };
        if running.waiting.front() == Some(&Action::Persist) {
            running.waiting.pop_front();
            // Boxed: it may lead back here.
            Box::pin(self.go_on(application)).await;
        }
    }

    async fn act(&mut self, application: Uuid, action: Action) {
        match action {
            Action::Persist => {}
            Action::Check(index) => self.check(application, index),
            Action::Run(index) => self.run_or_await_kind(application, index),
            Action::Release(index) => self.clean(application, index, false),
            Action::DeleteHook(index) => self.clean(application, index, true),
            Action::WakeAt(at) => {
                if let Some(target) = self.targets.get_mut(&application) {
                    target.wake_running(at);
                }
            }
            Action::Finish => self.finish(application),
        }
    }

    fn finish(&mut self, application: Uuid) {
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application) else { return };
        let Some(running) = target.running.take() else { return };
        let name = target.name().clone();
        fail::fail_point!("agent::operation::ended");
        target.record.running = None;
        let halted = target.halt(&running);
        if let Some(state) = target.record.operation.as_mut().filter(|state| state.id == running.id) {
            state.phase = running.operation.phase();
            state.message = message_of(&target.row, &running);
            state.finished_at = Some(now);
            if halted && !running.manual {
                state.message.push_str(NOT_AGAIN);
            }
            state.results = running.operation.results();
            info!(application = %name, operation = %state.id, phase = ?state.phase, message = state.message, "operation ended");
        }
        if running.to.is_none() {
            let phases = [Phase::PostDelete, Phase::Sync, Phase::PreDelete];
            let passed = phases.into_iter().find(|phase| running.operation.has_passed(*phase));
            target.record.removed = target.record.removed.max(passed);
        }
        target.tried(&running, now);
        if target.record.manual.as_ref().is_some_and(|manual| manual.id == running.id) {
            target.record.manual.clone_from(&target.record.operation);
        }
        target.kinds_changed = false;
        self.collect();
        self.update_interest(application);
        self.keep(application, Then::Report);
        self.dirty.insert(application);
    }
}

impl Target {
    /// The running operation is told the time then, whatever else the target is woken for before.
    pub(super) fn wake_running(&mut self, at: Timestamp) {
        if let Some(running) = &mut self.running {
            // To the second: however often it asks, it is not woken more often than that.
            running.wakes.insert(Timestamp::from_second(at.as_second().saturating_add(1)).unwrap_or(at));
        }
        self.wake(at);
    }

    /// Asks for what the running operation still wants to be woken for.
    pub(super) fn wake_again(&mut self, now: Timestamp) {
        let Some(running) = &mut self.running else { return };
        running.wakes.retain(|at| now < *at);
        if let Some(first) = running.wakes.first().copied() {
            self.wake(first);
        }
    }

    /// What an operation's end means for the next one.
    fn tried(&mut self, running: &Running, now: Timestamp) {
        if running.operation.phase() == OperationPhase::Succeeded {
            (self.record.failures, self.retry_at) = (0, None);
            return;
        }
        if running.manual {
            return self.retry_manually(running, now);
        }
        self.record.failures += 1;
        let retry = running.to.as_ref().map(|to| to.settings.retry()).unwrap_or_default();
        let at = now + next_attempt(&retry, self.record.failures, true).unwrap_or(SLOW);
        // What was left alone for its kind may be served by now.
        self.retry_at = (!self.kinds_changed).then_some(at);
        self.wake(at);
    }

    /// A person's operation is tried again under its own id, where they asked for it.
    fn retry_manually(&mut self, running: &Running, now: Timestamp) {
        let TargetRow::Present(spec) = &self.row else { return };
        let Some(request) = spec.operation.as_ref().filter(|request| request.id == running.id) else { return };
        let tries = running.attempt + 1;
        let Some(retry) = request.options.retry else { return };
        let Some(wait) = next_attempt(&retry, tries, false) else { return };
        if running.operation.phase() != OperationPhase::Failed || request.terminate {
            return;
        }
        let at = now + wait;
        self.record.again = Some((running.id, tries, at));
        self.record.again_to = running.to.as_ref().map(|to| (to.digest, to.settings_digest, to.revision.clone()));
        if let Some(state) = &mut self.record.operation {
            state.phase = OperationPhase::Running;
            state.finished_at = None;
            state.message = format!("{}; tried again in {wait:?}{}", state.message, of(retry, tries));
        }
        self.wake(at);
    }
}

/// What an operation says of itself; a person's that found a newer commit than the one that they saw says so.
pub(super) fn message_of(row: &TargetRow, running: &Running) -> String {
    let message = running.operation.message();
    let asked = match row {
        TargetRow::Present(spec) => spec.operation.as_ref().filter(|request| request.id == running.id),
        TargetRow::Removing(_) => None,
    };
    let newer = running.to.as_ref().filter(|to| asked.is_some_and(|request| request.bundle != to.digest));
    match newer {
        Some(to) if running.manual => {
            let revision = to.revision.get(..7).unwrap_or(&to.revision);
            format!("{message}; it brings {revision}, which came after it was asked for")
        }
        _ => message,
    }
}

fn of(retry: Retry, tries: u32) -> String {
    if retry.limit < 0 { String::new() } else { format!(" (retry {tries} of {})", retry.limit) }
}
