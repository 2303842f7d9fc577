//! StatefulSet: healthy when all its pods are ready and, as far as its update strategy asks, of the newest revision.

use super::Health;
use super::part::{Malformed, Part};

pub(super) fn check(set: Part<'_>) -> Result<Health, Malformed> {
    if set.count("status.observedGeneration")? == 0 || set.is_unobserved()? {
        return Ok(Health::progressing("Waiting for statefulset spec update to be observed..."));
    }
    let ready = set.count("status.readyReplicas")?;
    if let Some(wanted) = set.int("spec.replicas")?.filter(|wanted| ready < *wanted) {
        return Ok(Health::progressing(format!("Waiting for {} pods to be ready...", wanted - ready)));
    }
    match set.text("spec.updateStrategy.type")? {
        "RollingUpdate" if set.at("spec.updateStrategy.rollingUpdate")?.exists() => partitioned(&set),
        "OnDelete" => Ok(Health::healthy(format!("statefulset has {ready} ready pods"))),
        _ => rolling(&set),
    }
}

/// The pods below the partition stay at the old revision, and only the others are waited for.
fn partitioned(set: &Part<'_>) -> Result<Health, Malformed> {
    let updated = set.count("status.updatedReplicas")?;
    let partition = set.int("spec.updateStrategy.rollingUpdate.partition")?;
    let wanted =
        set.int("spec.replicas")?.zip(partition).map(|(replicas, partition)| replicas.saturating_sub(partition));
    Ok(match wanted {
        Some(wanted) if updated < wanted => Health::progressing(format!(
            "Waiting for partitioned roll out to finish: {updated} out of {wanted} new pods have been updated..."
        )),
        _ => Health::healthy(format!("partitioned roll out complete: {updated} new pods have been updated...")),
    })
}

fn rolling(set: &Part<'_>) -> Result<Health, Malformed> {
    let (current, update) = (set.text("status.currentRevision")?, set.text("status.updateRevision")?);
    if current != update {
        let updated = set.count("status.updatedReplicas")?;
        return Ok(Health::progressing(format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision {update}..."
        )));
    }
    let pods = set.count("status.currentReplicas")?;
    Ok(Health::healthy(format!("statefulset rolling update complete {pods} pods at revision {current}...")))
}
