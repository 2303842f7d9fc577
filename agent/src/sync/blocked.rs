//! Whether a target may be written to at all: observed only, frozen, paused in the cluster, outside of its windows, waiting for another application.

use uuid::Uuid;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{ConditionKind, OperationState};
use windlass_domain::target::{OperationRequest, PauseKind, TargetRow};
use windlass_domain::time::Timestamp;
use windlass_domain::window::{Wish, verdict};

use super::engine::Engine;
use super::target::Target;
use crate::observe::PAUSE;

/// Why nothing may be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// What people see it as.
    pub kind: ConditionKind,
    /// For people; empty while it is only a moment's wait.
    pub why: String,
    /// When the answer may be another one, where that is known.
    pub until: Option<Timestamp>,
}

impl Engine {
    /// Why nothing may be begun on a target; `None`: it may. Asks to be evaluated when that may end.
    pub(super) fn blocked_at(&mut self, application: Uuid, manual: bool) -> Option<Blocked> {
        let target = self.targets.get(&application)?;
        let wish = if manual { Wish::Manual } else { Wish::Automated };
        let blocked = self.blocked(target, wish);
        let target = self.targets.get_mut(&application)?;
        target.blocked = blocked.clone().filter(|blocked| !blocked.why.is_empty());
        blocked.iter().filter_map(|blocked| blocked.until).for_each(|until| target.wake(until));
        blocked
    }

    /// The same for an operation that is under way, if it is one.
    pub(super) fn blocked(&self, target: &Target, wish: Wish) -> Option<Blocked> {
        let settings = target.desired.as_ref().map(|desired| &desired.settings);
        let frozen = |why: String| Some(Blocked { kind: ConditionKind::WritesFrozen, why, until: None });
        if let TargetRow::Removing(removing) = &target.row
            && let Some(paused) = &removing.paused
        {
            return frozen(format!("frozen by {}: {}", paused.by, paused.message));
        }
        if let TargetRow::Present(spec) = &target.row {
            if settings.is_some_and(|settings| settings.observe) {
                return frozen("the application is only observed (syncPolicy.observe): nothing is written".into());
            }
            match &spec.paused {
                Some(paused) if paused.kind == PauseKind::Freeze => {
                    return frozen(format!("frozen by {}: {}", paused.by, paused.message));
                }
                Some(paused) if !matches!(wish, Wish::Running { .. }) && target.brings_news() => {
                    let why = paused.message.clone();
                    return Some(Blocked { kind: ConditionKind::DependencyWait, why, until: None });
                }
                _ => {}
            }
        }
        if let Some(paused) = self.paused_in_cluster(target) {
            return Some(paused);
        }
        let windows =
            settings.filter(|_| matches!(target.row, TargetRow::Present(_))).map(|settings| &settings.windows)?;
        let now = self.parts.clock.now();
        let verdict = verdict(windows, wish, now, &|name| jiff::tz::db().get(name).ok());
        let until = verdict.until;
        verdict.closed.map(|why| Blocked { kind: ConditionKind::SyncWindowClosed, why, until })
    }

    /// `kubectl annotate namespace NAME windlass.dev/pause=WHY`: on the agent's own namespace for all, on any that a target has objects in for it.
    fn paused_in_cluster(&self, target: &Target) -> Option<Blocked> {
        let blocked = |why, until| Some(Blocked { kind: ConditionKind::WritesFrozen, why, until });
        // A cluster that does not say so for a while is not paused: an agent that may not list namespaces works all the same.
        let Some(pauses) = &self.pauses else {
            let waits = self.parts.clock.now() < self.unpaused_at;
            return if waits { blocked(String::new(), Some(self.unpaused_at)) } else { None };
        };
        if pauses.is_empty() {
            return None;
        }
        let entries = target.desired.iter().flat_map(|desired| &desired.bundle.entries);
        let named = entries.map(|entry| entry.key.namespace.as_str());
        let owned = target.inventory.entries.keys().map(|key| key.namespace.as_str());
        let namespace = target.owner("").default_namespace;
        let mut all = [self.parts.home.as_str(), namespace.as_str()].into_iter().chain(named).chain(owned);
        let (name, why) = all.find_map(|name| Some((name, pauses.get(name)?)))?;
        blocked(format!("paused in the cluster: namespace {name} is annotated {PAUSE}: {why}"), None)
    }

    /// Nothing newer is begun. A person's operation waits for its deadline, unless it can never begin.
    pub(super) async fn stay(
        &mut self,
        application: Uuid,
        asked: Option<OperationRequest>,
        blocked: Blocked,
        now: Timestamp,
    ) {
        let Some(target) = self.targets.get(&application) else { return };
        let observed = target.desired.as_ref().is_some_and(|desired| desired.settings.observe);
        if let Some(request) = asked.filter(|_| observed) {
            let state = OperationState {
                id: request.id,
                by: request.by,
                phase: OperationPhase::Error,
                message: blocked.why,
                revision: String::new(),
                started_at: now,
                finished_at: Some(now),
                results: vec![],
            };
            return self.finish_unstarted(application, state);
        }
        if blocked.kind == ConditionKind::DependencyWait {
            self.heal_synced(application, now).await;
        }
    }
}

impl Target {
    /// Whether a sync would bring something else than the last one.
    fn brings_news(&self) -> bool {
        let desired = self.desired.as_ref().map(|desired| (desired.digest, desired.settings_digest));
        desired != self.record.synced.as_ref().map(|(bundle, settings, _)| (*bundle, *settings))
    }
}
