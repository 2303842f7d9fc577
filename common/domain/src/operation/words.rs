//! What an operation says of itself.

use super::task::TaskState;
use super::{Checked, OperationPhase, Stage, SyncOperation};
use crate::status::{HookResult, ResourceResult, ResultCode};
use crate::sync::{DryRunStage, SyncAction, Verb};

impl SyncOperation {
    /// One sentence on how it stands.
    pub fn message(&self) -> String {
        match (&self.stopped, self.phase) {
            (Some(why), _) => {
                let (done, all) = self.count();
                format!("{why}; {done} of {all} actions were carried out")
            }
            (None, OperationPhase::Failed) => match &self.superseded {
                Some(revision) => format!("superseded by {revision}: {}", self.failure()),
                None => self.failure(),
            },
            (None, OperationPhase::Succeeded) => self.success(),
            _ => self.progress(),
        }
    }

    /// What came of each object so far, in the order of the plan.
    pub fn results(&self) -> Vec<ResourceResult> {
        let touched = self.plan.actions.iter().enumerate().filter_map(|(index, action)| self.result(index, action));
        let held = self.plan.hold.iter().flat_map(|hold| {
            let message = format!("waits for an approval: {}", hold.reason);
            hold.keys.iter().map(move |key| (key.clone(), ResultCode::PruneSkipped, message.clone()))
        });
        let kept = self.plan.kept.iter().map(|(key, why)| (key.clone(), ResultCode::PruneSkipped, why.clone()));
        let skipped = self.plan.skipped.iter().map(|(key, why)| (key.clone(), ResultCode::SyncFailed, why.clone()));
        let others = held.chain(kept).chain(skipped);
        touched
            .chain(others.map(|(key, status, message)| ResourceResult { key, status, message, hook: None }))
            .collect()
    }

    fn result(&self, index: usize, action: &SyncAction) -> Option<ResourceResult> {
        if matches!(action.verb, Verb::Await | Verb::EnsureNamespace) && !self.tasks[index].state.is_failed() {
            return None;
        }
        let task = &self.tasks[index];
        let deletes = matches!(action.verb, Verb::Delete { .. } | Verb::Forget);
        let dry = self.plan.dry_run == DryRunStage::Only;
        let (status, message) = match (&task.state, &task.checked) {
            (TaskState::Failed(why), _) => (ResultCode::SyncFailed, why.clone()),
            (TaskState::Done(words) | TaskState::Running(words), _) if deletes => (ResultCode::Pruned, words.clone()),
            (TaskState::Done(words) | TaskState::Running(words), _) => (ResultCode::Synced, words.clone()),
            (_, Some(Checked::Refused(why))) => (ResultCode::SyncFailed, format!("the dry run was refused: {why}")),
            (_, Some(Checked::Unchecked(why))) if dry => (ResultCode::Synced, format!("not checked (dry run): {why}")),
            _ if dry && deletes => (ResultCode::Pruned, "would be deleted (dry run)".into()),
            (_, Some(Checked::Fine)) if dry => (ResultCode::Synced, format!("{} (dry run)", action.reason)),
            _ if action.confirm && self.waits_for_confirmation(index) => {
                (ResultCode::PruneSkipped, "waits for a confirmation".into())
            }
            _ => return None,
        };
        let hook = action.is_hook().then(|| HookResult { phase: action.phase, outcome: phase_of(&task.state) });
        Some(ResourceResult { key: action.key.clone(), status, message, hook })
    }

    fn count(&self) -> (usize, usize) {
        let counts = |action: &SyncAction| !matches!(action.verb, Verb::Await);
        let done = self.plan.actions.iter().zip(&self.tasks);
        let done = done
            .filter(|(action, task)| counts(action) && !matches!(task.state, TaskState::Waiting | TaskState::Checking));
        (done.count(), self.plan.actions.iter().filter(|action| counts(action)).count())
    }

    fn failure(&self) -> String {
        let all = self.count().1;
        let failed: Vec<(usize, &str)> = self
            .tasks
            .iter()
            .enumerate()
            .filter_map(|(index, task)| match (&task.state, &task.checked) {
                (TaskState::Failed(why), _) | (TaskState::Waiting, Some(Checked::Refused(why))) => {
                    Some((index, why.as_str()))
                }
                _ => None,
            })
            .collect();
        let first = failed.first().map(|(index, why)| {
            let key = &self.plan.actions[*index].key;
            // The cluster's words often name the object already.
            if why.starts_with(&key.to_string()) { format!(": {why}") } else { format!(": {key}: {why}") }
        });
        let first = first.unwrap_or_else(|| self.first_skipped());
        if self.stage == Stage::Over && self.refused_by_dry_run() {
            return format!(
                "nothing was written: the dry run was refused for {} of {all} actions{first}",
                failed.len()
            );
        }
        format!("{} of {all} actions failed{first}", failed.len())
    }

    fn first_skipped(&self) -> String {
        let first = self.plan.skipped.first();
        first.map(|(key, why)| format!("; {} left alone: {key} {why}", self.plan.skipped.len())).unwrap_or_default()
    }

    fn success(&self) -> String {
        let dry =
            if self.plan.dry_run == DryRunStage::Only { "dry run: nothing was written; it would be " } else { "" };
        match &self.plan.hold {
            Some(hold) => {
                format!("{dry}successfully synced; {} deletions wait for an approval: {}", hold.count, hold.reason)
            }
            None => format!("{dry}successfully synced"),
        }
    }

    fn progress(&self) -> String {
        if let Some(why) = &self.blocked {
            return format!("paused: {why}");
        }
        let and_more = |count: usize| if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        let running: Vec<usize> = (0..self.tasks.len()).filter(|index| self.tasks[*index].state.is_running()).collect();
        if let Some(first) = running.first() {
            let (action, task) = (&self.plan.actions[*first], &self.tasks[*first]);
            let what = match action.verb {
                Verb::RunHook { .. } => format!("completion of the {} hook", action.phase),
                Verb::Delete { .. } => "deletion of".to_owned(),
                _ => "health of".to_owned(),
            };
            let words = match &task.state {
                TaskState::Running(words) if !words.is_empty() => format!(": {words}"),
                _ => String::new(),
            };
            return format!("waiting for the {what} {}{}{words}", action.key, and_more(running.len()));
        }
        let confirm: Vec<usize> = (0..self.tasks.len()).filter(|index| self.waits_for_confirmation(*index)).collect();
        let asked = self.tasks.iter().any(|task| task.state.is_asked());
        if let Some(first) = confirm.first().filter(|_| !asked) {
            let key = &self.plan.actions[*first].key;
            return format!("waiting for a confirmation of the deletion of {key}{}", and_more(confirm.len()));
        }
        let (done, all) = self.count();
        let stage = if self.stage == Stage::Checking { "asking the server first (dry run); " } else { "" };
        format!("{stage}{done} of {all} actions carried out")
    }
}

fn phase_of(state: &TaskState) -> OperationPhase {
    match state {
        TaskState::Done(_) => OperationPhase::Succeeded,
        TaskState::Failed(_) => OperationPhase::Failed,
        _ => OperationPhase::Running,
    }
}
