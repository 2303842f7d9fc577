//! ReplicaSet: healthy when all its pods are available.

use super::Health;
use super::part::{Malformed, Part};

pub(super) fn check(set: Part<'_>) -> Result<Health, Malformed> {
    if set.is_unobserved()? {
        return Ok(waiting("observed replica set generation less than desired generation"));
    }
    if let Some(failure) = set.condition("ReplicaFailure")?.filter(|condition| condition.is_true()) {
        return Ok(Health::degraded(failure.message));
    }
    let available = set.count("status.availableReplicas")?;
    Ok(match set.int("spec.replicas")? {
        Some(wanted) if available < wanted => {
            waiting(&format!("{available} out of {wanted} new replicas are available..."))
        }
        _ => Health::healthy(""),
    })
}

fn waiting(for_what: &str) -> Health {
    Health::progressing(format!("Waiting for rollout to finish: {for_what}"))
}
