//! PodDisruptionBudget: degraded when its controller could not judge it. That it allows no disruption now is no failure.

use super::Health;
use super::part::{Malformed, Part};

pub(super) fn check(budget: Part<'_>) -> Result<Health, Malformed> {
    let conditions = budget.conditions()?;
    let failed =
        conditions.iter().find(|condition| condition.status == "False" && condition.reason != "InsufficientPods");
    let describe = |reason: &str| format!("PodDisruptionBudget has {reason}");
    Ok(match (failed, conditions.last()) {
        (Some(failed), _) => Health::degraded(describe(failed.reason)),
        (None, Some(last)) => Health::healthy(describe(last.reason)),
        (None, None) => Health::progressing("Waiting for status"),
    })
}
