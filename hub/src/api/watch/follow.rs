//! One watch: follows the feed and sends what its caller may see, for as long as it may.

use std::collections::HashSet;
use std::time::Duration;

use axum::response::sse::Event;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc::Sender;
use uuid::Uuid;
use windlass_domain::name::ApplicationName;
use windlass_domain::time::Timestamp;
use windlass_store::{Change, ChangeKind, Error as StoreError};

use super::{ChangeEvent, CursorEvent};
use crate::api::caller::{Caller, application_object};
use crate::api::view::{ApplicationItem, ClusterObject, OperationObject};
use crate::api::{Shared, operations, route};

/// How long a right that was taken away may still be used.
const RECHECK: Duration = Duration::from_secs(30);
/// Between two looks at the feed: what changes meanwhile is read together, and a thing that changed twice once.
const APART: Duration = Duration::from_millis(10);
/// How long a store that does not answer is left alone.
const PAUSE: Duration = Duration::from_secs(1);
const BATCH: u32 = 500;
/// The most that the store returns at once.
const LARGEST_BATCH: u32 = 10_000;
/// Names remembered for a caller with partial rights; beyond it removals of what it saw long ago are not sent.
const REMEMBERED: usize = 100_000;

/// A stream's state.
pub(super) struct Follow {
    shared: Shared,
    caller: Caller,
    out: Sender<Event>,
    cursor: u64,
    application: Option<ApplicationName>,
    objects: bool,
    /// What was shown: only its removal may be told to a caller with partial rights.
    shown: HashSet<(ChangeKind, String)>,
    recheck_at: Timestamp,
}

/// The stream is over: the reader left, lost its rights, or the feed cannot be read.
struct Over;

type Step<T = ()> = Result<T, Over>;

// === impl Follow ===

impl Follow {
    /// Starts now.
    pub(super) fn new(shared: Shared, caller: Caller, out: Sender<Event>) -> Self {
        let cursor = *shared.state.store.newest().borrow();
        let recheck_at = soon(shared.state.clock.now());
        Self { shared, caller, out, cursor, application: None, objects: false, shown: HashSet::new(), recheck_at }
    }

    pub(super) fn after(mut self, revision: Option<u64>) -> Self {
        self.cursor = revision.unwrap_or(self.cursor);
        self
    }

    pub(super) fn of(mut self, application: Option<ApplicationName>) -> Self {
        self.application = application;
        self
    }

    pub(super) fn with_objects(mut self, objects: bool) -> Self {
        self.objects = objects;
        self
    }

    pub(super) async fn run(mut self) {
        let mut newest = self.shared.state.store.newest();
        if self.send_cursor("cursor", self.cursor).await.is_err() {
            return;
        }
        loop {
            newest.borrow_and_update();
            let next = self.shared.state.clock.now() + APART;
            if self.renew().await.is_err() || self.deliver().await.is_err() {
                return;
            }
            tokio::select! {
                changed = newest.changed() => if changed.is_err() { return },
                () = self.shared.state.clock.sleep_until(self.recheck_at) => {}
                () = self.out.closed() => return,
            }
            self.shared.state.clock.sleep_until(next).await;
        }
    }

    /// A revoked token or grant ends what it allowed within [`RECHECK`].
    async fn renew(&mut self) -> Step {
        let now = self.shared.state.clock.now();
        if now < self.recheck_at {
            return Ok(());
        }
        self.recheck_at = soon(now);
        let token = &self.caller.token;
        match self.shared.state.store.principal_by_token(token.id, token.hash(), now).await {
            Ok(Some(principal)) => {
                self.caller = self.caller.renewed(principal);
                if self.caller.may_anything(route::GET) { Ok(()) } else { Err(Over) }
            }
            _ => Err(Over),
        }
    }

    /// Sends everything up to the newest revision.
    async fn deliver(&mut self) -> Step {
        let mut limit = BATCH;
        loop {
            let Some(mut changes) = self.read(limit).await? else { continue };
            let is_last = changes.len() < limit as usize;
            if !is_last && !cut_to_whole_revision(&mut changes) {
                if limit == LARGEST_BATCH {
                    // One transaction changed more than can be told one by one.
                    self.reset().await?;
                }
                limit = LARGEST_BATCH;
                continue;
            }
            limit = BATCH;
            self.send_all(changes).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    async fn reset(&mut self) -> Step {
        self.cursor = *self.shared.state.store.newest().borrow();
        self.send_cursor("reset", self.cursor).await
    }

    /// `None`: try again.
    async fn read(&mut self, limit: u32) -> Step<Option<Vec<Change>>> {
        match self.shared.state.store.changes(self.cursor, limit).await {
            Ok(changes) => Ok(Some(changes)),
            Err(StoreError::CursorTooOld { .. }) => {
                self.reset().await?;
                Ok(None)
            }
            Err(error) if error.is_retryable() => {
                tracing::debug!(%error, "a watch waits for the store");
                tokio::select! {
                    () = self.shared.state.clock.sleep(PAUSE) => Ok(None),
                    () = self.out.closed() => Err(Over),
                }
            }
            Err(error) => {
                tracing::error!(%error, "a watch ends: the feed cannot be read");
                Err(Over)
            }
        }
    }

    async fn send_all(&mut self, changes: Vec<Change>) -> Step {
        for (index, change) in changes.iter().enumerate() {
            // Only the last event of a revision is a place to resume from.
            let ends_revision = changes.get(index + 1).is_none_or(|next| next.revision != change.revision);
            if let Some(data) = self.event(change).await? {
                let event = encode("change", &data);
                let event = if ends_revision { event.id(change.revision.to_string()) } else { event };
                self.out.send(event).await.map_err(|_| Over)?;
            }
            self.cursor = change.revision;
        }
        Ok(())
    }

    async fn send_cursor(&self, event: &str, revision: u64) -> Step {
        let event = encode(event, &CursorEvent { revision }).id(revision.to_string());
        self.out.send(event).await.map_err(|_| Over)
    }

    /// What the caller gets of a change; `None` when it may not see it.
    async fn event(&mut self, change: &Change) -> Step<Option<ChangeEvent>> {
        if !self.is_wanted(change) {
            return Ok(None);
        }
        let (visible, object) = if change.deleted {
            (self.may_all(change.kind) || self.was_shown(change), None)
        } else {
            self.look(change).await?
        };
        if !visible {
            return Ok(None);
        }
        self.remember(change);
        let Change { revision, kind, id, name, deleted } = change.clone();
        Ok(Some(ChangeEvent {
            kind: kind.into(),
            id,
            name,
            deleted,
            revision,
            object: object.filter(|_| self.objects),
        }))
    }

    fn is_wanted(&self, change: &Change) -> bool {
        let Some(name) = &self.application else { return true };
        match change.kind {
            ChangeKind::Application => change.name == name.to_string(),
            // What an application reports is as fresh as its clusters.
            ChangeKind::Cluster => true,
            ChangeKind::Operation | ChangeKind::Repository | ChangeKind::Project => false,
        }
    }

    /// Whether the caller may see it, and the thing itself; what is gone meanwhile is left to its own removal.
    async fn look(&self, change: &Change) -> Step<(bool, Option<Value>)> {
        if self.may_all(change.kind) && !self.objects {
            return Ok((true, None));
        }
        let looked = match change.kind {
            ChangeKind::Application => self.application(&change.name).await,
            ChangeKind::Cluster => self.cluster(&change.name).await,
            ChangeKind::Operation => self.operation(&change.id).await,
            ChangeKind::Repository => Ok((self.caller.may(route::REPOSITORIES, route::GET, &change.id), None)),
            ChangeKind::Project => Ok((self.caller.may(route::PROJECTS, route::GET, &change.id), None)),
        };
        looked.map_err(|error| {
            tracing::warn!(%error, "a watch ends: a changed thing cannot be read");
            Over
        })
    }

    async fn application(&self, name: &str) -> Result<(bool, Option<Value>), StoreError> {
        let Ok(name) = ApplicationName::parse(name) else { return Ok((false, None)) };
        let store = &self.shared.state.store;
        if !self.objects {
            let application = store.application(&name).await?;
            let visible =
                |application| self.caller.may(route::APPLICATIONS, route::GET, &application_object(application));
            return Ok((application.as_ref().is_some_and(visible), None));
        }
        let Some(view) = store.application_item(&name).await? else { return Ok((false, None)) };
        let visible = self.caller.may(route::APPLICATIONS, route::GET, &application_object(&view.application));
        Ok((visible, value(&ApplicationItem::of(&view, self.shared.state.clock.now()))))
    }

    async fn cluster(&self, name: &str) -> Result<(bool, Option<Value>), StoreError> {
        let Some(view) = self.shared.state.store.cluster_view(name).await? else { return Ok((false, None)) };
        let visible = self.caller.may(route::CLUSTERS, route::GET, name);
        Ok((visible, value(&ClusterObject::of(view, self.shared.state.clock.now()))))
    }

    async fn operation(&self, id: &str) -> Result<(bool, Option<Value>), StoreError> {
        let Ok(id) = Uuid::parse_str(id) else { return Ok((false, None)) };
        let Some(record) = self.shared.state.store.operation(id).await? else { return Ok((false, None)) };
        let object = operations::object_of(&self.shared, &record.name).await?;
        let visible = self.caller.may(route::OPERATIONS, route::GET, &object);
        Ok((visible, value(&OperationObject::from(record))))
    }

    fn may_all(&self, kind: ChangeKind) -> bool {
        let resource = match kind {
            ChangeKind::Application => route::APPLICATIONS,
            ChangeKind::Cluster => route::CLUSTERS,
            ChangeKind::Repository => route::REPOSITORIES,
            ChangeKind::Operation => route::OPERATIONS,
            ChangeKind::Project => route::PROJECTS,
        };
        self.caller.may_all(resource, route::GET)
    }

    fn was_shown(&self, change: &Change) -> bool {
        self.shown.contains(&(change.kind, change.id.clone()))
    }

    fn remember(&mut self, change: &Change) {
        if change.deleted {
            self.shown.remove(&(change.kind, change.id.clone()));
        } else if !self.may_all(change.kind) && self.shown.len() < REMEMBERED {
            self.shown.insert((change.kind, change.id.clone()));
        }
    }
}

fn soon(now: Timestamp) -> Timestamp {
    now.saturating_add(RECHECK).unwrap_or(now)
}

/// An object of the API, which can always be written; without it, readers of the feed look for themselves.
fn value(object: &impl Serialize) -> Option<Value> {
    serde_json::to_value(object).ok()
}

/// An event; its data are types of the API, which can always be written.
fn encode(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}

/// Leaves the last revision of a full batch to the next one, as it may be cut in the middle; `false` when it is the only one.
fn cut_to_whole_revision(changes: &mut Vec<Change>) -> bool {
    let Some(last) = changes.last().map(|change| change.revision) else { return true };
    let whole = changes.partition_point(|change| change.revision < last);
    changes.truncate(whole);
    whole > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_never_cut_in_the_middle() {
        let change = |revision| Change {
            revision,
            kind: ChangeKind::Application,
            id: String::new(),
            name: String::new(),
            deleted: false,
        };
        let mut changes = vec![change(1), change(2), change(2)];
        assert!(cut_to_whole_revision(&mut changes));
        assert_eq!(changes, [change(1)]);
        let mut changes = vec![change(2), change(2)];
        assert!(!cut_to_whole_revision(&mut changes));
    }
}
