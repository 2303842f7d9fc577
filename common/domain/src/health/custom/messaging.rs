//! Kafka by Strimzi, RabbitMQ, NATS.

use super::super::part::{Malformed, Part};
use super::super::{Health, HealthStatus};
use super::Entry;
use super::rule::{Rule, Summary, unobserved};

const STRIMZI: &str = "kafka.strimzi.io";
const RABBITMQ: &str = "rabbitmq.com";
/// RabbitMQ's topology kinds, one condition each.
const TOPOLOGY: Summary = Summary::of(&["Ready"]).false_is_bad(&[]);

pub(super) const KINDS: &[Entry] = &[
    Entry::own(STRIMZI, "Kafka", strimzi),
    Entry::own(STRIMZI, "KafkaConnect", strimzi),
    Entry::own(STRIMZI, "KafkaConnector", strimzi),
    Entry::own(STRIMZI, "KafkaMirrorMaker2", strimzi),
    Entry::own(STRIMZI, "KafkaBridge", strimzi),
    Entry::own(STRIMZI, "KafkaTopic", strimzi),
    Entry::own(STRIMZI, "KafkaUser", strimzi),
    Entry::own(STRIMZI, "KafkaRebalance", rebalance),
    Entry::own(RABBITMQ, "RabbitmqCluster", rabbitmq),
    Entry::summary(RABBITMQ, "Queue", TOPOLOGY),
    Entry::summary(RABBITMQ, "Exchange", TOPOLOGY),
    Entry::summary(RABBITMQ, "Binding", TOPOLOGY),
    Entry::summary(RABBITMQ, "User", TOPOLOGY),
    Entry::summary(RABBITMQ, "Vhost", TOPOLOGY),
    Entry::summary(RABBITMQ, "Policy", TOPOLOGY),
    Entry::summary(RABBITMQ, "Permission", TOPOLOGY),
    Entry { group: "jetstream.nats.io", kind: "*", rule: Rule::Summary(TOPOLOGY) },
];

/// `NotReady` is written instead of `Ready=False`; with reason Creating it passes.
fn strimzi(object: Part<'_>) -> Result<Health, Malformed> {
    let conditions = object.conditions()?;
    let told = |name: &str| conditions.iter().find(|c| c.kind == name && c.is_true());
    if let Some(paused) = told("ReconciliationPaused") {
        return Ok(Health::new(HealthStatus::Suspended, paused.words()));
    }
    if let Some(waiting) = unobserved(&object)? {
        return Ok(waiting);
    }
    Ok(match (told("NotReady"), told("Ready")) {
        (Some(unready), _) if unready.reason == "Creating" => Health::progressing(unready.words_since()),
        (Some(unready), _) => Health::degraded(unready.words()),
        (None, Some(_)) => Health::healthy(""),
        (None, None) => Health::progressing("Waiting for Ready"),
    })
}

/// A proposal waits for a person's approval, unless it approves itself.
fn rebalance(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(waiting) = unobserved(&object)? {
        return Ok(waiting);
    }
    let conditions = object.conditions()?;
    let told = |name: &str| conditions.iter().find(|c| c.kind == name && c.is_true());
    Ok(if let Some(failed) = told("NotReady") {
        Health::degraded(failed.words())
    } else if told("Ready").is_some() {
        Health::healthy("")
    } else if let Some(stopped) = told("Stopped") {
        Health::new(HealthStatus::Suspended, stopped.words())
    } else if told("ProposalReady").is_some() {
        Health::new(
            HealthStatus::Suspended,
            "The proposal waits for an approval (annotation strimzi.io/rebalance=approve)",
        )
    } else if let Some(busy) = told("Rebalancing").or_else(|| told("PendingProposal")) {
        Health::progressing(busy.words_since())
    } else {
        Health::progressing("Waiting for a proposal")
    })
}

/// `ReconcileSuccess=False` is an error of the operator; a cluster that was available once and is not is in trouble, before that it starts.
fn rabbitmq(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(waiting) = unobserved(&object)? {
        return Ok(waiting);
    }
    let conditions = object.conditions()?;
    let named = |name: &str| conditions.iter().find(|c| c.kind == name);
    if let Some(failed) = named("ReconcileSuccess").filter(|c| c.status == "False") {
        return Ok(Health::degraded(failed.words()));
    }
    for name in ["ClusterAvailable", "AllReplicasReady"] {
        match named(name) {
            Some(condition) if condition.is_true() => {}
            Some(condition) => return Ok(Health::progressing(condition.words_since())),
            None => return Ok(Health::progressing(format!("Waiting for {name}"))),
        }
    }
    Ok(Health::healthy(""))
}
