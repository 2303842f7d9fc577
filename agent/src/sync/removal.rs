//! A target on its way out.

use uuid::Uuid;
use windlass_domain::hook::Phase;
use windlass_domain::live::Observed;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::sync::{Need, RemovalFacts, plan_removal};
use windlass_domain::target::{Removing, TargetRow};
use windlass_domain::time::Timestamp;
use windlass_domain::traits::TraitsMap;

use super::begin::{Begin, automated_id_of};
use super::engine::Engine;
use super::running::run_of;
use super::target::Target;

/// How long one attempt to remove everything may take: finalizers have their own pace.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(600);

impl Engine {
    pub(super) async fn evaluate_removal(&mut self, application: Uuid) {
        let Some(target) = self.targets.get(&application).filter(|target| !target.frozen) else { return };
        let TargetRow::Removing(removing) = target.row.clone() else { return };
        if target.running.is_some() {
            return self.follow_removal(application, removing.deletion_confirmed).await;
        }
        let live = self.watched.of_target(application);
        let is_gone = |key: &&ResourceKey| matches!(live.get(key), Observed::Absent);
        let gone: Vec<ResourceKey> = target.inventory.entries.keys().filter(is_gone).cloned().collect();
        if !gone.is_empty() {
            self.forget(application, &gone);
        }
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application) else { return };
        if target.is_removed() || target.record.lost {
            return;
        }
        if let Some(at) = target.retry_at.filter(|at| now < *at) {
            return target.wake(at);
        }
        if self.blocked_at(application, false).is_some() {
            return;
        }
        self.remove(application, &removing, now).await;
    }

    async fn remove(&mut self, application: Uuid, removing: &Removing, now: Timestamp) {
        let live = self.watched.of_target(application);
        let discovery = self.settled_discovery(application);
        let Some(target) = self.targets.get(&application) else { return };
        let attempt = target.record.failures;
        let interrupted = target.interrupted();
        let id = interrupted.unwrap_or_else(|| automated_id_of(application, b"removal", attempt, now));
        let (owner, none) = (target.owner(&self.parts.installation), TraitsMap::default());
        let plan = plan_removal(&RemovalFacts {
            inventory: &target.inventory,
            live: &live,
            owner: &owner,
            discovery: &discovery,
            removing,
            bundle: target.desired.as_ref().map(|desired| &*desired.bundle),
            traits: target.desired.as_ref().map_or(&none, |desired| &desired.traits),
            run: &run_of(id, attempt),
            fence: target.desired.as_ref().and_then(|desired| desired.settings.fence.as_ref()),
            passed: target.record.removed,
        });
        let api_version = |key: &ResourceKey| target.inventory.entries.get(key).map(|entry| entry.api_version.clone());
        let unknown = plan
            .skipped
            .iter()
            .filter_map(|(key, _)| Some(Need::Look { key: key.clone(), api_version: api_version(key)? }));
        let unknown: Vec<Need> = unknown.collect();
        if !unknown.is_empty() {
            return self.ask(application, &unknown);
        }
        if plan.actions.is_empty() {
            return;
        }
        let by = format!("removal asked by {}", removing.by);
        let begin = Begin { id, attempt, by, manual: false, deadline: now + DEADLINE, to: None, whole: true };
        self.start(application, begin, plan);
    }
}

impl Target {
    /// Whether nothing of it is left: no object, and no hook that runs at its end.
    pub(super) fn is_removed(&self) -> bool {
        let TargetRow::Removing(removing) = &self.row else { return false };
        let orphaned = removing.cascade == windlass_domain::application::Cascade::Orphan;
        let ends = |phase: &Phase| matches!(phase, Phase::PreDelete | Phase::PostDelete);
        let has_hooks = self.desired.as_ref().is_some_and(|desired| {
            desired.bundle.entries.iter().any(|entry| desired.traits.get(&entry.digest).hooks.iter().any(ends))
        });
        let passed = self.record.removed == Some(Phase::PostDelete);
        self.inventory.entries.is_empty() && self.running.is_none() && (orphaned || !has_hooks || passed)
    }
}
