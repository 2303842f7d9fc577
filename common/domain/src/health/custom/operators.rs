//! The Operator Lifecycle Manager, HashiCorp's and Grafana's neighbours aside.

use super::super::part::{Malformed, Part};
use super::super::{Health, HealthStatus};
use super::Entry;
use super::rule::{Phases, Summary};

pub(super) const KINDS: &[Entry] = &[
    Entry::phases(
        "operators.coreos.com",
        "ClusterServiceVersion",
        Phases::of("status.phase", &["Succeeded"]).degraded(&["Failed", "Unknown"]),
    ),
    Entry::phases(
        "operators.coreos.com",
        "InstallPlan",
        Phases::of("status.phase", &["Complete"]).suspended(&["RequiresApproval"]).degraded(&["Failed"]),
    ),
    Entry::own("operators.coreos.com", "Subscription", subscription),
    Entry::phases(
        "operators.coreos.com",
        "CatalogSource",
        Phases::of("status.connectionState.lastObservedState", &["READY"]).degraded(&["TRANSIENT_FAILURE"]),
    ),
    Entry::summary(
        "olm.operatorframework.io",
        "ClusterExtension",
        Summary::of(&["Installed"]).bad(&["Deprecated"]).fails(&["Failed"]),
    ),
];

/// A manual Subscription with a pending InstallPlan waits for a person.
fn subscription(object: Part<'_>) -> Result<Health, Malformed> {
    let conditions = object.conditions()?;
    let told = |name: &str| conditions.iter().find(|c| c.kind == name && c.is_true());
    if let Some(pending) = told("InstallPlanPending").filter(|c| c.reason == "RequiresApproval") {
        return Ok(Health::new(HealthStatus::Suspended, pending.words()));
    }
    let failed = ["ResolutionFailed", "InstallPlanFailed", "BundleUnpackFailed", "CatalogSourcesUnhealthy"];
    if let Some(failed) = failed.into_iter().find_map(told) {
        return Ok(Health::degraded(failed.words()));
    }
    Ok(match object.text("status.state")? {
        "AtLatestKnown" => Health::healthy(""),
        "UpgradeFailed" => Health::degraded("status.state is UpgradeFailed"),
        "" => Health::progressing("Waiting for status.state"),
        state => Health::progressing(format!("status.state is {state}")),
    })
}
