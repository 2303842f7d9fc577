//! Gateway API: conditions per parent and per listener.

use super::super::Health;
use super::super::part::{Condition, Malformed, Part};
use super::Entry;
use super::rule::unobserved;

const GROUP: &str = "gateway.networking.k8s.io";

pub(super) const KINDS: &[Entry] = &[
    Entry::own(GROUP, "GatewayClass", class),
    Entry::own(GROUP, "Gateway", gateway),
    Entry::own(GROUP, "HTTPRoute", route),
    Entry::own(GROUP, "GRPCRoute", route),
    Entry::own(GROUP, "TLSRoute", route),
    Entry::own(GROUP, "TCPRoute", route),
    Entry::own(GROUP, "UDPRoute", route),
    Entry::own(GROUP, "BackendTLSPolicy", policy),
];

/// Reasons of a False that pass by themselves.
const WAITS: &[&str] = &["Pending", "Waiting", "AddressNotAssigned", "NoResources"];

fn class(object: Part<'_>) -> Result<Health, Malformed> {
    judge(&object, &object.list("status.conditions")?, &["Accepted"], &[])
}

fn gateway(object: Part<'_>) -> Result<Health, Malformed> {
    let whole = judge(&object, &object.list("status.conditions")?, &["Programmed", "Accepted"], &[])?;
    let mut worst = whole;
    for listener in object.list("status.listeners")? {
        let health = judge(&object, &listener.list("conditions")?, &["ResolvedRefs"], &["Conflicted"])?;
        if health.status > worst.status {
            worst = Health::new(health.status, format!("listener {}: {}", listener.text("name")?, health.message));
        }
    }
    Ok(worst)
}

/// Each Gateway that it names answers for itself; one that nobody answered for yet is waited for.
fn route(object: Part<'_>) -> Result<Health, Malformed> {
    of_parents(&object, "status.parents", "spec.parentRefs")
}

fn policy(object: Part<'_>) -> Result<Health, Malformed> {
    of_parents(&object, "status.ancestors", "")
}

fn of_parents(object: &Part<'_>, answers: &str, asked: &str) -> Result<Health, Malformed> {
    if let Some(waiting) = unobserved(object)? {
        return Ok(waiting);
    }
    let parents = object.list(answers)?;
    let mut worst = if parents.is_empty() {
        Health::progressing("Waiting for a Gateway to take it")
    } else if !asked.is_empty() && parents.len() < object.list(asked)?.len() {
        Health::progressing("Waiting for every Gateway that it names to take it")
    } else {
        Health::healthy("")
    };
    for parent in &parents {
        let health = judge(object, &parent.list("conditions")?, &["Accepted", "ResolvedRefs"], &[])?;
        if health.status > worst.status {
            let name = [parent.text("parentRef.name")?, parent.text("ancestorRef.name")?].concat();
            worst = Health::new(health.status, format!("{name}: {}", health.message));
        }
    }
    Ok(worst)
}

/// A condition of an older generation is waited for. Of the good ones the first must be there.
fn judge(object: &Part<'_>, parts: &[Part<'_>], good: &[&str], bad: &[&str]) -> Result<Health, Malformed> {
    let generation = object.count("metadata.generation")?;
    let mut worst = Health::healthy("");
    let mut named = false;
    for part in parts {
        let condition = Condition::of(part)?;
        let old = part.int("observedGeneration")?.is_some_and(|seen| seen < generation);
        let health = match condition.status {
            _ if !good.contains(&condition.kind) && !bad.contains(&condition.kind) => continue,
            _ if old => Health::progressing(format!("Waiting for {} to be about the latest change", condition.kind)),
            "True" if bad.contains(&condition.kind) => Health::degraded(condition.words()),
            "False" if good.contains(&condition.kind) && WAITS.contains(&condition.reason) => {
                Health::progressing(condition.words_since())
            }
            "False" if good.contains(&condition.kind) => Health::degraded(condition.words()),
            "True" => Health::healthy(condition.message),
            _ if good.contains(&condition.kind) => Health::progressing(condition.words_since()),
            _ => Health::healthy(""),
        };
        named |= good.first() == Some(&condition.kind);
        if health.status > worst.status || (worst.message.is_empty() && good.first() == Some(&condition.kind)) {
            worst = if health.status >= worst.status { health } else { worst };
        }
    }
    let waits_for_first = !named && bad.is_empty();
    Ok(match good.first() {
        Some(first) if waits_for_first && worst.status < super::super::HealthStatus::Progressing => {
            Health::progressing(format!("Waiting for {first}"))
        }
        _ => worst,
    })
}
