//! A sync operation: a plan being carried out, step by step. It holds no cluster and no clock; what was begun is always finished.
//!
//! A *step* is what lies in one phase and wave. Steps run one after the other, and each waits until everything of the one before is healthy; the last one
//! does not, unless it has hooks. Hooks are always waited for. The rules are Argo CD's (`docs/sync.md`).
//!
//! ```text
//! Checking -> Syncing -> Cleaning -> Over
//!                 \-> Failing -^
//! ```

use serde::{Deserialize, Serialize};

use crate::hook::Phase;
use crate::sync::{DryRunStage, SyncPlan, Verb};
use crate::time::Timestamp;

mod advance;
mod retry;
mod states;
mod task;
#[cfg(test)]
mod tests;
mod words;

pub use crate::status::OperationPhase;
pub use retry::{next_attempt, retry_after};
pub use states::states;
use task::{Task, TaskState};

/// A plan on its way. Its serialised form survives a restart ([`Action::Persist`], [`Event::Resume`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncOperation {
    plan: SyncPlan,
    deadline: Timestamp,
    /// One for each action of the plan.
    tasks: Vec<Task>,
    stage: Stage,
    phase: OperationPhase,
    shape: Shape,
    /// Why it ended early, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
    /// Hooks that run are not let finish.
    #[serde(default)]
    ends_hooks: bool,
    /// The commit that waits for this operation's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    superseded: Option<String>,
    /// Why nothing may be begun; told again after a restart.
    #[serde(skip)]
    blocked: Option<String>,
    #[serde(default)]
    confirmed: bool,
    /// When a task last changed.
    changed_at: Timestamp,
}

/// Where an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// The server is asked first.
    Checking,
    /// The plan is carried out.
    Syncing,
    /// Something failed: the SyncFail hooks run.
    Failing,
    /// Hooks are deleted and given free.
    Cleaning,
    /// It ended.
    Over,
}

/// What of a plan decides who waits for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Shape {
    /// Several phases or waves.
    multi: bool,
    /// The last of them.
    last: (Phase, i32),
    /// Whether the last one has hooks.
    hooks_last: bool,
    /// Whether a restart must not simply plan anew.
    record: bool,
}

/// How long an operation that a newer commit waits for may stand still.
pub const STUCK_SECONDS: i64 = 60;

/// What happens to an operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It begins.
    Start,
    /// It goes on after a restart: what was under way is asked for again.
    Resume,
    /// An answer of the server's dry run.
    Checked {
        /// Index of the action in the plan.
        action: usize,
        /// What it said.
        answer: Checked,
    },
    /// An action ended: the server's words, or why it failed. Of a hook: it was made.
    Outcome {
        /// Index of the action in the plan.
        action: usize,
        /// What came of it.
        result: Result<String, String>,
    },
    /// How an object or hook of a carried-out action is by now. Nothing older than the action's own answer may be told.
    Observed {
        /// Index of the action in the plan.
        action: usize,
        /// How it is.
        seen: Seen,
    },
    /// A hook was deleted, or given free.
    Cleaned {
        /// Index of the action in the plan.
        action: usize,
        /// Why it could not be.
        result: Result<(), String>,
    },
    /// Time passed.
    Tick,
    /// A person asked it to stop.
    Terminate {
        /// Who.
        by: String,
    },
    /// A newer bundle is desired. It takes over when this operation fails or is stuck.
    Superseded {
        /// Its commit.
        revision: String,
    },
    /// Nothing may be begun: a window closed, somebody froze the target; `None`: it may again.
    Blocked(Option<String>),
    /// A person confirmed the deletions.
    Confirmed,
}

/// How an object is, as far as an operation cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is well, or finished, or its kind has no check.
    Healthy,
    /// It failed; its words.
    Degraded(String),
    /// It is on its way; its words.
    Progressing(String),
    /// It is proved not to be there.
    Gone,
}

/// What a dry run said of one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Checked {
    /// The server would take it.
    Fine,
    /// It cannot be asked: a namespace or kind that this sync brings, a webhook without dry runs. Not a failure.
    Unchecked(String),
    /// The server would refuse it.
    Refused(String),
}

/// What the shell does, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask the server what it would say to this action; answered by [`Event::Checked`].
    Check(usize),
    /// Write the operation's record. What comes after it in the list waits until that is durable.
    Persist,
    /// Carry out this action of the plan; answered by [`Event::Outcome`].
    Run(usize),
    /// Take our finalizer off this hook: its outcome is durable. Answered by [`Event::Cleaned`].
    Release(usize),
    /// Take our finalizer off this hook and delete it; not being there is success. Answered by [`Event::Cleaned`].
    DeleteHook(usize),
    /// Say [`Event::Tick`] then.
    WakeAt(Timestamp),
    /// It is over; the phase says how.
    Finish,
}

/// One step of an operation. A failed object does not stop the others of its phase and wave, but nothing is deleted after a failure: what replaces it may be
/// missing.
pub fn step(mut operation: SyncOperation, event: Event, now: Timestamp) -> (SyncOperation, Vec<Action>) {
    let mut actions = Vec::new();
    if operation.is_over() {
        return (operation, actions);
    }
    operation.take(event, now, &mut actions);
    if now >= operation.deadline {
        operation.stop("the deadline passed".into(), true);
    }
    operation.make_room(now, &mut actions);
    operation.advance(&mut actions);
    (operation, actions)
}

// === impl SyncOperation ===

impl SyncOperation {
    /// An operation that has not begun.
    pub fn new(plan: SyncPlan, deadline: Timestamp) -> Self {
        let stage = if plan.dry_run == DryRunStage::No { Stage::Syncing } else { Stage::Checking };
        Self {
            tasks: vec![Task::default(); plan.actions.len()],
            shape: Shape::of(&plan),
            plan,
            deadline,
            stage,
            phase: OperationPhase::Running,
            stopped: None,
            ends_hooks: false,
            superseded: None,
            blocked: None,
            confirmed: false,
            changed_at: Timestamp::UNIX_EPOCH,
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

    /// When it is over, finished or not.
    pub fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// Actions that were carried out and whose object or hook is still waited for: [`Event::Observed`] is wanted of each. Empty for a plan of one step
    /// without hooks.
    pub fn awaited(&self) -> Vec<usize> {
        if !self.shape.multi && !self.shape.record {
            return vec![];
        }
        (0..self.tasks.len()).filter(|index| self.tasks[*index].state.is_running()).collect()
    }

    /// Whether everything of a phase was carried out and went well.
    pub fn has_passed(&self, phase: Phase) -> bool {
        let of_phase = self.plan.actions.iter().zip(&self.tasks).filter(|(action, _)| action.phase <= phase);
        of_phase.clone().all(|(_, task)| matches!(task.state, TaskState::Done(_)))
    }

    /// Whether something failed, or was left alone that should have been written.
    pub fn is_failing(&self) -> bool {
        self.stage == Stage::Failing
            || !self.plan.skipped.is_empty()
            || self.tasks.iter().any(|task| task.state.is_failed())
    }

    fn take(&mut self, event: Event, now: Timestamp, actions: &mut Vec<Action>) {
        match event {
            Event::Start => {
                self.changed_at = now;
                actions.push(Action::WakeAt(self.deadline));
                if self.shape.record {
                    actions.push(Action::Persist);
                }
            }
            Event::Resume => {
                self.changed_at = now;
                actions.push(Action::WakeAt(self.deadline));
                self.tasks.iter_mut().for_each(Task::resume);
            }
            Event::Checked { action, answer } => self.checked(action, answer, now),
            Event::Outcome { action, result } => self.outcome(action, result, now),
            Event::Observed { action, seen } => self.observed(action, seen, now),
            Event::Cleaned { action, result } => self.cleaned(action, result.is_err(), now, actions),
            Event::Tick => self.tasks.iter_mut().for_each(Task::clean_again),
            Event::Terminate { by } => self.stop(format!("terminated by {by}"), true),
            Event::Superseded { revision } => self.superseded = Some(revision),
            Event::Blocked(why) => self.blocked = why,
            Event::Confirmed => self.confirmed = true,
        }
    }

    fn checked(&mut self, index: usize, answer: Checked, now: Timestamp) {
        if let Some(task) = self.tasks.get_mut(index).filter(|task| task.state == TaskState::Checking) {
            (task.state, task.checked) = (TaskState::Waiting, Some(answer));
            self.changed_at = now;
        }
    }

    fn outcome(&mut self, index: usize, result: Result<String, String>, now: Timestamp) {
        let waits = self.is_waited_for(index);
        let Some(task) = self.tasks.get_mut(index).filter(|task| task.state == TaskState::Begun) else { return };
        let is_hook = self.plan.actions[index].is_hook();
        task.state = match result {
            Ok(words) if is_hook || waits => TaskState::Running(words),
            Ok(words) => TaskState::Done(words),
            Err(why) => {
                if is_hook {
                    // Whether it is there is not sure: it must not stay under our finalizer.
                    task.clean(false);
                }
                TaskState::Failed(why)
            }
        };
        self.changed_at = now;
    }

    fn observed(&mut self, index: usize, seen: Seen, now: Timestamp) {
        let Some(task) = self.tasks.get_mut(index).filter(|task| task.state.is_running()) else { return };
        let verb = &self.plan.actions[index].verb;
        let next = match (verb, seen) {
            (Verb::Delete { .. }, Seen::Gone) => TaskState::Done("pruned".into()),
            (Verb::Delete { .. }, _) => return,
            (Verb::RunHook { .. }, Seen::Healthy) => TaskState::Done("completed".into()),
            (Verb::RunHook { .. }, Seen::Gone) => TaskState::Failed("was deleted before it was over".into()),
            (_, Seen::Healthy) => TaskState::Done("applied, and healthy".into()),
            (_, Seen::Gone) => TaskState::Failed("was deleted while its health was waited for".into()),
            (_, Seen::Degraded(why)) => TaskState::Failed(why),
            (_, Seen::Progressing(words)) => TaskState::Running(words),
        };
        if next != task.state {
            task.state = next;
            self.changed_at = now;
        }
        if matches!(verb, Verb::RunHook { .. }) && task.state.is_over() {
            task.clean(false);
        }
    }

    fn cleaned(&mut self, index: usize, failed: bool, now: Timestamp, actions: &mut Vec<Action>) {
        if let Some(task) = self.tasks.get_mut(index) {
            task.cleaned(failed);
            self.changed_at = now;
            if failed {
                let again = now.checked_add(jiff::SignedDuration::from_secs(5));
                actions.push(Action::WakeAt(again.unwrap_or(Timestamp::MAX)));
            }
        }
    }

    /// Everything is decided once only clean-ups are left.
    fn stop(&mut self, why: String, ends_hooks: bool) {
        if matches!(self.stage, Stage::Cleaning | Stage::Over) {
            return;
        }
        self.ends_hooks |= ends_hooks;
        self.phase = OperationPhase::Terminating;
        self.stopped.get_or_insert(why);
    }

    /// A newer commit takes over from an operation that failed or stands still; hooks that run are let finish.
    fn make_room(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let Some(revision) = self.superseded.as_ref().filter(|_| self.stopped.is_none()) else { return };
        let stuck_at = self.changed_at.checked_add(jiff::SignedDuration::from_secs(STUCK_SECONDS));
        let stuck_at = stuck_at.unwrap_or(Timestamp::MAX);
        if now >= stuck_at {
            let why = format!("superseded by {revision}: nothing had changed for {STUCK_SECONDS} s");
            self.stop(why, false);
        } else {
            actions.push(Action::WakeAt(stuck_at));
        }
    }

    /// Whether what comes after this action waits for its object's health or absence.
    fn is_waited_for(&self, index: usize) -> bool {
        let Some(action) = self.plan.actions.get(index) else { return false };
        let waits = matches!(action.verb, Verb::Apply { .. } | Verb::Await | Verb::Delete { .. });
        waits && self.shape.multi && (action.step() < self.shape.last || self.shape.hooks_last)
    }

    fn waits_for_confirmation(&self, index: usize) -> bool {
        self.plan.actions[index].confirm && !self.confirmed && self.tasks[index].state == TaskState::Waiting
    }

    fn refused_by_dry_run(&self) -> bool {
        self.tasks.iter().any(|task| matches!(task.checked, Some(Checked::Refused(_))))
    }
}

// === impl Shape ===

impl Shape {
    fn of(plan: &SyncPlan) -> Self {
        let counted = || plan.actions.iter().filter(|action| action.phase != Phase::SyncFail);
        let last = counted().map(|action| action.step()).max().unwrap_or_default();
        Self {
            multi: plan.is_multi_step(),
            last,
            hooks_last: counted().any(|action| action.step() == last && action.is_hook()),
            record: plan.needs_record(),
        }
    }
}

// === impl Seen ===

impl Seen {
    /// What is known of an object, if it is known. What is being deleted under a finalizer of ours is what its health says.
    pub fn of(observed: &crate::live::Observed) -> Option<Self> {
        use crate::health::HealthStatus;
        use crate::live::Observed;
        let object = match observed {
            Observed::Absent => return Some(Self::Gone),
            Observed::Unknown(_) => return None,
            Observed::Present(object) => object,
        };
        Some(match &object.health {
            None => Self::Healthy,
            Some(health) => match health.status {
                HealthStatus::Healthy => Self::Healthy,
                HealthStatus::Degraded => Self::Degraded(health.message.clone()),
                HealthStatus::Missing => Self::Gone,
                HealthStatus::Progressing | HealthStatus::Suspended | HealthStatus::Unknown => {
                    Self::Progressing(health.message.clone())
                }
            },
        })
    }
}
