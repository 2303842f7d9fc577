//! How one action of a running operation stands.

use serde::{Deserialize, Serialize};

use super::Checked;

/// How often a hook's clean-up is asked for.
pub(super) const CLEANINGS: u8 = 5;

/// One action's progress.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Task {
    pub state: TaskState,
    /// What the dry run said; `None` before its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked: Option<Checked>,
    /// What is done with a hook that is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleaning: Option<Cleaning>,
}

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) enum TaskState {
    /// Not begun.
    #[default]
    Waiting,
    /// The server is being asked what it would say.
    Checking,
    /// Begun; its answer is not there.
    Begun,
    /// Carried out; its health, end or absence is waited for. The last words heard.
    Running(String),
    /// It went well; the words.
    Done(String),
    /// It did not; why.
    Failed(String),
}

/// Taking a hook's finalizer off, or deleting it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cleaning {
    /// Whether it is deleted, not only given free.
    pub delete: bool,
    /// Whether it is deleted once the release that is under way is answered.
    #[serde(default)]
    pub then_delete: bool,
    pub progress: Progress,
    /// How often it failed.
    pub failures: u8,
}

/// How far a clean-up is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Progress {
    Wanted,
    Asked,
    /// It failed, and is asked for again after a while.
    Resting,
    Over,
}

// === impl TaskState ===

impl TaskState {
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_))
    }

    /// Whether an answer of the shell is waited for.
    pub(super) fn is_asked(&self) -> bool {
        matches!(self, Self::Begun | Self::Checking)
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self, Self::Running(_))
    }

    pub(super) fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

// === impl Cleaning ===

impl Cleaning {
    fn new(delete: bool) -> Self {
        Self { delete, then_delete: false, progress: Progress::Wanted, failures: 0 }
    }
}

// === impl Task ===

impl Task {
    /// Asks for a clean-up, once; a deletion outranks a release.
    pub(super) fn clean(&mut self, delete: bool) {
        match &mut self.cleaning {
            Some(cleaning) if cleaning.delete || !delete => {}
            Some(cleaning) if cleaning.progress == Progress::Asked => cleaning.then_delete = true,
            _ => self.cleaning = Some(Cleaning::new(delete)),
        }
    }

    /// The answer to a clean-up.
    pub(super) fn cleaned(&mut self, failed: bool) {
        if let Some(cleaning) = &mut self.cleaning {
            if cleaning.then_delete {
                *cleaning = Cleaning::new(true);
                return;
            }
            cleaning.failures += u8::from(failed);
            cleaning.progress =
                if failed && cleaning.failures < CLEANINGS { Progress::Resting } else { Progress::Over };
        }
    }

    /// Asks again for a clean-up that failed.
    pub(super) fn clean_again(&mut self) {
        if let Some(cleaning) = self.cleaning.as_mut().filter(|cleaning| cleaning.progress == Progress::Resting) {
            cleaning.progress = Progress::Wanted;
        }
    }

    /// Whether a clean-up is not at its end.
    pub(super) fn is_being_cleaned(&self) -> bool {
        self.cleaning.is_some_and(|cleaning| cleaning.progress != Progress::Over)
    }

    /// What was under way when the process ended is asked for again.
    pub(super) fn resume(&mut self) {
        if self.state.is_asked() {
            self.state = TaskState::Waiting;
        }
        if let Some(cleaning) = &mut self.cleaning
            && cleaning.progress != Progress::Over
        {
            *cleaning = Cleaning::new(cleaning.delete || cleaning.then_delete);
        }
    }
}
