//! What is wrong with a target's objects once its commit is there: owners, differences, health; and what is said when nothing is.

use super::{ApplicationFacts, Explanation, TargetFacts, Verdict, application, words};
use crate::health::HealthStatus;
use crate::operation::OperationPhase;
use crate::status::{ConditionKind, ResourceStatus, SyncStatus, TargetSummary};

/// An object belongs to somebody else and was left alone.
pub(super) fn not_ours(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let condition = target.condition(ConditionKind::SharedResourceWarning)?;
    let next = format!("windlass app adopt {} --cluster {}", words::name(&facts.application.name), target.cluster);
    // The agent's sentence ends with the next step.
    let sentence = condition.message.split("; it was left alone").next().unwrap_or_default();
    let explanation = Explanation::new(Verdict::NotOurs, format!("{sentence}, and was left alone"));
    Some(explanation.since(condition.since).next(next))
}

/// Live differs from git: who is to change that.
pub(super) fn differing(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let summary = target.summary.filter(|summary| summary.sync == SyncStatus::OutOfSync)?;
    let extra_only = only_prunes_left(target);
    let what = words::first_of(&different(target)).unwrap_or_else(|| "live".to_owned());
    let what = format!("{what} on cluster {}", target.cluster);
    let sync = sync_command(facts, target, extra_only);
    let commit = target.desired();
    let Some(automated) = facts.application.spec.automated() else {
        let sentence = format!("the application is synced by hand, and not as {commit} says: {what}");
        return Some(Explanation::new(Verdict::WaitsForSync, sentence).next(sync));
    };
    if extra_only && !automated.prune {
        let sentence = format!("git no longer has what is in the cluster, and the application does not prune: {what}");
        return Some(Explanation::new(Verdict::PruneOff, sentence).next(sync));
    }
    if !automated.self_heal && !extra_only && was_synced(target, summary) {
        let sentence = format!("changed since {commit} was synced, and the application does not heal: {what}");
        return Some(Explanation::new(Verdict::HealOff, sentence).next(sync));
    }
    let sentence = format!("not as {commit} says yet, and the agent is about to sync it: {what}");
    Some(Explanation::new(Verdict::OutOfSync, sentence).next(list_command(facts, target)))
}

/// It cannot be said whether live is what git says.
pub(super) fn unknown(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let summary = target.summary?;
    if summary.sync != SyncStatus::Unknown {
        return None;
    }
    let objects: Vec<_> = target.objects.iter().filter(|object| object.sync == SyncStatus::Unknown).collect();
    let what = words::first_of(&objects).unwrap_or_else(|| "it has not been compared yet".to_owned());
    let sentence = format!("whether cluster {} is as {} says is not known: {what}", target.cluster, target.desired());
    Some(Explanation::new(Verdict::Unknown, sentence).next(list_command(facts, target)))
}

/// In sync, and not healthy.
pub(super) fn unhealthy(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let summary = target.summary?;
    let verdict = match summary.health {
        HealthStatus::Healthy => return None,
        HealthStatus::Suspended => Verdict::Suspended,
        HealthStatus::Progressing => Verdict::Progressing,
        HealthStatus::Missing => Verdict::Missing,
        HealthStatus::Degraded => Verdict::Degraded,
        HealthStatus::Unknown => Verdict::HealthUnknown,
    };
    let has_it = |object: &&ResourceStatus| object.health.as_ref().is_some_and(|h| h.status == summary.health);
    let objects: Vec<_> = target.objects.iter().filter(has_it).collect();
    let what = words::first_of(&objects).unwrap_or_else(|| summary.health_message.clone());
    let sentence = format!(
        "in sync with {} on cluster {}, and {}: {what}",
        target.desired(),
        target.cluster,
        summary.health.as_str().to_lowercase()
    );
    let next = match verdict {
        Verdict::Progressing => {
            format!("windlass app wait {} --cluster {}", words::name(&facts.application.name), target.cluster)
        }
        _ => list_command(facts, target),
    };
    Some(Explanation::new(verdict, sentence).next(next))
}

/// Nothing is wrong, except perhaps that git cannot be asked.
pub(super) fn fine(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Explanation {
    let proven = target.freshness.verified_at.map(|at| format!(", proven {} ago", words::age(at, facts.now)));
    let fine = format!("in sync with {} and healthy on cluster {}", target.desired(), target.cluster);
    match application::condition(facts, ConditionKind::SourceStale) {
        Some(stale) => {
            let sentence = format!("{fine}, but git could not be asked for a newer one: {}", stale.message);
            let refresh = format!("windlass app refresh {}", words::name(&facts.application.name));
            Explanation::new(Verdict::SourceStale, sentence).since(stale.since).next(refresh)
        }
        None => Explanation::new(Verdict::InSync, format!("{fine}{}", proven.unwrap_or_default())),
    }
}

/// Whether deletions are all that is missing; `false` when the objects are not at hand.
pub(super) fn only_prunes_left(target: &TargetFacts<'_>) -> bool {
    let different = different(target);
    !different.is_empty() && different.iter().all(|object| object.requires_pruning)
}

pub(super) fn sync_command(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>, prune: bool) -> String {
    let prune = if prune { " --prune" } else { "" };
    format!("windlass app sync {} --cluster {}{prune}", words::name(&facts.application.name), target.cluster)
}

pub(super) fn list_command(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> String {
    format!("windlass app resources {} --cluster {}", words::name(&facts.application.name), target.cluster)
}

/// Objects that differ; those that git has come first, because deletions come last.
fn different<'a>(target: &TargetFacts<'a>) -> Vec<&'a ResourceStatus> {
    let mut objects: Vec<_> = target.objects.iter().filter(|object| object.sync == SyncStatus::OutOfSync).collect();
    objects.sort_by_key(|object| object.requires_pruning);
    objects
}

/// Whether the desired bundle was carried out: what differs now was changed since.
fn was_synced(target: &TargetFacts<'_>, summary: &TargetSummary) -> bool {
    let succeeded = summary.operation.as_ref().is_none_or(|operation| operation.phase == OperationPhase::Succeeded);
    succeeded && target.spec.is_some_and(|spec| summary.synced_bundle == Some(spec.bundle))
}
