//! Families of kinds that make things in clouds: Crossplane and its providers, Config Connector, Amazon's and Azure's controllers.

use super::super::part::{Malformed, Part};
use super::super::{Health, HealthStatus};
use super::Entry;
use super::rule::{Summary, unobserved};

/// `Synced` says whether the API took the request, `Ready` whether the thing is there: only the first is a failure.
const PACKAGE: Summary = Summary::of(&["Installed", "Healthy"]).false_is_bad(&[
    "UnpackingPackage",
    "ActivePackageRevision",
    "InactivePackageRevision",
    "UnknownPackageRevisionHealth",
]);
const ACK: Summary = Summary::of(&["ACK.ResourceSynced"]).bad(&["ACK.Terminal", "ACK.Recoverable"]);
const CONNECTOR: Summary = Summary::of(&["Ready"]).fails(&[
    "UpdateFailed",
    "DeleteFailed",
    "DependencyInvalid",
    "ManagementConflict",
    "PreActuationTransformFailed",
    "PostActuationTransformFailed",
]);

pub(super) const KINDS: &[Entry] = &[
    Entry::summary("pkg.crossplane.io", "Provider", PACKAGE),
    Entry::summary("pkg.crossplane.io", "Configuration", PACKAGE),
    Entry::summary("pkg.crossplane.io", "Function", PACKAGE),
    Entry::summary(
        "apiextensions.crossplane.io",
        "CompositeResourceDefinition",
        Summary::of(&["Established", "Offered"]).busy(&[]),
    ),
    Entry::summary("apiextensions.crossplane.io", "*", Summary::of(&["Ready"]).silent_is_healthy()),
    Entry::own("*.crossplane.io", "*", managed),
    Entry::own("*.upbound.io", "*", managed),
    Entry::summary("*.cnrm.cloud.google.com", "*", CONNECTOR),
    Entry::summary("*.services.k8s.aws", "*", ACK),
    Entry::own("*.azure.com", "*", azure),
];

/// A kind that only configures a provider (`ProviderConfig`) has no conditions and is as healthy as can be told.
fn managed(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(waiting) = unobserved(&object)? {
        return Ok(waiting);
    }
    let conditions = object.conditions()?;
    let named = |name: &str| conditions.iter().find(|c| c.kind == name);
    if let Some(paused) = named("Synced").filter(|c| c.reason == "ReconcilePaused") {
        return Ok(Health::new(HealthStatus::Suspended, paused.words()));
    }
    let failed = ["Synced", "LastAsyncOperation", "AsyncOperation"].into_iter().filter_map(named);
    if let Some(failed) = failed.into_iter().find(|c| c.status == "False") {
        return Ok(Health::degraded(failed.words()));
    }
    Ok(match (named("Ready"), object.field("status")?.exists()) {
        (Some(ready), _) if ready.is_true() => Health::healthy(ready.message),
        (Some(ready), _) => Health::progressing(ready.words_since()),
        (None, _) if object.field("spec")?.field("forProvider")?.exists() => Health::progressing("Waiting for Ready"),
        (None, _) if named("Synced").is_some() => Health::progressing("Waiting for Ready"),
        (None, _) => Health::healthy(""),
    })
}

/// Azure Service Operator says by `severity` whether a `Ready=False` will pass.
fn azure(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(waiting) = unobserved(&object)? {
        return Ok(waiting);
    }
    for part in object.list("status.conditions")? {
        if part.text("type")? == "Ready" {
            let (message, severity) = (part.text("message")?, part.text("severity")?);
            return Ok(match (part.text("status")?, severity) {
                ("True", _) => Health::healthy(message),
                ("False", "Error") => Health::degraded(message),
                _ => Health::progressing(message),
            });
        }
    }
    Ok(Health::progressing("Waiting for Ready"))
}
