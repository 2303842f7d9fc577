//! Argo Rollouts' Rollout: its phase, once it is about the latest change. Its generations are strings.

use super::part::{Malformed, Part};
use super::{Health, HealthStatus};

pub(super) fn check(rollout: Part<'_>) -> Result<Health, Malformed> {
    let observed = rollout.text("status.observedGeneration")?;
    // Before the first look there is none; versions before 1.0 wrote a hash, which is no number and says nothing.
    let is_unobserved = observed.is_empty() || observed.parse().is_ok_and(|seen: i64| seen < generation(&rollout));
    if is_unobserved {
        return Ok(Health::progressing("Waiting for rollout spec update to be observed"));
    }
    let message = rollout.text("status.message")?;
    Ok(match rollout.text("status.phase")? {
        "Healthy" => Health::healthy(message),
        "Paused" => Health::new(HealthStatus::Suspended, or(message, "Rollout is paused")),
        "Degraded" => Health::degraded(message),
        "" | "Progressing" => Health::progressing(or(message, "Waiting for rollout to finish")),
        phase => Health::new(HealthStatus::Unknown, format!("status.phase is {phase:?}")),
    })
}

fn generation(rollout: &Part<'_>) -> i64 {
    rollout.int("metadata.generation").ok().flatten().unwrap_or(0)
}

fn or<'a>(message: &'a str, otherwise: &'a str) -> &'a str {
    if message.is_empty() { otherwise } else { message }
}
