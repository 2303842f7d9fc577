//! Rook's Ceph, MinIO, Longhorn, and other storage; DNS and load balancing by custom resources.

use super::super::Health;
use super::super::part::{Malformed, Part};
use super::Entry;
use super::rule::{Phases, Summary, unobserved};

const CEPH: &str = "ceph.rook.io";
const CEPH_PART: Phases =
    Phases::of("status.phase", &["Ready", "Connected", "Created"]).degraded(&["Failure", "Error", "ReconcileFailed"]);

pub(super) const KINDS: &[Entry] = &[
    Entry::own(CEPH, "CephCluster", ceph),
    Entry::phases(CEPH, "CephBlockPool", CEPH_PART),
    Entry::phases(CEPH, "CephFilesystem", CEPH_PART),
    Entry::phases(CEPH, "CephObjectStore", CEPH_PART),
    Entry::phases(CEPH, "CephObjectStoreUser", CEPH_PART),
    Entry::phases("objectbucket.io", "ObjectBucketClaim", Phases::of("status.phase", &["Bound"]).degraded(&["Failed"])),
    Entry::phases(
        "minio.min.io",
        "Tenant",
        Phases::of("status.currentState", &["Initialized"])
            .degraded(&[
                "Another MinIO Tenant already exists in the namespace",
                "Tenant credentials are not set properly",
                "Different versions across MinIO Pools",
            ])
            .messages(&[]),
    ),
    Entry::phases("longhorn.io", "Volume", Phases::of("status.robustness", &["healthy"]).degraded(&["faulted"])),
    Entry::phases(
        "projectcontour.io",
        "HTTPProxy",
        Phases::of("status.currentStatus", &["valid"])
            .degraded(&["invalid", "orphaned"])
            .messages(&["status.description"]),
    ),
    Entry::summary("metallb.io", "*", Summary::of(&[]).silent_is_healthy()),
    Entry::summary("cilium.io", "CiliumNetworkPolicy", Summary::of(&["Valid"]).false_is_bad(&[]).silent_is_healthy()),
    Entry::summary(
        "cilium.io",
        "CiliumClusterwideNetworkPolicy",
        Summary::of(&["Valid"]).false_is_bad(&[]).silent_is_healthy(),
    ),
];

/// Warnings are Ceph's normal state while it heals itself.
fn ceph(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(waiting) = unobserved(&object)? {
        return Ok(waiting);
    }
    let (phase, health) = (object.text("status.phase")?, object.text("status.ceph.health")?);
    let message = object.text("status.message")?;
    let words = |otherwise: String| if message.is_empty() { otherwise } else { message.to_owned() };
    Ok(match (phase, health) {
        ("Failure" | "Error", _) => Health::degraded(words(format!("status.phase is {phase}"))),
        (_, "HEALTH_ERR") => Health::degraded("status.ceph.health is HEALTH_ERR"),
        ("Ready" | "Connected", "HEALTH_OK" | "HEALTH_WARN") => Health::healthy(message),
        ("", _) => Health::progressing("Waiting for status.phase"),
        _ => Health::progressing(words(format!("status.phase is {phase}"))),
    })
}
