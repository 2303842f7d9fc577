//! Velero and the CSI snapshot controller.

use super::super::Health;
use super::super::part::{Malformed, Part};
use super::Entry;
use super::rule::{Phases, unobserved};

/// Partial failure is failure: something that should have been saved or restored was not.
const RUN: Phases = Phases::of("status.phase", &["Completed"])
    .degraded(&["FailedValidation", "PartiallyFailed", "Failed"])
    .messages(&["status.failureReason", "status.message"]);
const LOCATION: Phases = Phases::of("status.phase", &["Available"]).degraded(&["Unavailable"]);

pub(super) const KINDS: &[Entry] = &[
    Entry::phases("velero.io", "Backup", RUN),
    Entry::phases("velero.io", "Restore", RUN),
    Entry::phases(
        "velero.io",
        "DataUpload",
        Phases::of("status.phase", &["Completed"]).degraded(&["Failed", "Canceled"]),
    ),
    Entry::phases(
        "velero.io",
        "DataDownload",
        Phases::of("status.phase", &["Completed"]).degraded(&["Failed", "Canceled"]),
    ),
    Entry::phases(
        "velero.io",
        "Schedule",
        Phases::of("status.phase", &["Enabled"]).stop(&["spec.paused"]).degraded(&["FailedValidation"]),
    ),
    Entry::phases("velero.io", "BackupStorageLocation", LOCATION),
    Entry::phases("velero.io", "VolumeSnapshotLocation", LOCATION),
    Entry::phases("velero.io", "BackupRepository", Phases::of("status.phase", &["Ready"]).degraded(&["NotReady"])),
    Entry::own("snapshot.storage.k8s.io", "VolumeSnapshot", snapshot),
    Entry::own("snapshot.storage.k8s.io", "VolumeSnapshotContent", snapshot),
];

fn snapshot(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(waiting) = unobserved(&object)? {
        return Ok(waiting);
    }
    let error = object.at("status.error")?;
    if object.is_true("status.readyToUse")? {
        Ok(Health::healthy(""))
    } else if error.exists() {
        Ok(Health::degraded(error.text("message")?))
    } else {
        Ok(Health::progressing("Waiting for the snapshot to be ready to use"))
    }
}
