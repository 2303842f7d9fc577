//! CustomResourceDefinition: healthy when its kind is served as written.

use super::Health;
use super::part::{Condition, Malformed, Part};

pub(super) fn check(definition: Part<'_>) -> Result<Health, Malformed> {
    let conditions = definition.conditions()?;
    let is = |kind: &str, status: &str| conditions.iter().find(|c| c.kind == kind && c.status == status);
    Ok(if conditions.is_empty() {
        Health::progressing("Status conditions not found")
    } else if let Some(terminating) = is("Terminating", "True") {
        Health::progressing(with("CRD is terminating", terminating))
    } else if let Some(refused) = is("NamesAccepted", "False") {
        Health::degraded(with("CRD names have not been accepted", refused))
    } else if is("Established", "True").is_none() {
        Health::degraded("CRD is not established")
    } else if let Some(violation) = is("NonStructuralSchema", "True") {
        Health::degraded(with("Schema violations found", violation))
    } else {
        Health::healthy("CRD is healthy")
    })
}

fn with(what: &str, condition: &Condition<'_>) -> String {
    format!("{what}: {}", condition.message)
}
