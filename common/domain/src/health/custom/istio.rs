//! Istio: its configuration has a status only where somebody switched that on, and then it only complains.

use super::super::Health;
use super::super::part::{Malformed, Part};
use super::Entry;
use super::rule::{Phases, Summary, unobserved};

const NETWORKING: &str = "networking.istio.io";
const SECURITY: &str = "security.istio.io";

pub(super) const KINDS: &[Entry] = &[
    Entry::own(NETWORKING, "VirtualService", config),
    Entry::own(NETWORKING, "DestinationRule", config),
    Entry::own(NETWORKING, "Gateway", config),
    Entry::own(NETWORKING, "ServiceEntry", config),
    Entry::own(NETWORKING, "Sidecar", config),
    Entry::own(NETWORKING, "WorkloadEntry", config),
    Entry::own(NETWORKING, "EnvoyFilter", config),
    Entry::own(SECURITY, "AuthorizationPolicy", config),
    Entry::own(SECURITY, "PeerAuthentication", config),
    Entry::own(SECURITY, "RequestAuthentication", config),
    Entry::phases(
        "install.istio.io",
        "IstioOperator",
        Phases::of("status.status", &["HEALTHY"]).suspended(&["ACTION_REQUIRED"]).degraded(&["ERROR"]),
    ),
    Entry::summary("sailoperator.io", "Istio", Summary::of(&["Ready", "Reconciled"]).fails(&["ReconcileError"])),
    Entry::summary(
        "sailoperator.io",
        "IstioRevision",
        Summary::of(&["Ready", "Reconciled"]).fails(&["ReconcileError"]),
    ),
];

/// `validationMessages` of level ERROR: the proxies do not have it as it is written. `Reconciled` counts proxies that have it.
fn config(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(waiting) = unobserved(&object)? {
        return Ok(waiting);
    }
    for message in object.list("status.validationMessages")? {
        if message.text("level")? == "ERROR" {
            let (code, name) = (message.text("type.code")?, message.text("type.name")?);
            let url = message.text("documentationUrl")?;
            return Ok(Health::degraded(format!("{code} {name} {url}").trim().to_owned()));
        }
    }
    Ok(match object.condition("Reconciled")? {
        Some(reconciled) if reconciled.status == "False" => Health::progressing(reconciled.words_since()),
        _ => Health::healthy(""),
    })
}
