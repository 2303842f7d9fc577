//! What holds an application back before any cluster is asked: its deletion, destination, spec and source.

use super::{ApplicationFacts, Explanation, Verdict, words};
use crate::application::{Cascade, Deletion};
use crate::cluster::{ClusterSelector, Operator};
use crate::destination;
use crate::status::{Condition, ConditionKind};
use crate::time::Timestamp;

/// It is being deleted, and no cluster has anything left of it.
pub(super) fn deletion(facts: &ApplicationFacts<'_>) -> Option<Explanation> {
    let deletion = facts.application.deletion.as_ref()?;
    let sentence = format!("{}; no cluster has anything left of it", asked(deletion, facts.now));
    Some(Explanation::new(Verdict::Removing, sentence).since(deletion.requested_at))
}

/// The destination names no cluster.
pub(super) fn destination(facts: &ApplicationFacts<'_>) -> Option<Explanation> {
    let destination = &facts.application.spec.destination;
    let problem = match destination::targets(destination, facts.clusters) {
        Ok(targets) if !targets.is_empty() => return None,
        Ok(_) => {
            let selector = destination.cluster_selector.as_ref().map(selector).unwrap_or_default();
            format!("no cluster has the labels that destination.clusterSelector asks for ({selector})")
        }
        Err(error) => error.to_string(),
    };
    let since = condition(facts, ConditionKind::InvalidSpecError).map(|condition| condition.since);
    let explanation = Explanation::new(Verdict::NoCluster, format!("it goes nowhere: {problem}"));
    Some(explanation.since(since).next("windlass cluster list -o wide"))
}

/// The spec cannot be acted on, or a fence forbids it.
pub(super) fn spec(facts: &ApplicationFacts<'_>) -> Option<Explanation> {
    let condition = condition(facts, ConditionKind::InvalidSpecError)?;
    let sentence = format!("the application cannot be acted on{}: {}", kept(facts), condition.message);
    Some(Explanation::new(Verdict::InvalidSpec, sentence).since(condition.since))
}

/// The source could not be made into a bundle.
pub(super) fn source(facts: &ApplicationFacts<'_>) -> Option<Explanation> {
    let condition = condition(facts, ConditionKind::ComparisonError)?;
    let sentence = format!("the source cannot be used{}: {}", kept(facts), condition.message);
    let refresh = format!("windlass app refresh {}", words::name(&facts.application.name));
    Some(Explanation::new(Verdict::SourceFailed, sentence).since(condition.since).next(refresh))
}

/// Too many clusters would leave at once.
pub(super) fn leavers(facts: &ApplicationFacts<'_>) -> Option<Explanation> {
    let condition = condition(facts, ConditionKind::PruneHeld)?;
    let explanation = Explanation::new(Verdict::Held, condition.message.as_str()).since(condition.since);
    Some(explanation.next("windlass cluster list -o wide"))
}

/// There is no target, and nothing says why: the source was not looked at since.
pub(super) fn not_compiled(facts: &ApplicationFacts<'_>) -> Explanation {
    let refresh = format!("windlass app refresh {}", words::name(&facts.application.name));
    let explanation = match condition(facts, ConditionKind::SourceStale) {
        Some(stale) => {
            let sentence = format!("nothing was made of its source yet: {}", stale.message);
            Explanation::new(Verdict::NotCompiled, sentence).since(stale.since)
        }
        None => {
            let sentence = "nothing was made of its source yet: the hub is about to look at it";
            Explanation::new(Verdict::NotCompiled, sentence).since(facts.application.created_at)
        }
    };
    explanation.next(refresh)
}

/// The destination means other clusters.
pub(super) fn not_a_target(facts: &ApplicationFacts<'_>, cluster: &str) -> Explanation {
    let destination = &facts.application.spec.destination;
    let wanted = match &destination.cluster_selector {
        Some(wanted) => format!("the clusters that match its clusterSelector ({})", selector(wanted)),
        None if !destination.name.is_empty() => format!("cluster {:?}", destination.name),
        None => format!("the cluster at {:?}", destination.server),
    };
    let sentence = format!("it does not go to cluster {cluster:?}: its destination is {wanted}");
    Explanation::new(Verdict::NotATarget, sentence).next("windlass cluster list -o wide")
}

/// Who asked for the deletion, when, and what becomes of the objects.
pub(super) fn asked(deletion: &Deletion, now: Timestamp) -> String {
    let objects = match deletion.cascade {
        Cascade::Foreground | Cascade::Background => "with its objects",
        Cascade::Orphan => "leaving its objects in place",
    };
    let age = words::age(deletion.requested_at, now);
    format!("the application is being deleted {objects}, as {} asked {age} ago", deletion.by)
}

/// The hub's condition of a kind.
pub(super) fn condition<'a>(facts: &ApplicationFacts<'a>, kind: ConditionKind) -> Option<&'a Condition> {
    facts.conditions.iter().find(|condition| condition.kind == kind)
}

/// What stays meanwhile.
fn kept(facts: &ApplicationFacts<'_>) -> String {
    facts.revision.map(|revision| format!(", and {} stays", words::commit(Some(revision)))).unwrap_or_default()
}

/// A selector as `kubectl -l` writes it.
fn selector(selector: &ClusterSelector) -> String {
    let labels = selector.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
    let rules = selector.match_expressions.iter().map(|requirement| {
        let (key, values) = (&requirement.key, requirement.values.join(","));
        match requirement.operator {
            Operator::In => format!("{key} in ({values})"),
            Operator::NotIn => format!("{key} notin ({values})"),
            Operator::Exists => key.clone(),
            Operator::DoesNotExist => format!("!{key}"),
        }
    });
    let all: Vec<_> = labels.chain(rules).collect();
    if all.is_empty() { "any labels".to_owned() } else { all.join(", ") }
}
