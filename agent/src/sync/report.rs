//! A target's report: from how it stands to what people see.

use std::collections::BTreeMap;
use std::time::Duration;

use uuid::Uuid;
use windlass_domain::application::Cascade;
use windlass_domain::digest::Digest;
use windlass_domain::health::{Contribution, HealthStatus, aggregate};
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{
    Condition, ConditionKind, MAX_MESSAGE_BYTES, OperationState, ResourceStatus, SyncStatus, TargetReport,
    TargetSummary, cut, cut_at,
};
use windlass_domain::sync::{Assessment, ObjectState};
use windlass_domain::target::TargetRow;
use windlass_domain::time::Timestamp;

use super::engine::Engine;
use super::operate::message_of;
use super::target::Target;
use crate::link;

/// The most results of an operation that are reported.
const MAX_RESULTS: usize = 1_000;
/// What a report's objects may take: a quarter of what one message may.
const MAX_REPORT_BYTES: usize = 4 << 20;
/// Where the messages of objects are cut: the longest that the budget allows.
const MESSAGE_LIMITS: [usize; 4] = [MAX_MESSAGE_BYTES, 200, 100, 40];
/// What an object takes beside its texts.
const OBJECT_BYTES: usize = 32;
/// Conflicts that are named.
const MAX_CONFLICTS: usize = 10;
/// How often the progress of a running operation is reported.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

impl Engine {
    /// Reports a target, when anything about it changed.
    pub(super) async fn report(&mut self, application: Uuid) {
        let assessment = self.assess(application);
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application) else { return };
        if target.frozen {
            // The hub has no such target any more: a report of it would make every comparison differ.
            if target.reported.take().is_some() {
                tracing::warn!(application = %target.name(), "the hub no longer lists this target; its objects are left as they are");
                self.tell(link::Input::Forgotten { application }).await;
            }
            return;
        }
        let report = report(application, target, assessment.as_ref(), now);
        // Its digest tells whether it is another one, and takes less room than the report.
        let digest = serde_json::to_vec(&report).ok().map(|bytes| Digest::of(&bytes));
        if target.reported.as_ref().is_some_and(|(last, _)| last.is_some() && *last == digest) {
            return;
        }
        let last_at = target.reported.as_ref().map(|(_, at)| *at);
        if let Some(next) = last_at.map(|at| at + PROGRESS_EVERY).filter(|next| target.running.is_some() && now < *next)
        {
            // Steps of a running operation are grouped; its beginning and its end are said at once.
            return target.wake(next);
        }
        target.conditions.clone_from(&report.summary.conditions);
        target.reported = Some((digest, now));
        fail::fail_point!("agent::report::before");
        self.tell(link::Input::Reported(Box::new(report))).await;
    }
}

fn report(application: Uuid, target: &Target, assessment: Option<&Assessment>, now: Timestamp) -> TargetReport {
    let resources: BTreeMap<String, ResourceStatus> = match (assessment, &target.row) {
        (Some(assessment), _) => assessment.statuses().into_iter().map(|s| (s.key.to_string(), s)).collect(),
        (None, _) => BTreeMap::new(),
    };
    let health = aggregate(assessment.iter().flat_map(|a| a.objects.values()).filter_map(contribution));
    let worst =
        resources.values().filter_map(|r| r.health.as_ref()).find(|h| h.status == health && !h.message.is_empty());
    let orphaned = matches!(&target.row, TargetRow::Removing(removing) if removing.cascade == Cascade::Orphan);
    let mut report = TargetReport {
        application,
        summary: TargetSummary {
            sync: assessment.map_or(SyncStatus::Unknown, Assessment::sync),
            health: if assessment.is_some() { health } else { HealthStatus::Unknown },
            health_message: worst
                .filter(|_| health != HealthStatus::Healthy)
                .map(|h| h.message.clone())
                .unwrap_or_default(),
            revision: target.desired.as_ref().map(|d| d.revision.clone()).unwrap_or_default(),
            bundle: target.desired.as_ref().map(|d| d.digest),
            synced_revision: target.record.synced.as_ref().map(|(_, _, revision)| revision.clone()),
            synced_bundle: target.record.synced.as_ref().map(|(bundle, _, _)| *bundle),
            conditions: conditions(target, assessment, now),
            hold: assessment.and_then(|a| a.hold.clone()),
            operation: operation(target),
            removed: target.is_removed() && (!target.record.lost || orphaned),
        },
        resources,
    };
    cut_messages(&mut report);
    report
}

/// Every message is cut; a report that would still be over its budget has all of its objects' messages cut shorter.
fn cut_messages(report: &mut TargetReport) {
    let most = MESSAGE_LIMITS.into_iter().find(|most| weight(report, *most) <= MAX_REPORT_BYTES);
    let most = most.unwrap_or(0);
    let summary = &mut report.summary;
    let operation = summary
        .operation
        .iter_mut()
        .flat_map(|op| std::iter::once(&mut op.message).chain(op.results.iter_mut().map(|r| &mut r.message)));
    let conditions = summary.conditions.iter_mut().map(|c| &mut c.message);
    operation.chain(conditions).chain(std::iter::once(&mut summary.health_message)).for_each(cut);
    for resource in report.resources.values_mut() {
        cut_at(&mut resource.message, most);
        if let Some(health) = &mut resource.health {
            cut_at(&mut health.message, most);
        }
    }
}

/// About how many bytes the objects of a report take on the wire when their messages are cut at `most`.
fn weight(report: &TargetReport, most: usize) -> usize {
    let of = |resource: &ResourceStatus| {
        let key = &resource.key;
        let names = key.group.len() + key.kind.len() + key.namespace.len() + key.name.len() + resource.version.len();
        let health = resource.health.as_ref().map_or(0, |health| health.message.len().min(most));
        OBJECT_BYTES + names + resource.message.len().min(most) + health
    };
    report.resources.values().map(of).sum()
}

fn contribution(standing: &windlass_domain::sync::Standing) -> Option<Contribution> {
    match (&standing.state, &standing.health) {
        (ObjectState::Gone | ObjectState::Extra(_) | ObjectState::Kept(_), _) => None,
        (ObjectState::Missing | ObjectState::NotServed, _) => Some(Contribution::Missing),
        // Nothing is called healthy that nobody has seen.
        (ObjectState::Unknown(_), _) => Some(Contribution::Assessed(HealthStatus::Unknown)),
        (_, Some(_)) if standing.health_ignored => Some(Contribution::Neutral),
        (_, Some(health)) => Some(Contribution::Assessed(health.status)),
        (_, None) => Some(Contribution::Neutral),
    }
}

fn operation(target: &Target) -> Option<OperationState> {
    let asked = match &target.row {
        TargetRow::Present(spec) => spec.operation.as_ref().map(|request| request.id),
        TargetRow::Removing(_) => None,
    };
    // A person's result is said until the hub has it, whatever ran since.
    let manual = target.record.manual.as_ref().filter(|manual| Some(manual.id) == asked);
    let mut state = manual.or(target.record.operation.as_ref())?.clone();
    if let Some(running) = target.running.as_ref().filter(|running| running.id == state.id) {
        state.phase = running.operation.phase();
        state.message = message_of(&target.row, running);
    }
    state.results.truncate(MAX_RESULTS);
    Some(state)
}

fn conditions(target: &Target, assessment: Option<&Assessment>, now: Timestamp) -> Vec<Condition> {
    let mut found: Vec<(ConditionKind, String)> = Vec::new();
    let failed = target
        .record
        .operation
        .as_ref()
        .filter(|op| matches!(op.phase, OperationPhase::Failed | OperationPhase::Error));
    let removing = matches!(target.row, TargetRow::Removing(_));
    if let Some(operation) = failed.filter(|_| target.running.is_none()) {
        let kind = if removing { ConditionKind::DeletionError } else { ConditionKind::SyncError };
        found.push((kind, operation.message.clone()));
    }
    if let Some(key) =
        target.inventory.entries.keys().next().filter(|_| removing && target.running.is_none() && found.is_empty())
    {
        let count = target.inventory.entries.len();
        let message = format!(
            "waits until {count} objects are gone, {key} among them; a finalizer or a missing answer may hold them up"
        );
        found.push((ConditionKind::DeletionError, message));
    }
    if let Some(assessment) = assessment {
        let refused: Vec<String> =
            assessment.refused().map(|(key, owner)| format!("{key} belongs to {owner}")).collect();
        if let Some(first) = refused.first() {
            let more = if refused.len() > 1 { format!(" (and {} more)", refused.len() - 1) } else { String::new() };
            let message =
                format!("{first}{more}; it was left alone: `windlass app adopt {}` takes it over", target.name());
            found.push((ConditionKind::SharedResourceWarning, message));
        }
        if let Some((_, rule)) = assessment.fenced().next() {
            let more = assessment.fenced().count() - 1;
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            found.push((ConditionKind::ExcludedResourceWarning, format!("{rule}{more}")));
        }
        if let Some((key, owner)) = assessment.shared.first() {
            let more = assessment.shared.len() - 1;
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            found.push((ConditionKind::SharedResourceWarning, format!("{key} is also {owner}'s{more}")));
        }
        let prunes = target.desired.as_ref().is_some_and(|d| d.settings.prune);
        if let Some(hold) = assessment.hold.as_ref().filter(|_| prunes) {
            let message = format!("{}; `windlass app approve {}` lets it happen", hold.reason, target.name());
            found.push((ConditionKind::PruneHeld, message));
        }
    }
    if removing && target.record.lost {
        let message = "the agent's inventory was lost and is being rebuilt from the cluster: what is left of the application is not known yet; delete it with cascade orphan to let go";
        found.push((ConditionKind::DeletionError, message.into()));
    }
    if let Some(blocked) = &target.blocked {
        found.push((blocked.kind, blocked.why.clone()));
    }
    found.extend(target.conflicts.iter().take(MAX_CONFLICTS).map(|c| (ConditionKind::FieldConflict, c.to_string())));
    if let Some(error) = &target.storage_error {
        found.push((ConditionKind::StorageError, error.clone()));
    }
    let since = |kind: ConditionKind, message: &str| {
        let before = target.conditions.iter().find(|c| c.kind == kind && c.message == message);
        before.map_or(now, |c| c.since)
    };
    found.into_iter().map(|(kind, message)| Condition { since: since(kind, &message), kind, message }).collect()
}
