//! What holds one target back: its removal, the agent's fences and holds, its cluster, the way of the bundle, and operations.

use super::{ApplicationFacts, Explanation, TargetFacts, Verdict, application, objects, words};
use crate::history;
use crate::operation::OperationPhase;
use crate::status::{ConditionKind, OperationState, ResourceResult, ResultCode, SyncStatus};
use crate::target::PauseKind;

/// It is on its way out, and what that waits for.
pub(super) fn removal(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let deletion = facts.application.deletion.as_ref();
    if target.removing.is_none() && deletion.is_none() {
        return None;
    }
    let cause = match deletion {
        Some(deletion) => application::asked(deletion, facts.now),
        None => format!("the application no longer goes to cluster {}, and is being removed from it", target.cluster),
    };
    let (waits, next) = removal_waits_for(facts, target);
    let since = deletion.map(|deletion| deletion.requested_at);
    Some(Explanation::new(Verdict::Removing, format!("{cause}; {waits}")).since(since).next(next))
}

fn removal_waits_for(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> (String, String) {
    let cluster = target.cluster;
    if let Some(paused) = target.removing.and_then(|removing| removing.paused.as_ref()) {
        let waits =
            format!("that waits on cluster {cluster}, as {} stopped all writes ({})", paused.by, paused.message);
        let freeze = history::frozen(facts.freezes, &facts.application.name, &facts.application.spec.project, cluster);
        return (waits, freeze.map_or_else(|| "windlass freezes".to_owned(), |freeze| freeze.scope.thaw_command()));
    }
    if !target.freshness.connected {
        let waits = format!("that waits for the agent of cluster {cluster}, which is not connected");
        return (waits, format!("windlass cluster get {cluster}"));
    }
    let left: Vec<_> = target.objects.iter().collect();
    let problem = target.condition(ConditionKind::DeletionError).map(|condition| condition.message.clone());
    let problem = problem.or_else(|| operation(target).filter(|operation| is_failed(operation)).map(failure));
    let waits = match (problem, words::first_of(&left)) {
        (Some(problem), _) => format!("that failed and is tried again: {problem}"),
        (None, Some(left)) => format!("left are {left}"),
        (None, None) => "the agent is at it".to_owned(),
    };
    (waits, objects::list_command(facts, target))
}

/// The agent refuses to act on it.
pub(super) fn fence(_: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let spec = target.condition(ConditionKind::InvalidSpecError).map(|condition| (Verdict::InvalidSpec, condition));
    let comparison = target.condition(ConditionKind::ComparisonError).map(|c| (Verdict::SourceFailed, c));
    let (verdict, condition) = spec.or(comparison)?;
    let sentence = format!("the agent of cluster {} refuses it: {}", target.cluster, condition.message);
    Some(Explanation::new(verdict, sentence).since(condition.since))
}

/// A person stopped all writes to it.
pub(super) fn frozen_by_person(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let paused = target.spec?.paused.as_ref().filter(|paused| paused.kind == PauseKind::Freeze);
    let Some(paused) = paused else { return paused_in_cluster(target) };
    let age = words::age(paused.since, facts.now);
    let state = match target.summary {
        Some(summary) if target.is_current() => format!("it is {:?} and {:?}", summary.sync, summary.health),
        _ => format!("{} waits", target.desired()),
    };
    let sentence = format!(
        "nothing is written on cluster {}, as {} froze it {age} ago ({}); {state}",
        target.cluster, paused.by, paused.message
    );
    let project = &facts.application.spec.project;
    let freeze = history::frozen(facts.freezes, &facts.application.name, project, target.cluster);
    let next = freeze.map_or_else(|| "windlass freezes".to_owned(), |freeze| freeze.scope.thaw_command());
    Some(Explanation::new(Verdict::WritesFrozen, sentence).since(paused.since).next(next))
}

/// The agent writes nothing for a reason of its own: an annotation in the cluster, or an application that is only observed.
fn paused_in_cluster(target: &TargetFacts<'_>) -> Option<Explanation> {
    let condition = target.condition(ConditionKind::WritesFrozen)?;
    let sentence = format!("nothing is written on cluster {}: {}", target.cluster, condition.message);
    let next = format!("windlass cluster get {}", target.cluster);
    Some(Explanation::new(Verdict::WritesFrozen, sentence).since(condition.since).next(next))
}

/// Other applications must be ready first.
pub(super) fn dependencies(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let paused = target.spec?.paused.as_ref().filter(|paused| paused.kind == PauseKind::DependsOn)?;
    let sentence = match target.waits {
        [] => format!("{} {}", target.desired(), paused.message),
        [wait, ..] => {
            let named = format!("{}: {}", wait.on, wait.why);
            format!("{} waits for {}", target.desired(), words::with_more(&named, target.waits.len()))
        }
    };
    let explanation = Explanation::new(Verdict::DependencyWait, sentence).since(paused.since);
    let is_unknown = |wait: &&crate::dependency::Wait| wait.why.starts_with("there is no such");
    Some(explanation.next(match target.waits.iter().find(|wait| !is_unknown(wait)) {
        Some(wait) => format!("windlass explain {}", wait.on),
        None => format!("windlass app get {}", name(facts)),
    }))
}

/// A window keeps the agent from bringing what differs.
pub(super) fn window(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let closed = target.condition(ConditionKind::SyncWindowClosed)?;
    if target.summary?.sync == SyncStatus::Synced {
        return None;
    }
    let sentence =
        format!("{} waits for a sync window on cluster {}: {}", target.desired(), target.cluster, closed.message);
    let next = format!("windlass proj get {}", facts.application.spec.project);
    Some(Explanation::new(Verdict::OutsideWindow, sentence).since(closed.since).next(next))
}

/// All is well, with a commit that git has left behind.
pub(super) fn held_at_revision(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let hold = facts
        .hold
        .filter(|_| target.spec.is_some_and(|spec| facts.hold.is_some_and(|hold| hold.bundle == spec.bundle)))?;
    let newest = facts.revision.filter(|newest| *newest != hold.revision);
    let newest = newest.map(|newest| format!("; git is at {}", words::commit(Some(newest)))).unwrap_or_default();
    let sentence = format!(
        "in sync and healthy on cluster {} at {}, where {} holds it{newest}",
        target.cluster,
        words::commit(Some(&hold.revision)),
        hold.by
    );
    let next = format!("windlass app resume {}", name(facts));
    Some(Explanation::new(Verdict::HeldAtRevision, sentence).since(hold.since).next(next))
}

/// Deletions wait for a person. A hold of an older bundle is not one: the newer one may hold something else.
pub(super) fn hold(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let hold = target.summary?.hold.as_ref().filter(|_| target.is_current())?;
    let condition = target.condition(ConditionKind::PruneHeld);
    // Without pruning, a hold only says what would be held.
    if condition.is_none() && !objects::only_prunes_left(target) {
        return None;
    }
    let waits = if hold.count == 1 { "waits" } else { "wait" };
    let sentence = format!("{} {waits} for an approval: {}", words::count(hold.count, "deletion"), hold.reason);
    let explanation = Explanation::new(Verdict::Held, sentence).since(condition.map(|condition| condition.since));
    Some(explanation.next(format!("windlass app approve {} --cluster {}", name(facts), target.cluster)))
}

/// The cluster's agent is not there.
pub(super) fn offline(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    if target.freshness.connected {
        return None;
    }
    let cluster = target.cluster;
    if !target.is_joined {
        let sentence = format!("no agent has joined cluster {cluster} yet; {} waits for it", target.desired());
        let token = format!("windlass cluster token {cluster} -o join.json");
        return Some(Explanation::new(Verdict::NotJoined, sentence).next(token));
    }
    let proven = match target.freshness.verified_at {
        Some(at) => format!("what it reported was last proven {} ago", words::age(at, facts.now)),
        None => "nothing it reported was proven yet".to_owned(),
    };
    let state = match target.summary {
        Some(summary) if target.is_current() => format!(", {:?} and {} then", summary.sync, summary.health),
        _ => format!(", and {} waits for it", target.desired()),
    };
    let sentence = format!("the agent of cluster {cluster} is not connected: {proven}{state}");
    let explanation = Explanation::new(Verdict::Offline, sentence).since(target.freshness.verified_at);
    Some(explanation.next(format!("windlass cluster get {cluster}")))
}

/// The agent is there, and what it reported is not proven to be so now.
pub(super) fn unproven(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    if !target.freshness.stale {
        return None;
    }
    let cluster = target.cluster;
    let explanation = match target.freshness.verified_at {
        Some(at) => {
            let age = words::age(at, facts.now);
            let sentence =
                format!("the agent of cluster {cluster} is connected, but what it reported was last proven {age} ago");
            Explanation::new(Verdict::Stale, sentence).since(at)
        }
        None => {
            let sentence =
                format!("the agent of cluster {cluster} is connected, and its first report is not proven yet");
            Explanation::new(Verdict::NotVerified, sentence)
        }
    };
    Some(explanation.next(format!("windlass cluster get {cluster}")))
}

/// The agent could not keep its copy: it does not act on what it could lose.
pub(super) fn storage(_: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let condition = target.condition(ConditionKind::StorageError)?;
    let sentence = format!("the agent of cluster {} cannot keep its own copy: {}", target.cluster, condition.message);
    let next = format!("windlass cluster get {}", target.cluster);
    Some(Explanation::new(Verdict::StorageError, sentence).since(condition.since).next(next))
}

/// The agent has not heard that the hub lists it.
pub(super) fn frozen(_: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let condition = target.condition(ConditionKind::Frozen)?;
    let sentence = format!("it is frozen on cluster {}: {}", target.cluster, condition.message);
    let next = format!("windlass cluster get {}", target.cluster);
    Some(Explanation::new(Verdict::Frozen, sentence).since(condition.since).next(next))
}

/// The agent's report is about an older bundle, or there is none.
pub(super) fn on_its_way(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let spec = target.spec.filter(|_| !target.is_current())?;
    let (commit, cluster) = (target.desired(), target.cluster);
    let arrived = if target.held == Some(spec.bundle) {
        format!("{commit} has arrived at the agent of cluster {cluster}, which has not reported on it yet")
    } else {
        format!("{commit} is on its way to the agent of cluster {cluster}")
    };
    let before = target.summary.map(|summary| summary.revision.as_str()).filter(|revision| !revision.is_empty());
    let before = before.filter(|revision| *revision != spec.revision);
    let still = before.map(|r| format!("; it still works on {}", words::commit(Some(r)))).unwrap_or_default();
    let explanation = Explanation::new(Verdict::OnItsWay, format!("{arrived}{still}"));
    Some(explanation.next(format!("windlass app wait {} --cluster {cluster}", name(facts))))
}

/// A person's sync that the agent has not begun.
pub(super) fn requested(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let request = target.spec?.operation.as_ref()?;
    if operation(target).is_some_and(|operation| operation.id == request.id) {
        return None;
    }
    let age = words::age(request.requested_at, facts.now);
    let sentence =
        format!("the sync that {} asked for {age} ago has not begun on cluster {}", request.by, target.cluster);
    let next = format!("windlass operation get {}", request.id);
    Some(Explanation::new(Verdict::SyncRequested, sentence).since(request.requested_at).next(next))
}

/// An operation is at work.
pub(super) fn syncing(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let operation = operation(target)?;
    let verb = match operation.phase {
        OperationPhase::Running => "has been running",
        OperationPhase::Terminating => "was asked to stop after running",
        OperationPhase::Failed | OperationPhase::Error | OperationPhase::Succeeded => return None,
    };
    let (commit, age) = (words::commit(Some(&operation.revision)), words::age(operation.started_at, facts.now));
    let trouble = failures(operation).next().map(|_| failure(operation));
    let words = trouble.map(|trouble| format!("so far {trouble}")).unwrap_or_else(|| operation.message.clone());
    let sentence = format!("a sync to {commit} {verb} for {age} on cluster {}: {words}", target.cluster);
    let next = format!("windlass app wait {} --cluster {}", name(facts), target.cluster);
    Some(Explanation::new(Verdict::Syncing, sentence).since(operation.started_at).next(next))
}

/// The last operation failed, and what it was for is still not so.
pub(super) fn failed(facts: &ApplicationFacts<'_>, target: &TargetFacts<'_>) -> Option<Explanation> {
    let operation = operation(target).filter(|operation| is_failed(operation))?;
    if target.summary?.sync == SyncStatus::Synced {
        return None;
    }
    let since = operation.finished_at.unwrap_or(operation.started_at);
    let (commit, age) = (words::commit(Some(&operation.revision)), words::age(since, facts.now));
    let sentence =
        format!("the sync to {commit} failed {age} ago on cluster {}: {}", target.cluster, failure(operation));
    let next = objects::sync_command(facts, target, false);
    Some(Explanation::new(Verdict::SyncFailed, sentence).since(since).next(next))
}

fn operation<'a>(target: &TargetFacts<'a>) -> Option<&'a OperationState> {
    target.summary?.operation.as_ref()
}

fn is_failed(operation: &OperationState) -> bool {
    matches!(operation.phase, OperationPhase::Failed | OperationPhase::Error)
}

fn failures(operation: &OperationState) -> impl Iterator<Item = &ResourceResult> {
    operation.results.iter().filter(|result| result.status == ResultCode::SyncFailed)
}

/// The first object that failed, with the server's words; the operation's own when no object did.
fn failure(operation: &OperationState) -> String {
    let count = failures(operation).count();
    let first = failures(operation).next().map(|result| words::blamed(&result.key, &result.message));
    first.map_or_else(|| operation.message.clone(), |first| words::with_more(&first, count))
}

fn name(facts: &ApplicationFacts<'_>) -> String {
    words::name(&facts.application.name)
}
