//! What a running operation is told: how the objects are that it waits for, that a person or a commit wants something else, that its kinds are served.

use std::time::Duration;

use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::hook::MARK;
use windlass_domain::inventory::InventoryEntry;
use windlass_domain::live::Observed;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::operation::{Event, OperationPhase, Seen};
use windlass_domain::sync::{SyncAction, Verb};
use windlass_domain::target::TargetSpec;
use windlass_domain::window::Wish;

use super::engine::Engine;
use super::input::{Failure, Input};
use super::keep::Then;
use super::target::Target;

/// How long a custom resource waits until the definition that came with it is served.
const KIND_LIMIT: Duration = Duration::from_secs(60);

impl Engine {
    /// Everything that a running operation must know by now.
    pub(super) async fn follow(&mut self, application: Uuid, spec: &TargetSpec) {
        self.resume(application).await;
        self.go_on(application).await;
        self.terminate_if_asked(application, spec).await;
        self.tell_blocked(application).await;
        self.tell_confirmed(application, spec.deletion_confirmed).await;
        self.tell_superseded(application).await;
        self.tell_observed(application).await;
        self.tell_time(application).await;
    }

    /// The same for a removal.
    pub(super) async fn follow_removal(&mut self, application: Uuid, confirmed: bool) {
        self.resume(application).await;
        self.go_on(application).await;
        self.tell_confirmed(application, confirmed).await;
        self.tell_observed(application).await;
        self.tell_time(application).await;
    }

    async fn resume(&mut self, application: Uuid) {
        let running = self.targets.get_mut(&application).and_then(|target| target.running.as_mut());
        if let Some(running) = running.filter(|running| !running.begun) {
            running.begun = true;
            tracing::info!(operation = %running.id, "an operation that was cut off goes on");
            self.step(application, Event::Resume).await;
        }
    }

    async fn tell_time(&mut self, application: Uuid) {
        self.give_up_kinds(application).await;
        self.step(application, Event::Tick).await;
        let now = self.parts.clock.now();
        if let Some(target) = self.targets.get_mut(&application) {
            target.wake_again(now);
        }
    }

    async fn tell_confirmed(&mut self, application: Uuid, confirmed: bool) {
        let running = self.targets.get_mut(&application).and_then(|target| target.running.as_mut());
        if let Some(running) = running.filter(|running| confirmed && !running.confirmed) {
            running.confirmed = true;
            self.step(application, Event::Confirmed).await;
        }
    }

    async fn tell_blocked(&mut self, application: Uuid) {
        let Some(target) = self.targets.get(&application) else { return };
        let Some(running) = &target.running else { return };
        let blocked = self.blocked(target, Wish::Running { manual: running.manual });
        let until = blocked.as_ref().and_then(|blocked| blocked.until);
        let blocked = blocked.map(|blocked| blocked.why);
        if running.blocked == blocked {
            return;
        }
        if let Some(target) = self.targets.get_mut(&application) {
            until.into_iter().for_each(|until| target.wake_running(until));
            if let Some(running) = &mut target.running {
                running.blocked.clone_from(&blocked);
            }
        }
        self.step(application, Event::Blocked(blocked)).await;
    }

    /// A newer bundle takes over from an operation that fails or is stuck, where commits are applied as they come.
    async fn tell_superseded(&mut self, application: Uuid) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        let (Some(running), Some(desired)) = (&mut target.running, &target.desired) else { return };
        let newer = (desired.digest, desired.settings_digest);
        let is_older = running.to.as_ref().is_some_and(|to| (to.digest, to.settings_digest) != newer);
        if !is_older || !desired.settings.automated || running.superseded_by == Some(newer) {
            return;
        }
        running.superseded_by = Some(newer);
        let revision = desired.revision.clone();
        self.step(application, Event::Superseded { revision }).await;
    }

    /// How the objects and hooks are that it waits for, each once until it changes.
    async fn tell_observed(&mut self, application: Uuid) {
        // What it is told may let it wait for something else that is there already.
        while self.tell_news(application).await {}
    }

    async fn tell_news(&mut self, application: Uuid) -> bool {
        let Some(target) = self.targets.get(&application) else { return false };
        let Some(running) = &target.running else { return false };
        let mut news: Vec<(usize, Seen)> = Vec::new();
        for index in running.operation.awaited() {
            let Some(action) = running.operation.plan().actions.get(index) else { continue };
            let key = self.scoped(target, action);
            let finished = target.record.finished.get(&key).filter(|(digest, _)| is_of(action, *digest));
            let seen = match finished {
                Some((_, true)) => Some(Seen::Healthy),
                Some((_, false)) => Some(Seen::Degraded("the Job failed".into())),
                None => self.seen_of(&key, action),
            };
            if let Some(seen) = seen.filter(|seen| running.told.get(&index) != Some(seen)) {
                news.push((index, seen));
            }
        }
        let told = !news.is_empty();
        for (action, seen) in news {
            let running = self.targets.get_mut(&application).and_then(|target| target.running.as_mut());
            let Some(running) = running else { return false };
            running.told.insert(action, seen.clone());
            fail::fail_point!("agent::operation::observed", |_| false);
            self.step(application, Event::Observed { action, seen }).await;
        }
        told
    }

    /// How an object is by now; `None` while that is not known. Of a hook only what this very run made is looked at.
    fn seen_of(&self, key: &ResourceKey, action: &SyncAction) -> Option<Seen> {
        let observed = self.watched.get(key)?;
        if let (Some(task), Observed::Present(_)) = (&action.hook, observed)
            && self.watched.mark_of(key) != Some(task.mark.as_str())
        {
            return None;
        }
        Seen::of(observed)
    }

    /// The key of an action, its namespace as discovery has it.
    pub(super) fn scoped(&self, target: &Target, action: &SyncAction) -> ResourceKey {
        let namespace = target.owner("").default_namespace;
        match self.parts.discovery.find(&action.api_version, &action.key.kind) {
            Some(resource) => action.key.clone().in_namespace(&namespace, resource.namespaced),
            None => action.key.clone(),
        }
    }

    /// Runs an action, or lets it wait for its kind, when the definition comes with the same sync.
    pub(super) fn run_or_await_kind(&mut self, application: Uuid, index: usize) {
        let limit = self.parts.clock.now() + KIND_LIMIT;
        let Some(target) = self.targets.get_mut(&application) else { return };
        let Some(running) = &mut target.running else { return };
        let Some(action) = running.operation.plan().actions.get(index) else { return };
        let served = self.parts.discovery.find(&action.api_version, &action.key.kind).is_some();
        let writes = matches!(action.verb, Verb::Apply { .. } | Verb::Create { .. } | Verb::RunHook { .. });
        if !served && writes && defines(running, action) {
            running.awaiting_kind.insert(index, limit);
            return target.wake_running(limit);
        }
        self.carry_out(application, index);
    }

    /// The cluster serves other kinds than before: what waited for its kind is carried out.
    pub(super) fn kinds_came(&mut self, application: Uuid) {
        let Some(target) = self.targets.get(&application) else { return };
        let Some(running) = &target.running else { return };
        let action = |index: &usize| running.operation.plan().actions.get(*index);
        let is_served = |index: &&usize| {
            action(index).is_some_and(|a| self.parts.discovery.find(&a.api_version, &a.key.kind).is_some())
        };
        let come: Vec<usize> = running.awaiting_kind.keys().filter(is_served).copied().collect();
        let applied = come.iter().filter_map(action).filter(|action| matches!(action.verb, Verb::Apply { .. }));
        let keys: Vec<(ResourceKey, String)> =
            applied.map(|action| (self.scoped(target, action), action.api_version.clone())).collect();
        if come.is_empty() {
            return;
        }
        let Some(target) = self.targets.get_mut(&application) else { return };
        for (key, api_version) in keys {
            let entry = InventoryEntry { api_version, ..InventoryEntry::default() };
            target.inventory.entries.entry(key).or_insert(entry);
        }
        self.update_interest(application);
        // What may be created is on record first; where that fails it waits for its limit.
        self.keep(application, Then::CarryOut(come));
    }

    /// Actions whose kind came, once what they may create is on record.
    pub(super) fn carry_out_awaited(&mut self, application: Uuid, come: Vec<usize>) {
        for index in come {
            let running = self.targets.get_mut(&application).and_then(|target| target.running.as_mut());
            if running.is_some_and(|running| running.awaiting_kind.remove(&index).is_some()) {
                self.carry_out(application, index);
            }
        }
    }

    async fn give_up_kinds(&mut self, application: Uuid) {
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application) else { return };
        let Some(running) = &mut target.running else { return };
        let (operation, over) = (running.id, running.operation.phase() == OperationPhase::Terminating);
        let late: Vec<usize> =
            running.awaiting_kind.iter().filter(|(_, limit)| over || **limit <= now).map(|(index, _)| *index).collect();
        for index in late {
            let why =
                "the cluster does not serve its kind yet, although its CustomResourceDefinition was applied".into();
            let failure = Failure { why, immutable: false };
            if let Some(running) = self.targets.get_mut(&application).and_then(|target| target.running.as_mut()) {
                running.awaiting_kind.remove(&index);
            }
            self.outcome(application, operation, index, Err(failure)).await;
        }
    }

    /// What the server would say to an action, and that a hook was given free.
    pub(super) async fn answered(&mut self, input: Input) {
        let (application, operation, event) = match input {
            Input::Checked { application, operation, action, answer } => {
                (application, operation, Event::Checked { action, answer })
            }
            Input::Cleaned { application, operation, action, result } => {
                (application, operation, Event::Cleaned { action, result })
            }
            _ => return,
        };
        let running = self.targets.get(&application).and_then(|target| target.running.as_ref());
        if running.is_some_and(|running| running.id == operation) {
            let rests = matches!(event, Event::Cleaned { result: Err(_), .. });
            self.step(application, event).await;
            if rests {
                fail::fail_point!("agent::hook::resting");
            }
            self.dirty.insert(application);
        }
    }
}

/// Whether an action is about this very manifest; one that only looks is about what is there.
fn is_of(action: &SyncAction, wanted: Digest) -> bool {
    match &action.verb {
        Verb::Apply { digest, .. } => *digest == wanted,
        verb => *verb == Verb::Await,
    }
}

/// Whether the sync brings the definition of an action's kind.
fn defines(running: &super::running::Running, action: &SyncAction) -> bool {
    let Some(to) = &running.to else { return false };
    running.operation.plan().actions.iter().any(|other| match &other.verb {
        Verb::Apply { digest, .. } => {
            let defined = to.traits.get(digest).defines.as_ref();
            defined.is_some_and(|defined| defined.group == action.key.group && defined.kind == action.key.kind)
        }
        _ => false,
    })
}

/// The mark of a hook's run, as it stands on an object.
pub(super) fn mark_of(object: &serde_json::Value) -> Option<&str> {
    windlass_domain::manifest::annotation(object, MARK)
}
