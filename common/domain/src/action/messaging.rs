//! Strimzi and RabbitMQ.

use serde_json::json;

use super::builtin::{Builtin, Entry, REPLICAS, Run, Word};
use super::subject::Subject;
use super::{Effect, Error};

const KAFKA: &str = "kafka.strimzi.io";
const PAUSED: &str = "strimzi.io/pause-reconciliation";
const REBALANCE: &str = "strimzi.io/rebalance";
const PAUSE: &[Builtin] = &[Builtin::annotate("pause", PAUSED, "true"), Builtin::unannotate("resume", &[PAUSED])];
/// The operator looks at it at its next reconciliation, and removes it.
const ROLLING_UPDATE: Builtin = Builtin::annotate("rolling-update", "strimzi.io/manual-rolling-update", "true");
const RABBIT_PAUSED: &str = "rabbitmq.com/pauseReconciliation";

pub(super) const KINDS: &[Entry] = &[
    Entry::of("core.strimzi.io", "StrimziPodSet", &[&[ROLLING_UPDATE]]),
    Entry::of(KAFKA, "Kafka", &[PAUSE]),
    Entry::of(KAFKA, "KafkaNodePool", &[PAUSE]),
    Entry::of(KAFKA, "KafkaConnect", &[PAUSE]),
    Entry::of(KAFKA, "KafkaMirrorMaker2", &[PAUSE]),
    Entry::of(KAFKA, "KafkaBridge", &[PAUSE]),
    Entry::of(KAFKA, "KafkaTopic", &[PAUSE]),
    Entry::of(KAFKA, "KafkaUser", &[PAUSE]),
    Entry::of(
        KAFKA,
        "KafkaConnector",
        &[&[
            Builtin::annotate("restart", "strimzi.io/restart", "true"),
            Builtin::set("pause", "spec.state", Word::Text("paused")),
            Builtin::set("stop", "spec.state", Word::Text("stopped")),
            Builtin::set("resume", "spec.state", Word::Text("running")).unless(runs),
        ]],
    ),
    Entry::of(
        KAFKA,
        "KafkaRebalance",
        &[&[
            Builtin::annotate("approve", REBALANCE, "approve").unless(|one| lacks(one, &["ProposalReady"])),
            Builtin::annotate("stop", REBALANCE, "stop").unless(|one| lacks(one, &["Rebalancing", "PendingProposal"])),
            Builtin::annotate("refresh", REBALANCE, "refresh").unless(rebalancing),
        ]],
    ),
    Entry::of(
        "rabbitmq.com",
        "RabbitmqCluster",
        &[&[
            Builtin::own("pause", |_| Ok(Effect::patch(json!({"metadata": {"labels": {RABBIT_PAUSED: "true"}}}))))
                .unless(|one| (one.label(RABBIT_PAUSED) == Some("true")).then(|| "it is paused already".to_owned())),
            Builtin::own("resume", |_| Ok(Effect::patch(json!({"metadata": {"labels": {RABBIT_PAUSED: null}}}))))
                .unless(|one| one.label(RABBIT_PAUSED).is_none().then(|| "it is not paused".to_owned())),
            Builtin::own("scale", grow)
                .with(&[REPLICAS], |one, _| one.number("spec.replicas").map(|number| number.to_string())),
        ]],
    ),
];

fn runs(connector: &Subject<'_>) -> Option<String> {
    connector.at("spec.state").is_none().then(|| "it runs: spec.state says nothing else".to_owned())
}

fn lacks(rebalance: &Subject<'_>, states: &[&str]) -> Option<String> {
    let there = states.iter().any(|state| rebalance.has(state));
    (!there).then(|| format!("it is not {}", states.join(" or ")))
}

fn rebalancing(rebalance: &Subject<'_>) -> Option<String> {
    rebalance.has("Rebalancing").then(|| "it is at work: stop it first".to_owned())
}

/// The operator does not scale down.
fn grow(run: &Run<'_>) -> Result<Effect, Error> {
    let (now, wanted) = (run.subject.number("spec.replicas").unwrap_or(1), run.replicas()?);
    if wanted < now {
        let why = format!("{wanted} is less than {now}, and the operator does not scale down");
        return Err(Error::Parameter { name: REPLICAS.to_owned(), why });
    }
    Ok(Effect::patch(json!({"spec": {"replicas": wanted}})))
}
