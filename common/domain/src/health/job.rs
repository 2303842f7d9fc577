//! Job: healthy when complete, degraded when failed.

use super::part::{Malformed, Part};
use super::{Health, HealthStatus};

/// A failure outweighs everything. A Job that was suspended and runs again (Kueue starts every Job so) is waited for; Argo CD takes it for
/// healthy, and goes on with the next wave.
pub(super) fn check(job: Part<'_>) -> Result<Health, Malformed> {
    if let Some(failed) = job.condition("Failed")? {
        return Ok(Health::degraded(failed.message));
    }
    let (complete, suspended) = (job.condition("Complete")?, job.condition("Suspended")?);
    Ok(match (complete, suspended) {
        (_, Some(suspended)) if suspended.is_true() => Health::new(HealthStatus::Suspended, suspended.message),
        (Some(complete), _) => Health::healthy(complete.message),
        (None, _) => Health::progressing("Waiting for the job to complete"),
    })
}
