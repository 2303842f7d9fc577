//! What the cluster's answers and events change.

use std::time::Duration;

use serde_json::Value;
use tracing::warn;
use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::discovery::ApiResource;
use windlass_domain::health::{self, Health, HealthStatus};
use windlass_domain::ignore::Ignored;
use windlass_domain::inventory::InventoryEntry;
use windlass_domain::live::{Drift, DryRun, LiveObject, Observed};
use windlass_domain::manifest::{GroupKind, ResourceKey};
use windlass_domain::operation::Event;
use windlass_domain::projection::Baseline;
use windlass_domain::sync::SyncAction;

use super::engine::{Engine, MAX_DRY_RUNS};
use super::execute::ASK_AGAIN;
use super::follow::mark_of;
use super::input::{Done, Failure, Found};
use super::target::Target;
use super::words;
use crate::observe::{self, slim};

/// How often an object is looked at whose deletion takes its time.
const DELETING_AGAIN: Duration = Duration::from_secs(30);

impl Engine {
    /// An event of a watch.
    pub(super) fn observed(&mut self, event: observe::Event) {
        match event {
            observe::Event::Object { resource, object } => self.seen(&resource.key_of(&object), object),
            observe::Event::Deleted { resource, key, .. } => self.suspect(&resource, key, "reported deleted"),
            observe::Event::Listed { resource, keys } => {
                let kind = GroupKind { group: resource.group.clone(), kind: resource.kind.clone() };
                for key in self.watched.believed_of(&kind) {
                    if !keys.contains(&key) {
                        self.suspect(&resource, key, "not in the list");
                    }
                }
            }
            observe::Event::Live { .. } => {}
            observe::Event::Stale { resource, reason } => {
                warn!(kind = resource.kind, group = resource.group, reason, "watch is not live; its facts are stale");
            }
        }
    }

    fn seen(&mut self, key: &ResourceKey, object: Box<Value>) {
        if self.watched.interested_in(key).is_empty() {
            return;
        }
        if let Some(object) = self.watched.hold_back(key, object) {
            self.compare(key, &object);
        }
    }

    /// Compares an object with its baseline and keeps the slim form. What is older than the baseline, or read in another version than it was applied in,
    /// says nothing, as long as that version is served: the watch in that version says it.
    pub(super) fn compare(&mut self, key: &ResourceKey, object: &Value) {
        let lens = self.lens(key);
        if lens.runs_code() {
            return self.parts.executor.judge().ask(key.clone(), Box::new(object.clone()), lens);
        }
        let ignored = lens.selection.places(object, Vec::new());
        self.compare_ignoring(key, object, &ignored, health::assess(object));
    }

    /// The same with what is ignored of the object, and how well it does.
    pub(super) fn compare_ignoring(
        &mut self,
        key: &ResourceKey,
        object: &Value,
        ignored: &Ignored,
        health: Option<Health>,
    ) {
        let mut live = LiveObject { health, ..slim::metadata(object) };
        if let Some((owner, entry)) = self.owned(key)
            && let Some(baseline) = &entry.baseline
        {
            let other_version = object.get("apiVersion").and_then(Value::as_str) != Some(baseline.api_version());
            let still_served = self.parts.discovery.find(baseline.api_version(), &key.kind).is_some();
            if (other_version && still_served) || baseline.is_newer_than(object) {
                return;
            }
            live.drift = slim::drift(object, baseline, None, ignored);
            if matches!(live.drift, Drift::Drifted(_)) {
                // The manifest only serves to name the paths.
                let sent = self.sent(owner, key, entry.digest);
                live.drift = slim::drift(object, baseline, sent.as_ref(), ignored);
            }
        }
        self.note_finished(key, object, &live);
        if self.watched.has_changed(key, &live) {
            // What a dry run said of the object as it was is no answer for the object as it is.
            self.dry_runs.retain(|(_, uid), _| *uid != live.uid);
        }
        self.watched.mark(key, mark_of(object));
        self.know(key.clone(), Observed::Present(live));
    }

    /// A Job that finished and that its time to live will remove is remembered: its absence then is no reason to run it again.
    fn note_finished(&mut self, key: &ResourceKey, object: &Value, live: &LiveObject) {
        if key.kind != "Job" || object.pointer("/spec/ttlSecondsAfterFinished").is_none_or(Value::is_null) {
            return;
        }
        let status = live.health.as_ref().map(|health| health.status);
        let finished = matches!(status, Some(HealthStatus::Healthy | HealthStatus::Degraded));
        let Some((owner, entry)) = self.owned(key).filter(|_| finished && live.drift == Drift::None) else { return };
        let (Some(target), Some(digest)) = (self.targets.get_mut(&owner), entry.digest) else { return };
        let how = (digest, status == Some(HealthStatus::Healthy));
        if target.record.finished.insert(key.clone(), how) != Some(how) {
            target.unwritten.get_or_insert_default();
        }
    }

    /// The version in which an object is managed; where nothing was applied, any that is served.
    fn resource_of(&self, key: &ResourceKey) -> Option<ApiResource> {
        let version = self.owned(key).map(|(_, entry)| entry.api_version);
        let managed = version.and_then(|version| self.parts.discovery.find(&version, &key.kind));
        managed.or_else(|| self.parts.discovery.find_kind(&key.group, &key.kind)).cloned()
    }

    /// Who owns an object, and what the inventory has of it.
    pub(super) fn owned(&self, key: &ResourceKey) -> Option<(Uuid, InventoryEntry)> {
        let owners = self.watched.interested_in(key);
        let entry = |uid: &Uuid| Some((*uid, self.targets.get(uid)?.inventory.entries.get(key)?.clone()));
        owners.iter().filter_map(entry).find(|(_, entry)| entry.baseline.is_some())
    }

    /// Whether an object is looked at whole: it is compared with its baseline, or it is a hook, whose health is waited for.
    fn is_whole(&self, key: &ResourceKey) -> bool {
        let of = |uid: &Uuid| self.targets.get(uid).is_some_and(|target| target.runs_hook(key));
        self.owned(key).is_some() || self.watched.interested_in(key).iter().any(of)
    }

    /// The object as it was sent when it was last applied.
    fn sent(&self, owner: Uuid, key: &ResourceKey, digest: Option<Digest>) -> Option<Value> {
        let manifest = windlass_domain::canonical::read(&self.contents.get(&digest?)?).ok()?;
        Some(self.targets.get(&owner)?.owner(&self.parts.installation).decorate(&manifest, key))
    }

    /// A watch by label cannot tell deletion from a lost label, and a list is as old as its start: one GET tells.
    fn suspect(&mut self, resource: &ApiResource, key: ResourceKey, why: &str) {
        let interested = self.watched.interested_in(&key);
        let mut owned = false;
        for uid in &interested {
            let Some(target) = self.targets.get_mut(uid) else { continue };
            if target.inventory.entries.contains_key(&key) || target.runs_hook(&key) {
                let first = target.looking.insert(key.clone());
                if !first {
                    target.doubted.insert(key.clone());
                }
                owned |= first;
            }
        }
        if owned {
            let whole = self.is_whole(&key);
            let resource = self.resource_of(&key).unwrap_or_else(|| resource.clone());
            self.watched.set(&key, Observed::Unknown(why.to_owned()));
            self.dirty.extend(interested);
            self.parts.executor.look(resource, key, whole);
        }
    }

    /// A look that is under way while the object is written may answer what was there before: it is asked again.
    fn doubt_looks(&mut self, key: &ResourceKey) {
        for uid in self.watched.interested_in(key) {
            if let Some(target) = self.targets.get_mut(&uid).filter(|target| target.looking.contains(key)) {
                target.doubted.insert(key.clone());
            }
        }
    }

    /// The answer to a look.
    pub(super) fn looked(&mut self, key: ResourceKey, found: Found) {
        let mut doubted = false;
        for uid in self.watched.interested_in(&key) {
            let Some(target) = self.targets.get_mut(&uid) else { continue };
            target.looking.remove(&key);
            target.resting.remove(&key);
            doubted |= target.doubted.remove(&key);
        }
        if doubted {
            return self.look_again(&key, Duration::ZERO);
        }
        match found {
            Found::Object(object) => {
                if object.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null()) {
                    self.look_again(&key, DELETING_AGAIN);
                }
                if let Some(object) = self.watched.hold_back(&key, object) {
                    self.compare(&key, &object);
                }
            }
            Found::Observed(observed) => {
                let wait = match &observed {
                    Observed::Unknown(_) => Some(ASK_AGAIN),
                    // Without our label no watch tells when it is gone.
                    Observed::Present(object) if object.deleting => Some(DELETING_AGAIN),
                    Observed::Present(_) | Observed::Absent => None,
                };
                if let Some(wait) = wait {
                    self.look_again(&key, wait);
                }
                self.know(key, observed);
            }
        }
    }

    /// Asks the same again a little later, for as long as somebody is interested and the kind is served.
    pub(super) fn look_again(&mut self, key: &ResourceKey, wait: Duration) {
        let whole = self.is_whole(key);
        let Some(resource) = self.resource_of(key) else { return };
        let interested = self.watched.interested_in(key);
        if interested.is_empty() {
            return;
        }
        for uid in interested {
            if let Some(target) = self.targets.get_mut(&uid) {
                target.resting.insert(key.clone());
            }
        }
        let (executor, clock, key) = (self.parts.executor.clone(), self.parts.clock.clone(), key.clone());
        tokio::spawn(async move {
            clock.sleep(wait).await;
            executor.look(resource, key, whole);
        });
    }

    pub(super) fn know(&mut self, key: ResourceKey, observed: Observed) {
        self.dirty.extend(self.watched.interested_in(&key));
        self.watched.set(&key, observed);
    }

    /// The answer to a dry run.
    pub(super) fn dry_ran(&mut self, digest: Digest, uid: String, answer: DryRun) {
        self.dry_running.remove(&(digest, uid.clone()));
        if self.dry_runs.len() >= MAX_DRY_RUNS {
            self.dry_runs.clear();
        }
        self.dry_runs.insert((digest, uid), answer);
        let manual = self.targets.iter().filter(|(_, t)| {
            t.desired.as_ref().is_some_and(|d| d.bundle.entries.iter().any(|entry| entry.digest == digest))
        });
        let manual: Vec<Uuid> = manual.map(|(uid, _)| *uid).collect();
        self.dirty.extend(manual);
    }

    /// An action ended.
    pub(super) async fn outcome(
        &mut self,
        application: Uuid,
        operation: Uuid,
        action: usize,
        result: Result<Done, Failure>,
    ) {
        let Some(target) = self.targets.get(&application) else { return };
        let running = target.running.as_ref().filter(|r| r.id == operation);
        let Some(mut planned) = running.and_then(|r| r.operation.plan().actions.get(action)).cloned() else { return };
        planned.key = self.scoped(target, &planned);
        if matches!(result, Ok(Done::Applied { .. } | Done::Hooked { .. })) {
            self.doubt_looks(&planned.key);
        }
        let result = match result {
            Ok(Done::Applied { sent, response, digest, overridden, ignored, blind }) => {
                if let (Some(target), Some(field)) = (self.targets.get_mut(&application), overridden.fields.first()) {
                    target.writers.insert(planned.key.clone(), field.manager.clone());
                }
                let applied = self.applied(application, &planned, (&sent, &response), digest, &ignored);
                if let Some(why) = blind {
                    self.cannot_compare(&planned.key, why);
                }
                applied.map(|changed| words::applied(&overridden, &changed))
            }
            Ok(Done::Nothing) => Ok("as git says".to_owned()),
            Ok(Done::Ensured) => Ok("namespace exists".to_owned()),
            Ok(Done::Created { name }) => Ok(format!("created as {name}")),
            Ok(Done::Hooked { object }) => {
                self.compare(&planned.key, &object);
                Ok("created".to_owned())
            }
            Ok(Done::Deleted) => {
                // Accepted is not gone: only a proof of absence shrinks the inventory.
                if let Some(resource) = self.resource_of(&planned.key) {
                    self.suspect(&resource, planned.key.clone(), "its deletion was asked for");
                }
                Ok("pruned".to_owned())
            }
            Ok(Done::Forgotten) => {
                if let Some(target) = self.targets.get_mut(&application) {
                    target.inventory.entries.remove(&planned.key);
                }
                Ok("forgotten".to_owned())
            }
            Err(failure) => {
                if let Some(target) = self.targets.get_mut(&application).filter(|_| failure.immutable) {
                    target.record.stuck.insert(planned.key.clone());
                }
                Err(failure.why)
            }
        };
        if let Some(event) = self.watched.end(&planned.key) {
            self.compare(&planned.key, &event);
        }
        self.step(application, Event::Outcome { action, result }).await;
        self.dirty.insert(application);
    }

    /// The response is the new baseline, and the newest thing known of the object. Answers where it is not what was sent.
    fn applied(
        &mut self,
        application: Uuid,
        action: &SyncAction,
        (sent, response): (&Value, &Value),
        digest: Digest,
        ignored: &Ignored,
    ) -> Result<Vec<String>, String> {
        let (key, api_version) = (&action.key, &action.api_version);
        let baseline = Baseline::of_response_ignoring(response, sent, ignored)
            .map_err(|e| format!("it was applied, but the answer is unreadable: {e}"))?;
        let changed = baseline.differing_paths(sent, response, words::MOST_PATHS);
        // The response is its own baseline: by definition nothing differs.
        let lens = self.lens(key);
        let scripted = lens.health.is_some();
        let health = if scripted { self.health_meanwhile(key, response) } else { health::assess(response) };
        let live = LiveObject { drift: Drift::None, health, ..slim::metadata(response) };
        let entry = InventoryEntry { api_version: api_version.clone(), digest: Some(digest), baseline: Some(baseline) };
        if let Some(target) = self.targets.get_mut(&application) {
            target.inventory.entries.insert(key.clone(), entry);
        }
        self.know(key.clone(), Observed::Present(live));
        if scripted {
            self.parts.executor.judge().ask(key.clone(), Box::new(response.clone()), lens);
        }
        Ok(changed)
    }
}

impl Target {
    /// Whether the running operation has a hook of this key.
    fn runs_hook(&self, key: &ResourceKey) -> bool {
        let plan = self.running.as_ref().map(|running| running.operation.plan());
        plan.is_some_and(|plan| plan.actions.iter().any(|action| action.hook.is_some() && action.key == *key))
    }
}
