//! What people say of objects beside git: differences that are ignored, and health scripts.
//!
//! Where an expression or a script has to run for it, an object is compared once that came back ([`crate::script::judge`]); everything else is as it always is.
//! When the rules change, what is known of the objects concerned is forgotten until they were read again, and their baselines are made anew by a dry run: a rule
//! alone is no reason to write.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;
use windlass_domain::bundle::BundleEntry;
use windlass_domain::digest::Digest;
use windlass_domain::discovery::ApiResource;
use windlass_domain::health::{Health, HealthStatus};
use windlass_domain::ignore::{Ignored, Selection, respecting};
use windlass_domain::live::{Drift, LiveObject, Observed};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::projection::Baseline;

use super::apply::{self, Error, Options};
use super::engine::Engine;
use super::target::Complete;
use crate::observe::{Cluster, look, slim};
use crate::script::jq::Jq;
use crate::script::judge::{Lens, Verdict};

/// How often an object is asked about again whose comparison failed.
pub(super) const AGAIN: Duration = Duration::from_secs(60);

/// What finds ignored places beside the engine.
#[derive(Clone)]
pub(super) struct Eyes {
    pub(super) selection: Selection,
    pub(super) jq: Jq,
}

/// What a baseline under other rules is made of.
pub struct Rebased {
    /// As it would be sent.
    sent: Value,
    /// What the server would make of it, without its ignored places.
    response: (Value, Ignored),
    /// The object as it is.
    live: Box<Value>,
}

// === impl Eyes ===

impl Eyes {
    /// Ignored places of an object. Where an expression did not end they are not known, and nothing can be compared: why.
    pub(super) async fn ignored(&self, object: &Value) -> (Ignored, Option<String>) {
        match self.jq.ignored(&self.selection, object).await {
            Ok(found) => (found, None),
            Err(why) => (self.selection.places(object, Vec::new()), Some(why)),
        }
    }

    /// What is sent under `RespectIgnoreDifferences=true`: the live value of each ignored place.
    pub(super) async fn respecting(
        &self,
        cluster: &Cluster,
        resource: &ApiResource,
        key: &ResourceKey,
        object: Value,
    ) -> Result<Value, String> {
        let live = look::get(cluster, resource, key).await.map_err(|error| error.to_string())?;
        let Some(live) = live else { return Ok(object) };
        let theirs = self.jq.ignored(&self.selection, &live).await?;
        let ours = self.jq.ignored_as(&self.selection, &object, &live).await?;
        Ok(respecting(&object, &ours, &live, &theirs))
    }

    /// One GET and one forced dry run.
    pub(super) async fn rebase(
        &self,
        cluster: &Cluster,
        resource: &ApiResource,
        key: &ResourceKey,
        sent: Value,
    ) -> Result<Rebased, String> {
        let live = look::get(cluster, resource, key).await.map_err(|error| error.to_string())?;
        let live = live.ok_or_else(|| "it is gone".to_owned())?;
        let options = Options { dry_run: true, ..Options::default() };
        let applied =
            apply::apply(cluster, resource, key, &sent, options).await.map_err(|error: Error| error.to_string())?;
        let ignored = self.jq.ignored_as(&self.selection, &applied.response, &live).await?;
        Ok(Rebased { sent, response: (applied.response, ignored), live: Box::new(live) })
    }
}

impl Engine {
    /// What is ignored of an object and who judges it: by its owner, or whoever names it.
    pub(super) fn lens(&self, key: &ResourceKey) -> Lens {
        let interested = self.watched.interested_in(key);
        let has_rules = |uid: &Uuid| self.desired_of(*uid).is_some_and(Complete::has_rules);
        if !interested.iter().any(has_rules) {
            return Lens::default();
        }
        let named = || interested.iter().copied().find(|uid| self.desired_of(*uid).is_some());
        let desired = self.owned(key).map(|(owner, _)| owner).or_else(named).and_then(|uid| self.desired_of(uid));
        desired.map(|desired| desired.lens(key)).unwrap_or_default()
    }

    fn desired_of(&self, application: Uuid) -> Option<&Complete> {
        self.targets.get(&application)?.desired.as_ref()
    }

    /// The means to find what is ignored of an object.
    pub(super) fn eyes(&self, key: &ResourceKey) -> Eyes {
        Eyes { selection: self.lens(key).selection, jq: self.parts.executor.judge().jq().clone() }
    }

    /// The rules of a target are others: what was known of the objects that they concern is not known any more.
    pub(super) fn relens(&mut self, application: Uuid, before: &Complete) {
        let Some(target) = self.targets.get(&application) else { return };
        let Some(desired) = &target.desired else { return };
        if before.settings.ignore_differences == desired.settings.ignore_differences
            && before.settings.customizations == desired.settings.customizations
        {
            return;
        }
        let owned: BTreeSet<ResourceKey> = target.inventory.entries.keys().cloned().collect();
        let concerned: Vec<ResourceKey> =
            owned.into_iter().filter(|key| before.lens(key) != desired.lens(key)).collect();
        let digests: BTreeSet<Digest> = desired.bundle.entries.iter().map(|entry| entry.digest).collect();
        self.dry_runs.retain(|(digest, _), _| !digests.contains(digest));
        for key in concerned {
            self.watched.set(&key, Observed::Unknown("read again, because its rules changed".into()));
            self.look_again(&key, Duration::ZERO);
        }
    }

    /// Every object that git names and that is kept, as it would be applied.
    pub(super) fn manifests(&self, application: Uuid) -> Vec<(ResourceKey, Value)> {
        let Some(target) = self.targets.get(&application) else { return Vec::new() };
        let owner = target.owner(&self.parts.installation);
        let entries = target.desired.iter().flat_map(|desired| {
            let kept = desired.bundle.entries.iter().filter(|entry| desired.traits.get(&entry.digest).is_kept());
            kept.filter_map(|entry| Some((entry, self.contents.get(&entry.digest)?)))
        });
        let object = |(entry, bytes): (&BundleEntry, bytes::Bytes)| {
            let manifest = windlass_domain::canonical::read(&bytes).ok()?;
            let served = self.parts.discovery.find(&entry.api_version, &entry.key.kind);
            let namespaced = served.is_none_or(|resource| resource.namespaced);
            let key = entry.key.clone().in_namespace(&owner.default_namespace, namespaced);
            let object = owner.decorate(&manifest, &key);
            Some((key, object))
        };
        entries.filter_map(object).collect()
    }

    /// What was found out about an object beside the engine.
    pub(super) fn judged(&mut self, verdict: Verdict) {
        let Verdict { key, object, lens, ignored, health } = verdict;
        if self.watched.interested_in(&key).is_empty() {
            return;
        }
        let Some(object) = object.filter(|object| !object.is_null()) else {
            return self.look_again(&key, Duration::ZERO);
        };
        let Some(object) = self.watched.hold_back(&key, object) else { return };
        if self.lens(&key) != lens {
            return self.compare(&key, &object);
        }
        match ignored {
            Ok(ignored) => self.compare_ignoring(&key, &object, &ignored, health),
            Err(why) => {
                let live = LiveObject { drift: Drift::Incomparable(why), health, ..slim::metadata(&object) };
                self.know(key.clone(), Observed::Present(live));
                self.look_again(&key, AGAIN);
            }
        }
    }

    /// The health that is said of an object until its script has judged it.
    pub(super) fn health_meanwhile(&self, key: &ResourceKey, object: &Value) -> Option<Health> {
        if let Some(deletion) = windlass_domain::health::pending_deletion(object) {
            return Some(deletion);
        }
        match self.watched.get(key) {
            Some(Observed::Present(live)) if live.health.is_some() => live.health.clone(),
            _ => Some(Health::new(HealthStatus::Progressing, "waits for its health script")),
        }
    }

    /// How an object stands is not known until it was looked at again.
    pub(super) fn cannot_compare(&mut self, key: &ResourceKey, why: String) {
        if let Some(Observed::Present(live)) = self.watched.get(key).cloned() {
            self.know(key.clone(), Observed::Present(LiveObject { drift: Drift::Incomparable(why), ..live }));
        }
        self.look_again(key, AGAIN);
    }

    /// Makes the baseline of an object anew, under the rules of now.
    pub(super) fn rebase(&mut self, application: Uuid, key: &ResourceKey, digest: Digest) {
        let manifest = self.contents.get(&digest).and_then(|bytes| windlass_domain::canonical::read(&bytes).ok());
        let Some(target) = self.targets.get(&application) else { return };
        let resource = manifest.as_ref().and_then(|m| self.parts.discovery.find(&m.api_version, &key.kind)).cloned();
        let (Some(manifest), Some(resource)) = (manifest, resource) else { return };
        let sent = target.owner(&self.parts.installation).decorate(&manifest, key);
        if !self.rebasing.insert(key.clone()) {
            return;
        }
        let (eyes, cluster, key) = (self.eyes(key), self.parts.executor.cluster().clone(), key.clone());
        self.parts.executor.spawn(async move {
            let result = eyes.rebase(&cluster, &resource, &key, sent).await;
            super::input::Input::Rebased { application, key, digest, result: result.map(Box::new) }
        });
    }

    /// The answer to [`rebase`](Self::rebase).
    pub(super) fn rebased(
        &mut self,
        application: Uuid,
        key: &ResourceKey,
        digest: Digest,
        result: Result<Box<Rebased>, String>,
    ) {
        self.rebasing.remove(key);
        let Some(target) = self.targets.get_mut(&application) else { return };
        let Some(entry) = target.inventory.entries.get_mut(key).filter(|entry| entry.digest == Some(digest)) else {
            return;
        };
        let made = result.and_then(|rebased| {
            let (response, ignored) = &rebased.response;
            let baseline = Baseline::of_response_ignoring(response, &rebased.sent, ignored);
            baseline.map(|baseline| (baseline, rebased.live)).map_err(|error| error.to_string())
        });
        match made {
            Ok((baseline, live)) => {
                entry.baseline = Some(baseline);
                target.unwritten.get_or_insert_default();
                if let Some(live) = self.watched.hold_back(key, live) {
                    self.compare(key, &live);
                }
            }
            Err(why) => {
                let why = format!("it could not be compared under its ignore rules: {why}");
                self.cannot_compare(key, why);
            }
        }
        self.dirty.insert(application);
    }
}
