//! Deployment: healthy when the newest template runs everywhere and is available. As `kubectl rollout status` judges it.

use super::part::{Malformed, Part};
use super::{Health, HealthStatus};

pub(super) fn check(deployment: Part<'_>) -> Result<Health, Malformed> {
    if deployment.is_true("spec.paused")? {
        return Ok(Health::new(HealthStatus::Suspended, "Deployment is paused"));
    }
    if deployment.is_unobserved()? {
        return Ok(waiting("observed deployment generation less than desired generation"));
    }
    let progressing = deployment.condition("Progressing")?;
    if progressing.is_some_and(|condition| condition.reason == "ProgressDeadlineExceeded") {
        let name = deployment.text("metadata.name")?;
        return Ok(Health::degraded(format!("Deployment {name:?} exceeded its progress deadline")));
    }
    rollout(&deployment)
}

fn rollout(deployment: &Part<'_>) -> Result<Health, Malformed> {
    let updated = deployment.count("status.updatedReplicas")?;
    let all = deployment.count("status.replicas")?;
    let available = deployment.count("status.availableReplicas")?;
    Ok(match deployment.int("spec.replicas")? {
        Some(wanted) if updated < wanted => {
            waiting(&format!("{updated} out of {wanted} new replicas have been updated..."))
        }
        _ if all > updated => waiting(&format!("{} old replicas are pending termination...", all - updated)),
        _ if available < updated => waiting(&format!("{available} of {updated} updated replicas are available...")),
        _ => Health::healthy(""),
    })
}

fn waiting(for_what: &str) -> Health {
    Health::progressing(format!("Waiting for rollout to finish: {for_what}"))
}
