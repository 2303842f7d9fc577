//! The desired bundle: fetched, complete, durable.

use std::time::Duration;

use tracing::{info, warn};
use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::target::TargetSpec;

use super::contents::Completion;
use super::engine::Engine;
use super::input::Input;
use super::target::Complete;
use crate::desired::Change;
use crate::link;

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
        target.record.namespace = target.owner("").default_namespace;
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

    /// Writes records, and with them a new bundle's contents; a failure is a condition and is tried again.
    pub(super) async fn keep(&mut self, application: Uuid, records: Result<Vec<Change>, serde_json::Error>) -> bool {
        let Some(target) = self.targets.get_mut(&application) else { return false };
        let unwritten = target.unwritten.take();
        let result = match records {
            Ok(mut records) => {
                records.extend(unwritten.iter().flatten().cloned());
                self.parts.durable.write(records).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
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
    pub(super) async fn flush(&mut self, application: Uuid) {
        if let Some(records) =
            self.targets.get(&application).filter(|t| t.unwritten.is_some()).map(|t| t.records(application))
        {
            self.keep(application, records).await;
        }
    }
}
