//! Kyverno and Gatekeeper.

use super::super::Health;
use super::super::part::{Malformed, Part};
use super::Entry;

pub(super) const KINDS: &[Entry] = &[
    Entry::own("kyverno.io", "ClusterPolicy", kyverno),
    Entry::own("kyverno.io", "Policy", kyverno),
    Entry::own("policies.kyverno.io", "*", kyverno),
    Entry::own("templates.gatekeeper.sh", "ConstraintTemplate", template),
    Entry::own("constraints.gatekeeper.sh", "*", constraint),
];

/// `Ready`, as a condition, in `conditionStatus`, or, before 1.9, as a boolean.
fn kyverno(object: Part<'_>) -> Result<Health, Malformed> {
    let newer = object.at("status.conditionStatus.ready")?;
    Ok(match object.condition("Ready")? {
        Some(ready) if ready.is_true() => Health::healthy(ready.message),
        Some(ready) if ready.status == "False" => Health::degraded(ready.words()),
        Some(ready) => Health::progressing(ready.words_since()),
        None if newer.exists() && object.is_true("status.conditionStatus.ready")? => Health::healthy(""),
        None if newer.exists() => {
            Health::progressing(or(object.text("status.conditionStatus.message")?, "Waiting for Ready"))
        }
        None if object.is_true("status.ready")? => Health::healthy(""),
        None => Health::progressing("Waiting for Ready"),
    })
}

/// Its CRD is made by Gatekeeper; every Pod of Gatekeeper's reports what it could not compile.
fn template(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(error) = first_error(&object)? {
        return Ok(Health::degraded(error));
    }
    Ok(if object.is_true("status.created")? { Health::healthy("") } else { Health::progressing("Waiting for its CRD") })
}

fn constraint(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(error) = first_error(&object)? {
        return Ok(Health::degraded(error));
    }
    let pods = object.list("status.byPod")?;
    let generation = object.count("metadata.generation")?;
    for pod in &pods {
        if !pod.is_true("enforced")? || pod.count("observedGeneration")? < generation {
            return Ok(Health::progressing("Waiting for every Pod of Gatekeeper to enforce it"));
        }
    }
    Ok(if pods.is_empty() { Health::progressing("Waiting for Gatekeeper") } else { Health::healthy("") })
}

fn first_error(object: &Part<'_>) -> Result<Option<String>, Malformed> {
    for pod in object.list("status.byPod")? {
        if let Some(error) = pod.list("errors")?.first() {
            return Ok(Some(or(error.text("message")?, "Gatekeeper reports an error").to_owned()));
        }
    }
    Ok(None)
}

fn or<'a>(message: &'a str, otherwise: &'a str) -> &'a str {
    if message.is_empty() { otherwise } else { message }
}
