//! DaemonSet: healthy when the newest template runs on every node that it should, and is available.

use super::Health;
use super::part::{Malformed, Part};

pub(super) fn check(set: Part<'_>) -> Result<Health, Malformed> {
    if set.is_unobserved()? {
        return Ok(Health::progressing(
            "Waiting for rollout to finish: observed daemon set generation less than desired generation",
        ));
    }
    let updated = set.count("status.updatedNumberScheduled")?;
    let desired = set.count("status.desiredNumberScheduled")?;
    let available = set.count("status.numberAvailable")?;
    let name = set.text("metadata.name")?;
    let waiting =
        |for_what| Health::progressing(format!("Waiting for daemon set {name:?} rollout to finish: {for_what}"));
    Ok(if set.text("spec.updateStrategy.type")? == "OnDelete" {
        Health::healthy(format!("daemon set {updated} out of {desired} new pods have been updated"))
    } else if updated < desired {
        waiting(format!("{updated} out of {desired} new pods have been updated..."))
    } else if available < desired {
        waiting(format!("{available} of {desired} updated pods are available..."))
    } else {
        Health::healthy("")
    })
}
