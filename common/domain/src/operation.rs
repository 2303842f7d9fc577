//! A sync operation: a plan being carried out, group by group. It holds no cluster and no clock; what was begun is always finished.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::status::{ResourceResult, ResultCode};
use crate::sync::{SyncAction, SyncPlan, Verb};
use crate::time::Timestamp;

/// Argo CD's phases.
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

/// A plan on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncOperation {
    plan: SyncPlan,
    deadline: Timestamp,
    running: BTreeSet<usize>,
    results: BTreeMap<usize, Result<String, String>>,
    phase: OperationPhase,
    /// Why it ended early, if it did.
    stopped: Option<String>,
}

/// What happens to an operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It begins.
    Start,
    /// An action ended: the server's words, or why it failed.
    Outcome {
        /// Index of the action in the plan.
        action: usize,
        /// What came of it.
        result: Result<String, String>,
    },
    /// Time passed.
    Tick,
    /// A person asked it to stop.
    Terminate {
        /// Who.
        by: String,
    },
}

/// What the shell does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Carry out this action of the plan.
    Run(usize),
    /// Say [`Event::Tick`] then.
    WakeAt(Timestamp),
    /// It is over; the phase says how.
    Finish,
}

/// One step of an operation. A failed object does not stop the others, but nothing is deleted after a failure: what replaces it may be missing.
pub fn step(mut operation: SyncOperation, event: Event, now: Timestamp) -> (SyncOperation, Vec<Action>) {
    if operation.is_over() {
        return (operation, vec![]);
    }
    let mut actions = Vec::new();
    match event {
        Event::Start => actions.push(Action::WakeAt(operation.deadline)),
        Event::Outcome { action, result } => {
            operation.running.remove(&action);
            operation.results.insert(action, result);
        }
        Event::Tick => {}
        Event::Terminate { by } => operation.stop(format!("terminated by {by}")),
    }
    if now >= operation.deadline {
        operation.stop("the deadline passed".into());
    }
    if operation.running.is_empty() {
        actions.extend(operation.advance());
    }
    (operation, actions)
}

// === impl SyncOperation ===

impl SyncOperation {
    /// An operation that has not begun.
    pub fn new(plan: SyncPlan, deadline: Timestamp) -> Self {
        Self {
            plan,
            deadline,
            running: BTreeSet::new(),
            results: BTreeMap::new(),
            phase: OperationPhase::Running,
            stopped: None,
        }
    }

    /// How it stands.
    pub fn phase(&self) -> OperationPhase {
        self.phase
    }

    /// Whether it ended.
    pub fn is_over(&self) -> bool {
        !matches!(self.phase, OperationPhase::Running | OperationPhase::Terminating)
    }

    /// The plan.
    pub fn plan(&self) -> &SyncPlan {
        &self.plan
    }

    /// One sentence on how it stands.
    pub fn message(&self) -> String {
        let failed = self.results.values().filter(|r| r.is_err()).count();
        let (done, all) = (self.results.len(), self.plan.actions.len());
        match (&self.stopped, self.phase) {
            (Some(why), _) => format!("{why}; {done} of {all} actions were carried out"),
            (None, OperationPhase::Failed) => {
                let first =
                    self.results.iter().find_map(|(i, r)| r.as_ref().err().map(|e| (&self.plan.actions[*i].key, e)));
                let first = first.map(|(key, e)| {
                    // The cluster's words often name the object already.
                    if e.starts_with(&key.to_string()) { format!(": {e}") } else { format!(": {key}: {e}") }
                });
                let first = first.unwrap_or_else(|| self.first_skipped());
                format!("{failed} of {all} actions failed{first}")
            }
            (None, OperationPhase::Succeeded) => match &self.plan.hold {
                Some(hold) => {
                    format!("successfully synced; {} deletions wait for an approval: {}", hold.count, hold.reason)
                }
                None => "successfully synced".into(),
            },
            _ => format!("{done} of {all} actions carried out"),
        }
    }

    /// What came of each object so far, in the order of the plan.
    pub fn results(&self) -> Vec<ResourceResult> {
        let touched = self.results.iter().map(|(index, result)| {
            let action = &self.plan.actions[*index];
            let status = match (&action.verb, result) {
                (_, Err(_)) => ResultCode::SyncFailed,
                (Verb::Delete { .. } | Verb::Forget, Ok(_)) => ResultCode::Pruned,
                (_, Ok(_)) => ResultCode::Synced,
            };
            let message = result.as_ref().map_or_else(String::clone, String::clone);
            ResourceResult { key: action.key.clone(), status, message }
        });
        let held = self.plan.hold.iter().flat_map(|hold| {
            let message = format!("waits for an approval: {}", hold.reason);
            hold.keys.iter().map(move |key| ResourceResult {
                key: key.clone(),
                status: ResultCode::PruneSkipped,
                message: message.clone(),
            })
        });
        let skipped = self.plan.skipped.iter().map(|(key, why)| ResourceResult {
            key: key.clone(),
            status: ResultCode::SyncFailed,
            message: why.clone(),
        });
        touched.chain(held).chain(skipped).collect()
    }

    fn first_skipped(&self) -> String {
        let first = self.plan.skipped.first();
        first.map(|(key, why)| format!("; {} left alone: {key} {why}", self.plan.skipped.len())).unwrap_or_default()
    }

    fn stop(&mut self, why: String) {
        if self.stopped.is_none() {
            self.stopped = Some(why);
            self.phase = OperationPhase::Terminating;
        }
    }

    /// Starts the next group, or ends.
    fn advance(&mut self) -> Vec<Action> {
        let failed = !self.plan.skipped.is_empty() || self.results.values().any(Result::is_err);
        let pending = |(index, action): (usize, &SyncAction)| {
            let out_of_reach = failed && matches!(action.verb, Verb::Delete { .. });
            let wanted = !out_of_reach && !self.results.contains_key(&index);
            wanted.then_some((index, action.group))
        };
        let pending: Vec<(usize, u32)> = self.plan.actions.iter().enumerate().filter_map(pending).collect();
        match pending.first() {
            Some((_, group)) if self.stopped.is_none() => {
                let next: Vec<usize> = pending.iter().filter(|(_, g)| g == group).map(|(index, _)| *index).collect();
                self.running.extend(&next);
                next.into_iter().map(Action::Run).collect()
            }
            _ => {
                self.phase =
                    if failed || self.stopped.is_some() { OperationPhase::Failed } else { OperationPhase::Succeeded };
                vec![Action::Finish]
            }
        }
    }
}

/// How long an automated target waits before it tries the same bundle again after `failures` failures: 5 s, doubling, at most 3 min (Argo CD's defaults).
pub fn retry_after(failures: u32) -> std::time::Duration {
    let seconds = 5u64.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(180);
    std::time::Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::Cascade;
    use crate::digest::Digest;
    use crate::manifest::ResourceKey;
    use crate::time::from_millis;

    fn action(group: u32, name: &str, delete: bool) -> SyncAction {
        let verb = if delete {
            Verb::Delete { uid: "u".into(), propagation: Cascade::Foreground }
        } else {
            Verb::Apply { digest: Digest::of(b"x"), adopt: false }
        };
        let key =
            ResourceKey { group: String::new(), kind: "ConfigMap".into(), namespace: "shop".into(), name: name.into() };
        SyncAction { group, verb, key, api_version: "v1".into(), reason: String::new() }
    }

    fn operation() -> SyncOperation {
        let actions = vec![action(1, "a", false), action(1, "b", false), action(2, "c", false), action(9, "d", true)];
        SyncOperation::new(SyncPlan { actions, ..SyncPlan::default() }, from_millis(600_000))
    }

    fn runs(actions: &[Action]) -> Vec<usize> {
        actions.iter().filter_map(|a| if let Action::Run(i) = a { Some(*i) } else { None }).collect()
    }

    fn ok(action: usize) -> Event {
        Event::Outcome { action, result: Ok("applied".into()) }
    }

    #[test]
    fn groups_run_one_after_the_other() {
        let now = from_millis(0);
        let (op, actions) = step(operation(), Event::Start, now);
        assert_eq!(runs(&actions), [0, 1]);
        let (op, actions) = step(op, ok(1), now);
        assert!(runs(&actions).is_empty());
        let (op, actions) = step(op, ok(0), now);
        assert_eq!(runs(&actions), [2]);
        let (op, actions) = step(op, ok(2), now);
        assert_eq!(runs(&actions), [3]);
        let (op, actions) = step(op, ok(3), now);
        assert_eq!((op.phase(), actions), (OperationPhase::Succeeded, vec![Action::Finish]));
        assert_eq!(op.results()[3].status, ResultCode::Pruned);
    }

    #[test]
    fn a_failed_object_does_not_stop_the_others_but_nothing_is_deleted() {
        let now = from_millis(0);
        let (op, _) = step(operation(), Event::Start, now);
        let (op, _) = step(op, Event::Outcome { action: 0, result: Err("denied".into()) }, now);
        let (op, actions) = step(op, ok(1), now);
        assert_eq!(runs(&actions), [2]);
        let (op, actions) = step(op, ok(2), now);
        assert_eq!((op.phase(), actions), (OperationPhase::Failed, vec![Action::Finish]));
        assert!(op.message().contains("denied"), "{}", op.message());
    }

    #[test]
    fn what_was_begun_is_finished_and_nothing_else_is_begun() {
        let (op, _) = step(operation(), Event::Start, from_millis(0));
        let (op, actions) = step(op, Event::Terminate { by: "ann".into() }, from_millis(1));
        assert!(actions.is_empty(), "two are still running");
        let (op, _) = step(op, ok(0), from_millis(2));
        let (op, actions) = step(op, ok(1), from_millis(3));
        assert_eq!(actions, [Action::Finish]);
        assert!(op.message().starts_with("terminated by ann"), "{}", op.message());
    }

    #[test]
    fn the_deadline_ends_it() {
        let (op, _) = step(operation(), Event::Start, from_millis(0));
        let (op, _) = step(op, ok(0), from_millis(1));
        let (op, _) = step(op, Event::Tick, from_millis(600_000));
        let (op, actions) = step(op, ok(1), from_millis(600_001));
        assert_eq!((op.phase(), actions), (OperationPhase::Failed, vec![Action::Finish]));
    }

    #[test]
    fn an_empty_plan_succeeds_at_once() {
        let op = SyncOperation::new(SyncPlan::default(), from_millis(10));
        let (op, actions) = step(op, Event::Start, from_millis(0));
        assert_eq!(op.phase(), OperationPhase::Succeeded);
        assert!(actions.contains(&Action::Finish));
    }

    #[test]
    fn retries_slow_down() {
        assert_eq!([1, 2, 3, 7, 99].map(|n| retry_after(n).as_secs()), [5, 10, 20, 180, 180]);
    }
}
