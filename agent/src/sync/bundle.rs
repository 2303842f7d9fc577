//! The desired bundle: fetched, complete, durable.

use std::time::Duration;

use tracing::info;
use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::target::TargetSpec;

use super::contents::Completion;
use super::engine::Engine;
use super::input::Input;
use super::target::Complete;

/// Contents often follow their row unasked: only what is still missing then is asked for.
const FETCH_DELAY: Duration = Duration::from_millis(50);
/// The most contents asked for at once.
const FETCH_MOST: usize = 512;

impl Engine {
    /// Makes the row's bundle the desired one, once everything that it names is here and durable.
    pub(super) fn take_up_bundle(&mut self, application: Uuid, spec: &TargetSpec) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        let is_current =
            |d: &Complete| d.digest == spec.bundle && d.settings_digest == spec.settings && d.revision == spec.revision;
        if target.desired.as_ref().is_some_and(is_current) {
            target.fetch_at = None;
            return self.awaits(application, []);
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
        target.record.namespace = target.owner("").default_namespace;
        target.unwritten.get_or_insert_default().extend(contents);
        target.fetch_at = None;
        if target.desired.as_ref().is_none_or(|d| d.digest != complete.digest) {
            target.retry_at = None;
        }
        let bundle = complete.bundle.clone();
        let before = target.desired.replace(complete);
        self.awaits(application, []);
        self.update_interest(application);
        if let Some(before) = before {
            self.relens(application, &before);
        }
        self.rewatch_for(&bundle);
    }

    fn fetch_missing(&mut self, application: Uuid, digests: Vec<Digest>) {
        let now = self.parts.clock.now();
        self.awaits(application, digests.iter().copied());
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
}
