//! What went wrong or is worth knowing, as conditions on the application; how long each has been so.

use windlass_domain::manifest::ResourceKey;
use windlass_domain::render::RenderError;
use windlass_domain::status::{Condition, ConditionKind};
use windlass_domain::time::Timestamp;

/// The most conditions of one kind that are listed one by one.
const LISTED: usize = 10;

/// A circumstance before it has a beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) kind: ConditionKind,
    /// The thing, the cause and the next step.
    pub(super) message: String,
    /// Whether looking again may help without anybody changing anything.
    pub(super) retry: bool,
}

/// Why a step was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// The application's owner is told.
    Problem(Problem),
    /// The store failed: nobody can be told yet, and the work is done again.
    Store(windlass_store::Error),
}

// === impl Problem ===

impl Problem {
    pub(super) fn comparison(message: impl Into<String>) -> Self {
        Self { kind: ConditionKind::ComparisonError, message: message.into(), retry: false }
    }

    pub(super) fn spec(message: impl Into<String>) -> Self {
        Self { kind: ConditionKind::InvalidSpecError, message: message.into(), retry: false }
    }

    fn warning(kind: ConditionKind, message: String) -> Self {
        Self { kind, message, retry: false }
    }
}

// === impl Failure ===

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<windlass_store::Error> for Failure {
    fn from(error: windlass_store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        Problem { retry: error.is_retryable(), ..Problem::comparison(error.to_string()) }.into()
    }
}

/// What a render says besides its manifests.
pub(super) fn warnings(repeated: impl Iterator<Item = ResourceKey>, said: &[String]) -> Vec<Problem> {
    let repeated =
        repeated.map(|key| format!("{key} is in the source more than once; the last one counts: remove the others"));
    let mut all = listed(ConditionKind::RepeatedResourceWarning, repeated.collect());
    all.extend(listed(ConditionKind::RenderWarning, said.to_vec()));
    all
}

pub(super) fn listed(kind: ConditionKind, mut messages: Vec<String>) -> Vec<Problem> {
    let more = messages.len().saturating_sub(LISTED);
    messages.truncate(LISTED);
    if more > 0 {
        messages.push(format!("and {more} more of the same kind"));
    }
    messages.into_iter().map(|message| Problem::warning(kind, message)).collect()
}

/// Whether a condition tells of the bundle, and stays as long as the bundle does.
pub(super) fn is_of_bundle(condition: &Condition) -> bool {
    matches!(
        condition.kind,
        ConditionKind::RepeatedResourceWarning | ConditionKind::RenderWarning | ConditionKind::HistoryRewritten
    )
}

/// Conditions of `problems`; what was so before keeps its beginning.
pub(super) fn since(problems: &[Problem], before: &[Condition], now: Timestamp) -> Vec<Condition> {
    let begin = |problem: &Problem| {
        let same = before.iter().find(|old| old.kind == problem.kind && old.message == problem.message);
        same.map_or(now, |old| old.since)
    };
    let condition =
        |problem: &Problem| Condition { kind: problem.kind, message: problem.message.clone(), since: begin(problem) };
    problems.iter().map(condition).collect()
}

#[cfg(test)]
mod tests {
    use windlass_domain::time::from_millis;

    use super::*;

    #[test]
    fn what_stays_the_same_keeps_its_beginning() {
        let first = since(&[Problem::comparison("a")], &[], from_millis(1));
        let second = since(&[Problem::comparison("a"), Problem::spec("a")], &first, from_millis(2));
        assert_eq!(second.iter().map(|c| c.since).collect::<Vec<_>>(), [from_millis(1), from_millis(2)]);
    }

    #[test]
    fn many_warnings_are_counted() {
        let all = listed(ConditionKind::RenderWarning, (0..40).map(|n| n.to_string()).collect());
        assert_eq!(
            (all.len(), all.last().map(|p| p.message.as_str())),
            (LISTED + 1, Some("and 30 more of the same kind"))
        );
    }
}
