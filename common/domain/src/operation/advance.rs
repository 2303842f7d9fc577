//! What an operation does next.

use super::task::{Progress, Task, TaskState};
use super::{Action, Checked, OperationPhase, Stage, SyncOperation};
use crate::hook::{DeletePolicy, Phase};
use crate::sync::{DryRunStage, Verb};

/// What comes next in a stage.
enum Next {
    /// Something is waited for.
    Wait,
    /// These actions begin.
    Begin(Vec<usize>),
    /// Nothing is left, and something failed.
    Failed,
    /// Nothing is left.
    Done,
}

impl SyncOperation {
    /// Goes on as far as it goes without an answer.
    pub(super) fn advance(&mut self, actions: &mut Vec<Action>) {
        loop {
            if self.ends_hooks {
                self.end_hooks();
            }
            let before = self.stage;
            match self.stage {
                Stage::Checking => self.check(actions),
                Stage::Syncing | Stage::Failing => self.carry_on(actions),
                Stage::Cleaning | Stage::Over => {}
            }
            if self.stage == before {
                break;
            }
            if self.stage != Stage::Over && self.shape.record {
                actions.push(Action::Persist);
            }
        }
        self.clean(actions);
        if self.stage == Stage::Cleaning && !self.tasks.iter().any(Task::is_being_cleaned) {
            self.stage = Stage::Over;
        }
        if self.stage == Stage::Over && !self.is_over() {
            self.phase = if self.has_failed() { OperationPhase::Failed } else { OperationPhase::Succeeded };
            actions.push(Action::Finish);
        }
    }

    fn has_failed(&self) -> bool {
        self.stopped.is_some() || self.is_failing() || self.refused_by_dry_run()
    }

    /// Asks the server about everything that would be written, all at once.
    fn check(&mut self, actions: &mut Vec<Action>) {
        if self.stopped.is_some() {
            self.stage = Stage::Over;
            return;
        }
        for (index, action) in self.plan.actions.iter().enumerate() {
            let is_written = matches!(action.verb, Verb::Apply { .. } | Verb::Create { .. } | Verb::RunHook { .. });
            let task = &mut self.tasks[index];
            if is_written && task.checked.is_none() && task.state == TaskState::Waiting {
                task.state = TaskState::Checking;
                actions.push(Action::Check(index));
            }
        }
        if self.tasks.iter().any(|task| task.state == TaskState::Checking) {
            return;
        }
        let ends = self.refused_by_dry_run() || self.plan.dry_run == DryRunStage::Only;
        self.stage = if ends { Stage::Over } else { Stage::Syncing };
    }

    fn carry_on(&mut self, actions: &mut Vec<Action>) {
        let next = if self.stopped.is_some() { self.next_when_stopped() } else { self.next() };
        match next {
            Next::Wait => {}
            Next::Begin(_) if self.blocked.is_some() => {}
            Next::Begin(indices) => self.begin(indices, actions),
            Next::Failed if self.stage == Stage::Syncing && self.stopped.is_none() => self.stage = Stage::Failing,
            Next::Failed | Next::Done => self.finish(),
        }
    }

    fn begin(&mut self, indices: Vec<usize>, actions: &mut Vec<Action>) {
        let mut looks = false;
        for index in indices {
            if self.plan.actions[index].verb == Verb::Await {
                self.tasks[index].state = TaskState::Running(String::new());
                looks = true;
            } else {
                self.tasks[index].state = TaskState::Begun;
                actions.push(Action::Run(index));
            }
        }
        if looks {
            // What is only looked at needs no answer to let the rest of its step begin.
            self.carry_on(actions);
        }
    }

    /// What was begun is finished; hooks that run are let finish unless they were ended.
    fn next_when_stopped(&self) -> Next {
        if self.tasks.iter().any(|task| task.state.is_asked()) || self.runs_hooks() { Next::Wait } else { Next::Failed }
    }

    fn next(&self) -> Next {
        let failing = self.stage == Stage::Failing;
        let mut of_stage = (0..self.tasks.len()).filter(|index| self.is_of(*index, failing));
        if of_stage.clone().any(|index| self.tasks[index].state.is_asked()) {
            return Next::Wait;
        }
        let failed_at = self.failed_at(failing);
        let hurries = self.superseded.is_some() && failed_at.is_some() && !failing;
        let begins = of_stage.find(|index| self.may_begin(*index, failed_at.is_some()) && !hurries);
        let unconfirmed = (0..self.tasks.len()).find(|index| self.waits_for_confirmation(*index));
        let unconfirmed = unconfirmed.filter(|_| failed_at.is_none() && !failing);
        let Some(first) = begins else {
            return match failed_at {
                _ if self.runs_hooks() || unconfirmed.is_some() => Next::Wait,
                Some(_) => Next::Failed,
                None if self.waits_at_the_end() => Next::Wait,
                None => Next::Done,
            };
        };
        let step = self.plan.actions[first].step();
        if failed_at.is_some_and(|failed| failed < step) {
            return if self.runs_hooks() { Next::Wait } else { Next::Failed };
        }
        let waits_for =
            |index: &usize| self.tasks[*index].state.is_running() && self.plan.actions[*index].step() < step;
        let waits = (0..self.tasks.len()).any(|index| waits_for(&index));
        if waits || unconfirmed.is_some_and(|index| self.plan.actions[index].step() < step) {
            return Next::Wait;
        }
        let group = self.plan.actions[first].group;
        let in_group =
            |index: &usize| self.plan.actions[*index].group == group && self.may_begin(*index, failed_at.is_some());
        Next::Begin((first..self.tasks.len()).filter(in_group).collect())
    }

    fn is_of(&self, index: usize, failing: bool) -> bool {
        (self.plan.actions[index].phase == Phase::SyncFail) == failing
    }

    fn may_begin(&self, index: usize, failed: bool) -> bool {
        let action = &self.plan.actions[index];
        let out_of_reach = failed && matches!(action.verb, Verb::Delete { .. });
        self.tasks[index].state == TaskState::Waiting
            && !out_of_reach
            && (!action.confirm || self.confirmed)
            && self.is_of(index, self.stage == Stage::Failing)
    }

    /// The first step in which something failed.
    fn failed_at(&self, failing: bool) -> Option<(Phase, i32)> {
        let failed = (0..self.tasks.len())
            .filter(|index| self.is_of(*index, failing) && self.tasks[*index].state.is_failed())
            .map(|index| self.plan.actions[index].step());
        let skipped = (!failing && !self.plan.skipped.is_empty()).then_some((Phase::Sync, self.plan.skipped_wave));
        failed.chain(skipped).min()
    }

    fn runs_hooks(&self) -> bool {
        let hooks = self.plan.actions.iter().zip(&self.tasks).filter(|(action, _)| action.is_hook());
        hooks.into_iter().any(|(_, task)| task.state.is_running())
    }

    /// Where the last step has hooks, its objects are waited for as well.
    fn waits_at_the_end(&self) -> bool {
        self.shape.multi && self.shape.hooks_last && self.tasks.iter().any(|task| task.state.is_running())
    }

    /// Hooks that run end here: they count as failed and are deleted.
    fn end_hooks(&mut self) {
        let why = self.stopped.clone().unwrap_or_default();
        for (index, task) in self.tasks.iter_mut().enumerate() {
            if self.plan.actions[index].is_hook() && task.state.is_running() {
                task.state = TaskState::Failed(why.clone());
                task.clean(true);
            }
        }
    }

    /// Nothing is begun any more: hooks whose policy says so are deleted.
    fn finish(&mut self) {
        let policy = if self.has_failed() { DeletePolicy::HookFailed } else { DeletePolicy::HookSucceeded };
        for (index, task) in self.tasks.iter_mut().enumerate() {
            let hook = self.plan.actions[index].hook.as_ref();
            if task.state.is_over() && hook.is_some_and(|hook| hook.delete.contains(&policy)) {
                task.clean(true);
            }
        }
        self.stage = Stage::Cleaning;
    }

    /// Asks for what must be cleaned up, once the outcome that it follows from is durable.
    fn clean(&mut self, actions: &mut Vec<Action>) {
        let mut asked = Vec::new();
        for (index, task) in self.tasks.iter_mut().enumerate() {
            if let Some(cleaning) = task.cleaning.as_mut().filter(|cleaning| cleaning.progress == Progress::Wanted) {
                cleaning.progress = Progress::Asked;
                asked.push(if cleaning.delete { Action::DeleteHook(index) } else { Action::Release(index) });
            }
        }
        if !asked.is_empty() {
            actions.push(Action::Persist);
            actions.extend(asked);
        }
    }
}

impl Checked {
    /// Whether it stands in the way.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}
