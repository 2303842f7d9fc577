//! cert-manager.

use super::super::Health;
use super::super::part::{Malformed, Part};
use super::Entry;
use super::rule::{Phases, Summary, unobserved};

/// `state` of ACME's objects, RFC 8555 §7.1.6.
const ACME: Phases =
    Phases::of("status.state", &["valid"]).degraded(&["invalid", "errored", "expired"]).messages(&["status.reason"]);
const ISSUER: Summary = Summary::of(&["Ready"]).false_is_bad(&["Pending"]);

pub(super) const KINDS: &[Entry] = &[
    Entry::own("cert-manager.io", "Certificate", certificate),
    Entry::summary(
        "cert-manager.io",
        "CertificateRequest",
        Summary::of(&["Ready"]).bad(&["Denied", "InvalidRequest"]).false_is_bad(&["Pending"]),
    ),
    Entry::summary("cert-manager.io", "Issuer", ISSUER),
    Entry::summary("cert-manager.io", "ClusterIssuer", ISSUER),
    Entry::phases("acme.cert-manager.io", "Order", ACME),
    Entry::phases("acme.cert-manager.io", "Challenge", ACME),
    Entry::summary("trust.cert-manager.io", "Bundle", Summary::of(&["Synced"]).false_is_bad(&[])),
];

/// While one is being issued the last one is still served, or there is none yet: Progressing. An issuance that failed is said by `Issuing=False`.
fn certificate(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(waiting) = unobserved(&object)? {
        return Ok(waiting);
    }
    let (ready, issuing) = (object.condition("Ready")?, object.condition("Issuing")?);
    let generation = object.count("metadata.generation")?;
    let about = |name: &str| -> Result<i64, Malformed> {
        let conditions = object.list("status.conditions")?;
        let mut seen = generation;
        for condition in &conditions {
            if condition.text("type")? == name {
                seen = condition.int("observedGeneration")?.unwrap_or(generation);
            }
        }
        Ok(seen)
    };
    Ok(match (issuing, ready) {
        (Some(issuing), _) if issuing.is_true() => Health::progressing(issuing.words_since()),
        (Some(issuing), ready) if issuing.reason == "Failed" && !ready.is_some_and(|c| c.is_true()) => {
            Health::degraded(issuing.words())
        }
        (_, Some(_)) if about("Ready")? < generation => {
            Health::progressing("Waiting for Ready to be about the latest change")
        }
        (_, Some(ready)) if ready.is_true() => Health::healthy(ready.message),
        (_, Some(ready)) if ready.status == "False" => Health::degraded(ready.words()),
        (_, Some(ready)) => Health::progressing(ready.words_since()),
        (_, None) => Health::progressing("Waiting for Ready"),
    })
}
