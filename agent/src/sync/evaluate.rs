//! One target, looked at anew: how does it stand, is there something to do?

use std::time::Duration;

use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::health::{Health, HealthStatus};
use windlass_domain::live::{Drift, DryRun, LiveObject, LiveState, Observed};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{ResourceResult, ResultCode};
use windlass_domain::sync::{Assessment, Facts, ObjectState, assess};
use windlass_domain::target::{TargetRow, TargetSpec};
use windlass_domain::time::Timestamp;

use super::engine::Engine;
use super::keep::Then;
use super::target::{Complete, Target};

/// How long an operation waits until every object was seen.
const KNOWLEDGE_LIMIT: Duration = Duration::from_secs(30);

impl Engine {
    pub(super) async fn evaluate_dirty(&mut self) {
        while let Some(application) = self.dirty.pop_first() {
            if self.keeper.holds(application) {
                // It is looked at once that is durable.
                continue;
            }
            if self.targets.get(&application).is_some_and(|target| target.record.lost) {
                self.recover();
            }
            match self.targets.get(&application).map(|t| t.row.clone()) {
                Some(TargetRow::Present(spec)) => {
                    self.evaluate(application, spec).await;
                }
                Some(TargetRow::Removing(_)) => self.evaluate_removal(application).await,
                None => continue,
            }
            self.flush(application);
            if !self.keeper.holds(application) {
                self.report(application).await;
            }
        }
    }

    async fn evaluate(&mut self, application: Uuid, spec: TargetSpec) {
        self.take_up_bundle(application, &spec);
        if self.end_unstarted(application, &spec).await {
            return;
        }
        let Some(assessment) = self.assess_and_forget(application) else { return };
        self.ask(application, &assessment.needs);
        self.look_at_unwatched(application, &assessment);
        let proved = self.proves_unused(application, &assessment, false);
        let Some(target) = self.targets.get(&application) else { return };
        if target.frozen {
            return;
        }
        if target.running.is_some() {
            return self.follow(application, &spec).await;
        }
        let now = self.parts.clock.now();
        if let Some(target) = self.targets.get_mut(&application) {
            target.forget_conflicts(now);
        }
        let Some(target) = self.targets.get(&application) else { return };
        let asked = spec.operation.clone().filter(|request| !target.knows_operation(request.id));
        let Some(target) = self.targets.get_mut(&application) else { return };
        if !proved || target.awaits_knowledge(&assessment, now) {
            return;
        }
        if let Some(why) = self.blocked_at(application, asked.is_some()) {
            return self.stay(application, asked, why, now).await;
        }
        if let Some(request) = asked {
            return self.start_manual(application, request, &assessment, now).await;
        }
        let Some(target) = self.targets.get(&application) else { return };
        if target.desired.as_ref().is_some_and(|d| d.settings.automated) {
            self.start_automated(application, &assessment, now).await;
        } else if target.desired.is_some() {
            self.end_interrupted(application, "the application is no longer synced by itself");
        }
    }

    /// Assesses a target; the inventory shrinks by what is proved gone.
    fn assess_and_forget(&mut self, application: Uuid) -> Option<Assessment> {
        let assessment = self.assess(application)?;
        let gone = assessment.objects.iter().filter(|(_, s)| s.state == ObjectState::Gone).map(|(key, _)| key.clone());
        let gone: Vec<ResourceKey> = gone.collect();
        if gone.is_empty() {
            return Some(assessment);
        }
        self.forget(application, &gone);
        self.assess(application)
    }

    pub(super) fn forget(&mut self, application: Uuid, gone: &[ResourceKey]) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        for key in gone {
            target.inventory.entries.remove(key);
        }
        let interrupted = target
            .record
            .operation
            .as_mut()
            .filter(|op| op.phase == OperationPhase::Running && target.running.is_none());
        if let Some(operation) = interrupted {
            // The agent died with its own delete: what it deleted is said by the operation that it goes on with.
            operation.results.extend(gone.iter().map(|key| ResourceResult {
                key: key.clone(),
                status: ResultCode::Pruned,
                message: "gone".to_owned(),
                hook: None,
            }));
        }
        self.update_interest(application);
        self.keep(application, Then::Evaluate);
    }

    pub(super) fn assess(&self, application: Uuid) -> Option<Assessment> {
        self.with_facts(application, None, assess)
    }

    /// Calls `decide` with everything known of a target, compared with `bundle` or with its desired one.
    pub(super) fn with_facts<T>(
        &self,
        application: Uuid,
        bundle: Option<&Complete>,
        decide: impl FnOnce(&Facts<'_>) -> T,
    ) -> Option<T> {
        let target = self.targets.get(&application)?;
        let TargetRow::Present(spec) = &target.row else { return None };
        let complete = bundle.or(target.desired.as_ref())?;
        let owner = target.owner(&self.parts.installation);
        let mut live = self.watched.of_target(application);
        live.unused = self.unused_of(target.inventory.entries.keys());
        target.stand_in_for_finished(complete, &mut live);
        if !complete.settings.automated {
            let answers = complete.bundle.entries.iter().flat_map(|entry| self.dry_runs_of(entry.digest));
            live.dry_runs = answers.map(|(k, v)| (k.clone(), v.clone())).collect();
        }
        Some(decide(&Facts {
            bundle: &complete.bundle,
            bundle_digest: complete.digest,
            settings: &complete.settings,
            approval: spec.approval.as_ref(),
            adoption: spec.adoption.as_ref(),
            owner: &owner,
            discovery: &self.parts.discovery,
            live: &live,
            inventory: &target.inventory,
            traits: &complete.traits,
            deletion_confirmed: spec.deletion_confirmed,
        }))
    }

    fn dry_runs_of(&self, digest: Digest) -> impl Iterator<Item = (&(Digest, String), &DryRun)> {
        self.dry_runs.range((digest, String::new())..).take_while(move |((d, _), _)| *d == digest)
    }
}

impl Target {
    /// A Job that finished, made from the manifest that git still has, and that its time to live removed since, counts as it last was.
    fn stand_in_for_finished(&self, complete: &Complete, live: &mut LiveState) {
        for (key, (digest, completed)) in &self.record.finished {
            let is_named = || complete.bundle.entries.iter().any(|entry| entry.digest == *digest);
            if live.get(key) != Observed::Absent || !is_named() {
                continue;
            }
            let (status, message) = match completed {
                true => (HealthStatus::Healthy, "it completed, and its time to live removed it"),
                false => (HealthStatus::Degraded, "it failed, and its time to live removed it"),
            };
            let health = Some(Health { status, message: message.into() });
            let uid = self.inventory.applied_uid(key).unwrap_or_default().to_owned();
            live.set(
                key.clone(),
                Observed::Present(LiveObject { uid, health, drift: Drift::None, ..LiveObject::default() }),
            );
        }
    }

    /// Whether an operation waits for what is not known yet: at a start, and while a watch is away, for a while. After that what is known is done, and
    /// what is not is named.
    pub(super) fn awaits_knowledge(&mut self, assessment: &Assessment, now: Timestamp) -> bool {
        if !assessment.objects.values().any(|s| matches!(s.state, ObjectState::Unknown(_))) {
            self.unknown_since = None;
            return false;
        }
        let until = *self.unknown_since.get_or_insert(now) + KNOWLEDGE_LIMIT;
        if now < until {
            self.wake(until);
        }
        now < until
    }
}
