//! Operations that nobody asked for: new commits, drift, retries.

use std::time::Duration;

use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::OperationState;
use windlass_domain::sync::heal::Drifted;
use windlass_domain::sync::{Assessment, Intent, ObjectState, Verb, plan};
use windlass_domain::target::{OperationOptions, TargetRow};
use windlass_domain::time::Timestamp;

use super::begin::{Begin, automated_id};
use super::contents::Completion;
use super::engine::Engine;
use super::keep::Then;
use super::running::run_of;
use super::target::{Complete, Target};

/// How long a conflict is shown after its last heal.
const CONFLICT_SHOWN: Duration = Duration::from_secs(300);

impl Engine {
    pub(super) async fn start_automated(&mut self, application: Uuid, assessment: &Assessment, now: Timestamp) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        let Some(desired) = target.desired.clone() else { return };
        if target.is_halted(&desired) {
            return;
        }
        let settled = target.is_settled();
        let same_bundle = target
            .record
            .synced
            .as_ref()
            .is_some_and(|(b, s, _)| *b == desired.digest && *s == desired.settings_digest);
        if same_bundle && !settled && target.retry_at.is_some_and(|at| now < at) {
            let at = target.retry_at.unwrap_or(now);
            return target.wake(at);
        }
        let has = |wanted: &dyn Fn(&ObjectState) -> bool| assessment.objects.values().any(|s| wanted(&s.state));
        let unapplied = has(&|s| matches!(s, ObjectState::Outdated | ObjectState::Unadopted));
        let confirmed = matches!(&target.row, TargetRow::Present(spec) if spec.deletion_confirmed);
        let extra = desired.settings.prune && assessment.is_prunable(confirmed);
        let drifted =
            desired.settings.self_heal && has(&|s| matches!(s, ObjectState::Drifted(_) | ObjectState::Missing));
        let heal_only = settled && !unapplied && !extra;
        if heal_only && !drifted {
            return;
        }
        let healed = if heal_only { target.heals(assessment, now) } else { None };
        if heal_only && healed.is_none() {
            return;
        }
        if extra && !self.proves_unused(application, assessment, true) {
            return;
        }
        let Some(target) = self.targets.get_mut(&application) else { return };
        let attempt = if same_bundle { target.record.failures } else { 0 };
        // One that a restart cut off goes on under its own id: nobody waits for ever for its end.
        let id = target.interrupted().unwrap_or_else(|| automated_id(application, &desired, attempt, now));
        // Hooks run when a bundle is brought, not when what it brought is mended.
        let options = OperationOptions { apply_only: settled, ..OperationOptions::default() };
        let prune = desired.settings.prune;
        let intent = Intent { prune, heal_only, run: run_of(id, attempt), options, ..Intent::default() };
        let Some((_, mut plan)) = self.with_facts(application, Some(&desired), |facts| plan(facts, &intent)) else {
            return;
        };
        let brought = |(bundle, ..): &(Digest, Digest, String)| *bundle == desired.digest;
        let brought_before =
            self.targets.get(&application).and_then(|target| target.record.synced.as_ref()).is_some_and(brought);
        if brought_before && !desired.settings.self_heal {
            // What this bundle has brought already and somebody changed since is drift: it stays until a commit or a person syncs it.
            let Some(target) = self.targets.get(&application) else { return };
            let brought = |key: &ResourceKey, wanted: &Digest| {
                target.inventory.entries.get(key).is_some_and(|entry| entry.digest == Some(*wanted))
            };
            plan.actions
                .retain(|action| !matches!(&action.verb, Verb::Apply { digest, .. } if brought(&action.key, digest)));
        }
        if let Some(healed) = &healed {
            plan.actions.retain(|action| healed.contains(&action.key) || matches!(action.verb, Verb::EnsureNamespace));
        }
        if same_bundle && let Some(target) = self.targets.get(&application) {
            plan.actions.retain(|action| !target.record.stuck.contains(&action.key));
        }
        let failed = |op: &OperationState| !matches!(op.phase, OperationPhase::Succeeded | OperationPhase::Running);
        let again = self.targets.get(&application).and_then(|t| t.record.operation.as_ref()).is_some_and(failed);
        if plan.is_idle() && !(again && same_bundle) {
            // Nothing is out of sync: hooks alone are no reason for a sync.
            plan.actions.clear();
        }
        if plan.actions.is_empty() && (settled || plan.skipped.is_empty()) {
            return self.settle_without_actions(application, desired);
        }
        if plan.actions.is_empty() && same_bundle {
            // What was left alone stays so until a person, the owner or a commit changes something: all of them come by here.
            return self.end_interrupted(application, "what is left to do cannot be done");
        }
        let by = if heal_only { "self-heal" } else { "automated sync" }.into();
        let deadline = now + desired.settings.timeout();
        let begin = Begin { id, attempt, by, manual: false, deadline, to: Some(desired), whole: true };
        self.start(application, begin, plan);
    }

    /// There is nothing to do for this bundle: it is synced as it is.
    fn settle_without_actions(&mut self, application: Uuid, desired: Complete) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        let synced = (desired.digest, desired.settings_digest, desired.revision);
        let unfinished = target.record.operation.as_ref().is_some_and(|op| op.phase != OperationPhase::Succeeded);
        if target.record.synced.as_ref() == Some(&synced) && !unfinished {
            return;
        }
        target.record.synced = Some(synced);
        target.record.failures = 0;
        if unfinished && let Some(operation) = &mut target.record.operation {
            operation.phase = OperationPhase::Succeeded;
            operation.message = "in sync; nothing was left to do".into();
            operation.finished_at = Some(self.parts.clock.now());
        }
        self.keep(application, Then::Evaluate);
    }
}

impl Engine {
    /// Heals what the last sync brought, while nothing newer may be brought.
    pub(super) async fn heal_synced(&mut self, application: Uuid, now: Timestamp) {
        let Some(target) = self.targets.get(&application) else { return };
        let Some((bundle, settings, revision)) = target.record.synced.clone() else { return };
        let Completion::Complete(synced, _) = self.contents.assemble(bundle, settings, &revision) else { return };
        if !synced.settings.automated || !synced.settings.self_heal {
            return;
        }
        let id = automated_id(application, &synced, target.record.failures, now);
        let intent = Intent { heal_only: true, run: run_of(id, 0), ..Intent::default() };
        let Some((assessment, mut plan)) = self.with_facts(application, Some(&synced), |facts| plan(facts, &intent))
        else {
            return;
        };
        let Some(target) = self.targets.get_mut(&application) else { return };
        let Some(healed) = target.heals(&assessment, now) else { return };
        plan.actions.retain(|action| healed.contains(&action.key));
        if plan.actions.is_empty() {
            return;
        }
        let deadline = now + synced.settings.timeout();
        let by = "self-heal".to_owned();
        let begin = Begin { id, attempt: 0, by, manual: false, deadline, to: Some(synced), whole: true };
        self.start(application, begin, plan);
    }
}

impl Target {
    /// Which objects may be healed now; `None`: none. Where somebody keeps writing the same fields, heals become slower, and the other one is named.
    fn heals(&mut self, assessment: &Assessment, now: Timestamp) -> Option<Vec<ResourceKey>> {
        // What a person's sync that failed never came to is not healed: the hooks before it did not pass.
        let cut_short = self.record.operation.as_ref().is_some_and(|op| op.phase != OperationPhase::Succeeded);
        let drifted = assessment.objects.iter().filter_map(|(key, standing)| {
            let paths = match &standing.state {
                ObjectState::Drifted(paths) => paths.clone(),
                ObjectState::Missing if cut_short && self.inventory.applied_uid(key).is_none() => return None,
                ObjectState::Missing => vec![],
                _ => return None,
            };
            Some(Drifted { key: key.clone(), paths, writer: self.writers.get(key).cloned() })
        });
        let drifted: Vec<Drifted> = drifted.collect();
        let healing = self.heals.decide(&drifted, now);
        self.conflicts = healing.conflicts;
        healing.wait_until.into_iter().for_each(|until| self.wake(until));
        (!healing.now.is_empty()).then_some(healing.now)
    }

    /// Conflicts that are over are not shown.
    pub(super) fn forget_conflicts(&mut self, now: Timestamp) {
        self.conflicts.retain(|conflict| now < conflict.next_at + CONFLICT_SHOWN);
        if let Some(conflict) = self.conflicts.first() {
            self.wake_at = Some(
                self.wake_at.map_or(conflict.next_at + CONFLICT_SHOWN, |at| at.min(conflict.next_at + CONFLICT_SHOWN)),
            );
        }
    }
}
