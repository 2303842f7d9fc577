//! One target, looked at anew: is its bundle complete, how does it stand, is there something to do?

use std::time::Duration;

use tracing::{info, warn};
use uuid::Uuid;
use windlass_domain::digest::{Digest, hex};
use windlass_domain::inventory::InventoryEntry;
use windlass_domain::live::{DryRun, Observed};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::operation::{self, Event, OperationPhase, SyncOperation, retry_after};
use windlass_domain::status::{OperationState, ResourceResult, ResultCode};
use windlass_domain::sync::{Assessment, Facts, Intent, Need, ObjectState, SyncPlan, Verb, assess, plan, plan_removal};
use windlass_domain::target::{OperationRequest, TargetRow, TargetSpec};
use windlass_domain::time::Timestamp;

use super::contents::Completion;
use super::engine::Engine;
use super::input::Input;
use super::target::{Complete, Running, Target};
use crate::link;

/// Contents often follow their row unasked: only what is still missing then is asked for.
const FETCH_DELAY: Duration = Duration::from_millis(50);
/// The most contents asked for at once.
const FETCH_MOST: usize = 512;
/// More heals than this in [`HEAL_WINDOW`] are a fight: they slow down.
const HEALS_FREE: usize = 3;
const HEAL_WINDOW: Duration = Duration::from_secs(300);
/// How often an object is looked at that git names, that we did not apply and that no watch covers.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long an operation waits until every object was seen.
const KNOWLEDGE_LIMIT: Duration = Duration::from_secs(30);
/// An automated operation's time; a person's has its own deadline.
const AUTOMATED_DEADLINE: Duration = Duration::from_secs(600);

/// An operation that is about to begin.
struct Begin {
    id: Uuid,
    by: String,
    /// Whether a person asked for it: its result is reported until the hub has it.
    manual: bool,
    deadline: Timestamp,
    /// What it syncs to; `None` for a removal.
    to: Option<Complete>,
}

impl Engine {
    pub(super) async fn evaluate_dirty(&mut self) {
        while let Some(application) = self.dirty.pop_first() {
            match self.targets.get(&application).map(|t| t.row.clone()) {
                Some(TargetRow::Present(spec)) => {
                    self.evaluate(application, spec).await;
                    self.flush(application).await;
                }
                Some(TargetRow::Removing(_)) => self.evaluate_removal(application).await,
                None => continue,
            }
            self.report(application).await;
        }
    }

    async fn evaluate(&mut self, application: Uuid, spec: TargetSpec) {
        self.take_up_bundle(application, &spec);
        if self.end_unstarted(application, &spec).await {
            return;
        }
        let Some(assessment) = self.assess_and_forget(application).await else { return };
        self.ask(application, &assessment.needs);
        self.look_at_unwatched(application, &assessment);
        let Some(target) = self.targets.get(&application) else { return };
        if target.running.is_some() || target.frozen {
            return self.terminate_if_asked(application, &spec).await;
        }
        let now = self.parts.clock.now();
        let asked = spec.operation.clone().filter(|request| !target.knows_operation(request.id));
        let Some(target) = self.targets.get_mut(&application) else { return };
        if target.awaits_knowledge(&assessment, now) {
            return;
        }
        if let Some(request) = asked {
            return self.start_manual(application, request, now).await;
        }
        if target.desired.as_ref().is_some_and(|d| d.settings.automated) {
            self.start_automated(application, &assessment, now).await;
        }
    }

    /// Makes the row's bundle the desired one, once everything that it names is here and durable.
    fn take_up_bundle(&mut self, application: Uuid, spec: &TargetSpec) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        let is_current =
            |d: &Complete| d.digest == spec.bundle && d.settings_digest == spec.settings && d.revision == spec.revision;
        if target.desired.as_ref().is_some_and(is_current) {
            target.fetch_at = None;
            return;
        }
        match self.contents.complete(spec) {
            Completion::Complete(complete, contents) => self.make_desired(application, complete, contents),
            Completion::Missing(digests) => self.fetch_missing(application, digests),
            Completion::Unreadable(error) => {
                target.storage_error = Some(format!("the desired bundle cannot be read: {error}; upgrade the agent"));
            }
        }
    }

    /// The new bundle is what live is compared with from here on. Its contents and records become durable by the next write of this evaluation, which
    /// is the operation's own where one begins: nothing is applied or said of the bundle before that.
    fn make_desired(&mut self, application: Uuid, complete: Complete, contents: Vec<(String, Option<bytes::Bytes>)>) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        info!(application = %target.name(), revision = complete.revision, bundle = %complete.digest.short(), "desired bundle is complete");
        target.record.desired = Some((complete.digest, complete.settings_digest, complete.revision.clone()));
        target.unwritten.get_or_insert_default().extend(contents);
        target.fetch_at = None;
        if target.desired.as_ref().is_none_or(|d| d.digest != complete.digest) {
            target.retry_at = None;
        }
        target.desired = Some(complete);
        self.update_interest(application);
        self.ensure_watches();
    }

    fn fetch_missing(&mut self, application: Uuid, digests: Vec<Digest>) {
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application).filter(|target| !target.frozen) else { return };
        let at = *target.fetch_at.get_or_insert(now + FETCH_DELAY);
        if now < at {
            return target.wake(at);
        }
        let digests: Vec<Digest> =
            digests.into_iter().filter(|d| !self.contents.fetching.contains(d)).take(FETCH_MOST).collect();
        if digests.is_empty() {
            return;
        }
        self.contents.fetching.extend(&digests);
        let (fetcher, inbox) = (self.parts.fetcher.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let result = fetcher.fetch(digests.clone()).await;
            // The engine is gone only when the agent stops.
            let _ = inbox.send(Input::Fetched { asked: digests, result }).await;
        });
    }

    /// Assesses a target; the inventory shrinks by what is proved gone.
    async fn assess_and_forget(&mut self, application: Uuid) -> Option<Assessment> {
        let assessment = self.assess(application)?;
        let gone = assessment.objects.iter().filter(|(_, s)| s.state == ObjectState::Gone).map(|(key, _)| key.clone());
        let gone: Vec<ResourceKey> = gone.collect();
        if gone.is_empty() {
            return Some(assessment);
        }
        self.forget(application, &gone).await;
        self.assess(application)
    }

    async fn forget(&mut self, application: Uuid, gone: &[ResourceKey]) {
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
            }));
        }
        let records = target.records(application);
        self.update_interest(application);
        self.keep(application, records).await;
    }

    /// Writes records, and with them a new bundle's contents; a failure is a condition and is tried again.
    pub(super) async fn keep(&mut self, application: Uuid, mut records: Vec<(String, Option<bytes::Bytes>)>) -> bool {
        let Some(target) = self.targets.get_mut(&application) else { return false };
        let unwritten = target.unwritten.take();
        records.extend(unwritten.iter().flatten().cloned());
        let result = self.parts.durable.write(records).await;
        let Some(target) = self.targets.get_mut(&application) else { return false };
        match result {
            Ok(()) => {
                target.storage_error = None;
                if let Some(complete) = target.desired.clone().filter(|_| unwritten.is_some()) {
                    self.contents.unstage(&complete);
                    self.tell(link::Input::Completed { application, bundle: complete.digest }).await;
                }
                true
            }
            Err(error) => {
                warn!(application = %target.name(), %error, "the durable copy could not be written");
                target.storage_error = Some(format!("the durable copy could not be written: {error}"));
                // `Some` makes the next evaluation write again.
                target.unwritten = Some(unwritten.unwrap_or_default());
                target.wake(self.parts.clock.now() + Duration::from_secs(5));
                false
            }
        }
    }

    /// Makes a new bundle durable where no operation did.
    async fn flush(&mut self, application: Uuid) {
        if let Some(records) =
            self.targets.get(&application).filter(|t| t.unwritten.is_some()).map(|t| t.records(application))
        {
            self.keep(application, records).await;
        }
    }

    pub(super) fn assess(&self, application: Uuid) -> Option<Assessment> {
        self.with_facts(application, None, assess)
    }

    /// Calls `decide` with everything known of a target, compared with `bundle` or with its desired one.
    fn with_facts<T>(
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
        }))
    }

    fn dry_runs_of(&self, digest: Digest) -> impl Iterator<Item = (&(Digest, String), &DryRun)> {
        self.dry_runs.range((digest, String::new())..).take_while(move |((d, _), _)| *d == digest)
    }

    /// Asks the cluster what must be known, each thing once at a time.
    fn ask(&mut self, application: Uuid, needs: &[Need]) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        let owner = target.owner(&self.parts.installation);
        // An automated target is about to apply; anybody else's health is shown until then.
        let whole = target.desired.as_ref().is_some_and(|d| !d.settings.automated);
        for need in needs {
            match need {
                Need::Look { key, api_version } => {
                    let discovery = &self.parts.discovery;
                    // A version that is no longer served: any other shows the same object's metadata.
                    let resource =
                        discovery.find(api_version, &key.kind).or_else(|| discovery.find_kind(&key.group, &key.kind));
                    if let Some(resource) = resource.filter(|_| target.begins_look(key.clone())) {
                        self.parts.executor.look(resource.clone(), key.clone(), whole);
                    }
                }
                Need::DryRun { key, digest, uid } => {
                    let manifest = self.contents.get(digest).and_then(|b| windlass_domain::canonical::read(&b).ok());
                    let resource = manifest.as_ref().and_then(|m| self.parts.discovery.find(&m.api_version, &key.kind));
                    if let (Some(manifest), Some(resource)) = (manifest, resource)
                        && self.dry_running.insert((*digest, uid.clone()))
                    {
                        let object = owner.decorate(&manifest, key);
                        self.parts.executor.dry_run(resource.clone(), key.clone(), object, *digest, uid.clone());
                    }
                }
            }
        }
    }

    /// Objects that do not carry our label are not watched: while git names them and nothing was applied, they are looked at now and then.
    fn look_at_unwatched(&mut self, application: Uuid, assessment: &Assessment) {
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application) else { return };
        let unwatched = assessment.objects.iter().filter(|(key, standing)| {
            standing.digest.is_some()
                && target.inventory.applied_uid(key).is_none()
                && standing.state != ObjectState::NotServed
        });
        let unwatched: Vec<(ResourceKey, String)> =
            unwatched.map(|(k, s)| (k.clone(), s.api_version.clone())).collect();
        if unwatched.is_empty() {
            target.look_at = None;
            return;
        }
        let due = *target.look_at.get_or_insert(now + LOOK_EVERY);
        if now < due {
            return target.wake(due);
        }
        target.look_at = Some(now + LOOK_EVERY);
        target.wake(now + LOOK_EVERY);
        for (key, api_version) in unwatched {
            let resource = self.parts.discovery.find(&api_version, &key.kind);
            if let Some(resource) = resource.filter(|_| target.begins_look(key.clone())) {
                self.parts.executor.look(resource.clone(), key, true);
            }
        }
    }

    async fn terminate_if_asked(&mut self, application: Uuid, spec: &TargetSpec) {
        let asked = spec.operation.as_ref().filter(|request| request.terminate);
        let running =
            self.targets.get(&application).and_then(|t| t.running.as_ref()).map(|r| (r.id, r.operation.phase()));
        if let (Some(request), Some((id, OperationPhase::Running))) = (asked, running)
            && request.id == id
        {
            self.step(application, Event::Terminate { by: request.by.clone() }).await;
        }
    }

    async fn start_manual(&mut self, application: Uuid, request: OperationRequest, now: Timestamp) {
        let Some(target) = self.targets.get(&application) else { return };
        let Some(to) = target.desired.clone().filter(|desired| desired.digest == request.bundle) else {
            // The bundle is still on its way, or a newer one took its place.
            let newer = matches!(&target.row, TargetRow::Present(spec) if spec.bundle != request.bundle);
            if newer {
                let why = "the application has a newer bundle by now; sync again".to_owned();
                self.finish_unstarted(application, never_began(&request, why, now)).await;
            }
            return;
        };
        let intent = Intent { prune: request.prune, heal_only: false };
        let Some((_, plan)) = self.with_facts(application, Some(&to), |facts| plan(facts, intent)) else {
            return;
        };
        let Some(target) = self.targets.get_mut(&application) else { return };
        let deadline = target.deadline_of(&request, now);
        let begin = Begin { id: request.id, by: request.by, manual: true, deadline, to: Some(to) };
        self.start(application, begin, plan).await;
    }

    /// An operation that was terminated, or whose time is over, before it could begin ends whether or not anything else is known.
    async fn end_unstarted(&mut self, application: Uuid, spec: &TargetSpec) -> bool {
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application).filter(|target| target.running.is_none()) else {
            return false;
        };
        let Some(request) = spec.operation.as_ref().filter(|request| !target.knows_operation(request.id)) else {
            return false;
        };
        let why = if request.terminate {
            format!("terminated by {} before it began", request.by)
        } else if now >= target.deadline_of(request, now) {
            "its deadline passed before it could begin".to_owned()
        } else {
            let deadline = target.deadline_of(request, now);
            target.wake(deadline);
            return false;
        };
        self.finish_unstarted(application, never_began(request, why, now)).await;
        true
    }

    async fn finish_unstarted(&mut self, application: Uuid, state: OperationState) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        target.record.manual = Some(state);
        let records = target.records(application);
        self.keep(application, records).await;
    }

    async fn start_automated(&mut self, application: Uuid, assessment: &Assessment, now: Timestamp) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        let Some(desired) = target.desired.clone() else { return };
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
        let extra = desired.settings.prune && assessment.hold.is_none() && has(&|s| matches!(s, ObjectState::Extra(_)));
        let drifted =
            desired.settings.self_heal && has(&|s| matches!(s, ObjectState::Drifted(_) | ObjectState::Missing));
        let heal_only = settled && !unapplied && !extra;
        if heal_only && (!drifted || !target.may_heal(now)) {
            return;
        }
        let intent = Intent { prune: desired.settings.prune, heal_only };
        let Some((_, mut plan)) = self.with_facts(application, Some(&desired), |facts| plan(facts, intent)) else {
            return;
        };
        if same_bundle && !desired.settings.self_heal {
            // What this bundle has brought already and somebody changed since is drift: it stays until a commit or a person syncs it.
            let Some(target) = self.targets.get(&application) else { return };
            let brought = |key: &ResourceKey, wanted: &Digest| {
                target.inventory.entries.get(key).is_some_and(|entry| entry.digest == Some(*wanted))
            };
            plan.actions
                .retain(|action| !matches!(&action.verb, Verb::Apply { digest, .. } if brought(&action.key, digest)));
        }
        if plan.actions.is_empty() && (settled || plan.skipped.is_empty()) {
            return self.settle_without_actions(application, desired).await;
        }
        if plan.actions.is_empty() && same_bundle {
            // What was left alone stays so until a person, the owner or a commit changes something: all of them come by here.
            return;
        }
        let Some(target) = self.targets.get_mut(&application) else { return };
        let attempt = if same_bundle { target.record.failures } else { 0 };
        let by = if heal_only { "self-heal" } else { "automated sync" };
        // One that a restart cut off goes on under its own id: nobody waits for ever for its end.
        let interrupted =
            target.record.operation.as_ref().filter(|op| op.phase == OperationPhase::Running).map(|op| op.id);
        let id = interrupted.unwrap_or_else(|| automated_id(application, &desired, attempt, now));
        let begin = Begin { id, by: by.into(), manual: false, deadline: now + AUTOMATED_DEADLINE, to: Some(desired) };
        self.start(application, begin, plan).await;
    }

    /// There is nothing to do for this bundle: it is synced as it is.
    async fn settle_without_actions(&mut self, application: Uuid, desired: Complete) {
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
        let records = target.records(application);
        self.keep(application, records).await;
    }

    /// Begins an operation: its record and everything that it may create are durable before the first write.
    async fn start(&mut self, application: Uuid, begin: Begin, plan: SyncPlan) {
        let Begin { id, by, manual, deadline, to } = begin;
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application) else { return };
        for action in &plan.actions {
            if matches!(action.verb, Verb::Apply { .. }) {
                let entry = InventoryEntry { api_version: action.api_version.clone(), ..InventoryEntry::default() };
                target.inventory.entries.entry(action.key.clone()).or_insert(entry);
            }
        }
        if let Some(to) = &to {
            let synced = (to.digest, to.settings_digest, to.revision.clone());
            if target.record.synced.as_ref() != Some(&synced) {
                target.record.failures = 0;
            }
            target.record.synced = Some(synced);
        }
        target.record.operation = Some(OperationState {
            id,
            by: by.clone(),
            phase: OperationPhase::Running,
            message: format!("0 of {} actions carried out", plan.actions.len()),
            revision: to.as_ref().map(|to| to.revision.clone()).unwrap_or_default(),
            started_at: now,
            finished_at: None,
            results: vec![],
        });
        if manual {
            target.record.manual.clone_from(&target.record.operation);
        }
        info!(application = %target.name(), operation = %id, by, actions = plan.actions.len(), held = plan.hold.is_some(), "operation begins");
        target.running = Some(Running { id, to, operation: SyncOperation::new(plan, deadline) });
        let records = target.records(application);
        self.update_interest(application);
        if self.keep(application, records).await {
            self.step(application, Event::Start).await;
        } else if let Some(target) = self.targets.get_mut(&application) {
            target.running = None;
        }
    }

    /// One step of the running operation, and what it asks for.
    pub(super) async fn step(&mut self, application: Uuid, event: Event) {
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application) else { return };
        let Some(mut running) = target.running.take() else { return };
        let (operation, actions) = operation::step(running.operation, event, now);
        running.operation = operation;
        target.running = Some(running);
        for action in actions {
            match action {
                operation::Action::Run(index) => self.carry_out(application, index),
                operation::Action::WakeAt(at) => {
                    if let Some(target) = self.targets.get_mut(&application) {
                        target.wake(at);
                    }
                }
                operation::Action::Finish => self.finish(application).await,
            }
        }
    }

    async fn finish(&mut self, application: Uuid) {
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application) else { return };
        let Some(running) = target.running.take() else { return };
        let succeeded = running.operation.phase() == OperationPhase::Succeeded;
        let name = target.name().clone();
        if let Some(state) = &mut target.record.operation {
            state.phase = running.operation.phase();
            state.message = running.operation.message();
            state.finished_at = Some(now);
            state.results = running.operation.results();
            info!(application = %name, operation = %state.id, phase = ?state.phase, message = state.message, "operation ended");
        }
        if target.record.manual.as_ref().is_some_and(|manual| manual.id == running.id) {
            target.record.manual.clone_from(&target.record.operation);
        }
        if succeeded {
            (target.record.failures, target.retry_at) = (0, None);
        } else {
            target.record.failures += 1;
            let at = now + retry_after(target.record.failures);
            target.retry_at = Some(at);
            target.wake(at);
            if target.kinds_changed {
                // What was left alone for its kind may be served by now.
                target.retry_at = None;
            }
        }
        target.kinds_changed = false;
        let records = target.records(application);
        let garbage = self.collect();
        self.keep(application, records.into_iter().chain(garbage).collect()).await;
        self.dirty.insert(application);
    }

    async fn evaluate_removal(&mut self, application: Uuid) {
        let live = self.watched.of_target(application);
        let Some(target) = self.targets.get(&application).filter(|target| target.running.is_none() && !target.frozen)
        else {
            return;
        };
        let is_gone = |key: &&ResourceKey| matches!(live.get(key), Observed::Absent);
        let gone: Vec<ResourceKey> = target.inventory.entries.keys().filter(is_gone).cloned().collect();
        if !gone.is_empty() {
            self.forget(application, &gone).await;
        }
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get(&application) else { return };
        let TargetRow::Removing(removing) = target.row.clone() else { return };
        if target.inventory.entries.is_empty() {
            return;
        }
        if let Some(at) = target.retry_at.filter(|at| now < *at) {
            if let Some(target) = self.targets.get_mut(&application) {
                target.wake(at);
            }
            return;
        }
        let owner = target.owner(&self.parts.installation);
        let mut plan = plan_removal(&target.inventory, &live, &owner, &self.parts.discovery, &removing);
        let api_version = |key: &ResourceKey| target.inventory.entries.get(key).map(|entry| entry.api_version.clone());
        let unknown = plan
            .skipped
            .iter()
            .filter_map(|(key, _)| Some(Need::Look { key: key.clone(), api_version: api_version(key)? }));
        let unknown: Vec<Need> = unknown.collect();
        if !unknown.is_empty() {
            return self.ask(application, &unknown);
        }
        plan.actions.retain(|action| !matches!(live.get(&action.key), Observed::Present(object) if object.deleting));
        if plan.actions.is_empty() {
            return;
        }
        let id = automated_id_of(application, b"removal", target.record.failures, now);
        let by = format!("removal asked by {}", removing.by);
        let begin = Begin { id, by, manual: false, deadline: now + AUTOMATED_DEADLINE, to: None };
        self.start(application, begin, plan).await;
    }
}

impl Target {
    /// Whether a look of the object may begin: none is under way, and the next one is not a while off.
    fn begins_look(&mut self, key: ResourceKey) -> bool {
        !self.resting.contains(&key) && self.looking.insert(key)
    }

    /// When a person's operation is over, by this agent's clock: as long after it was first seen here as the hub allowed it. The two clocks are never
    /// compared.
    fn deadline_of(&mut self, request: &OperationRequest, now: Timestamp) -> Timestamp {
        let allowed = request.deadline.duration_since(request.requested_at);
        match self.asked {
            Some((id, deadline)) if id == request.id => deadline,
            _ => {
                let deadline = now.checked_add(allowed).unwrap_or(Timestamp::MAX);
                self.asked = Some((request.id, deadline));
                deadline
            }
        }
    }

    /// Whether an operation waits for what is not known yet: at a start, and while a watch is away, for a while. After that what is known is done, and
    /// what is not is named.
    fn awaits_knowledge(&mut self, assessment: &Assessment, now: Timestamp) -> bool {
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

    /// Whether another heal may begin: the first few at once, then ever slower, because somebody writes the same fields.
    fn may_heal(&mut self, now: Timestamp) -> bool {
        self.heals.retain(|at| now.duration_since(*at) < signed(HEAL_WINDOW));
        let over = self.heals.len().saturating_sub(HEALS_FREE);
        if self.heals.len() > HEALS_FREE
            && let Some(last) = self.heals.last()
        {
            let at = *last + Duration::from_secs(2 * 3u64.saturating_pow(over as u32).min(150));
            if now < at {
                self.wake(at);
                return false;
            }
        }
        self.heals.push(now);
        true
    }
}

fn never_began(request: &OperationRequest, why: String, now: Timestamp) -> OperationState {
    OperationState {
        id: request.id,
        by: request.by.clone(),
        phase: OperationPhase::Error,
        message: why,
        revision: String::new(),
        started_at: now,
        finished_at: Some(now),
        results: vec![],
    }
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}

/// The id of an operation that nobody asked for: from what it does, so that the same attempt has the same id.
fn automated_id(application: Uuid, desired: &Complete, attempt: u32, now: Timestamp) -> Uuid {
    let mut what = desired.digest.to_bytes().to_vec();
    what.extend(desired.settings_digest.to_bytes());
    automated_id_of(application, &what, attempt, now)
}

fn automated_id_of(application: Uuid, what: &[u8], attempt: u32, now: Timestamp) -> Uuid {
    let text = format!("{application} {} {attempt} {}", hex(what), now.as_millisecond());
    let digest = Digest::of(text.as_bytes()).to_bytes();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[1..17]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
