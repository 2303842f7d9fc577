//! PersistentVolumeClaim: healthy when bound.

use super::part::{Malformed, Part};
use super::{Health, HealthStatus};

pub(super) fn check(claim: Part<'_>) -> Result<Health, Malformed> {
    Ok(match claim.text("status.phase")? {
        "Bound" => Health::healthy(""),
        "Pending" => Health::progressing("Waiting for a volume to be bound"),
        "Lost" => Health::degraded("The bound volume no longer exists"),
        phase => Health::new(HealthStatus::Unknown, format!("status.phase is {phase:?}")),
    })
}
