//! The states that an operation can be found in when its process dies, by name. A state that is added has to say here what comes after it, and is then one
//! that no kill point covers: `tests/tests/kill_points.rs` fails until one does.

use super::task::{Progress, TaskState};
use super::{OperationPhase, Stage};

/// Every stage and phase of an operation, every state of a task and of a clean-up.
pub fn states() -> Vec<String> {
    let stages = all(Stage::Checking, |stage| stage.next()).map(|stage| format!("stage {stage:?}"));
    let phases = all(OperationPhase::Running, |phase| phase.next()).map(|phase| format!("phase {phase:?}"));
    let tasks = all(TaskState::Waiting, TaskState::next).map(|task| format!("task {}", task.name()));
    let cleanings = all(Progress::Wanted, |progress| progress.next()).map(|progress| format!("clean-up {progress:?}"));
    stages.chain(phases).chain(tasks).chain(cleanings).collect()
}

fn all<T: Clone>(first: T, next: impl Fn(&T) -> Option<T>) -> impl Iterator<Item = T> {
    std::iter::successors(Some(first), move |one| next(one))
}

impl Stage {
    fn next(self) -> Option<Self> {
        match self {
            Self::Checking => Some(Self::Syncing),
            Self::Syncing => Some(Self::Failing),
            Self::Failing => Some(Self::Cleaning),
            Self::Cleaning => Some(Self::Over),
            Self::Over => None,
        }
    }
}

impl OperationPhase {
    fn next(self) -> Option<Self> {
        match self {
            Self::Running => Some(Self::Terminating),
            Self::Terminating => Some(Self::Failed),
            Self::Failed => Some(Self::Error),
            Self::Error => Some(Self::Succeeded),
            Self::Succeeded => None,
        }
    }
}

impl TaskState {
    fn next(&self) -> Option<Self> {
        match self {
            Self::Waiting => Some(Self::Checking),
            Self::Checking => Some(Self::Begun),
            Self::Begun => Some(Self::Running(String::new())),
            Self::Running(words) => Some(Self::Done(words.clone())),
            Self::Done(words) => Some(Self::Failed(words.clone())),
            Self::Failed(_) => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Checking => "Checking",
            Self::Begun => "Begun",
            Self::Running(_) => "Running",
            Self::Done(_) => "Done",
            Self::Failed(_) => "Failed",
        }
    }
}

impl Progress {
    fn next(self) -> Option<Self> {
        match self {
            Self::Wanted => Some(Self::Asked),
            Self::Asked => Some(Self::Resting),
            Self::Resting => Some(Self::Over),
            Self::Over => None,
        }
    }
}
