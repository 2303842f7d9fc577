//! Which statuses are stored when. What people wait for is stored at once; repeated details of one target are grouped; nothing is lost and nothing grows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::health::HealthStatus;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{ResourceStatus, StatusDelta, SyncStatus};
use windlass_domain::time::Timestamp;

/// Time between two writes of one target's details.
const APART: Duration = Duration::from_millis(50);
/// How many targets' last writes are remembered; more than any cluster has.
const REMEMBERED: usize = 65_536;

/// Statuses that were received and are not stored yet: one per target.
#[derive(Default)]
pub(super) struct Statuses {
    waiting: BTreeMap<Uuid, Waiting>,
    stored: HashMap<Uuid, Stored>,
}

struct Waiting {
    delta: StatusDelta,
    due: Timestamp,
}

struct Stored {
    at: Timestamp,
    gist: Gist,
}

/// What people wait for: a change of it is stored at once.
#[derive(PartialEq)]
struct Gist {
    sync: SyncStatus,
    health: HealthStatus,
    bundle: Option<Digest>,
    revision: String,
    operation: Option<(Uuid, OperationPhase)>,
    held: Option<Digest>,
    removed: bool,
}

// === impl Statuses ===

impl Statuses {
    /// Whether what waits must be stored before `delta` is taken: an operation's result is never covered by the next operation.
    pub(super) fn must_store_before(&self, delta: &StatusDelta) -> bool {
        let operation = |delta: &StatusDelta| delta.summary.operation.as_ref().map(|operation| operation.id);
        let waiting = self.waiting.get(&delta.application);
        waiting
            .is_some_and(|waiting| operation(&waiting.delta).is_some() && operation(&waiting.delta) != operation(delta))
    }

    /// Takes a status; a newer one of the same target covers an older one.
    pub(super) fn push(&mut self, delta: StatusDelta, now: Timestamp) {
        let due = match self.stored.get(&delta.application) {
            Some(stored) if stored.gist == Gist::of(&delta) => stored.at + APART,
            _ => now,
        };
        match self.waiting.remove(&delta.application) {
            None => self.waiting.insert(delta.application, Waiting { delta, due }),
            Some(older) => {
                let due = due.min(older.due);
                self.waiting.insert(delta.application, Waiting { delta: covered(older.delta, delta), due })
            }
        };
    }

    /// When the next one is to be stored.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.waiting.values().map(|waiting| waiting.due).min()
    }

    /// What is to be stored at `now`.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<StatusDelta> {
        let due: Vec<Uuid> = self.waiting.iter().filter(|(_, waiting)| waiting.due <= now).map(|(id, _)| *id).collect();
        due.into_iter().filter_map(|id| self.take(id, now)).collect()
    }

    /// Everything that waits.
    pub(super) fn take_all(&mut self, now: Timestamp) -> Vec<StatusDelta> {
        let all: Vec<Uuid> = self.waiting.keys().copied().collect();
        all.into_iter().filter_map(|id| self.take(id, now)).collect()
    }

    fn take(&mut self, id: Uuid, now: Timestamp) -> Option<StatusDelta> {
        let delta = self.waiting.remove(&id)?.delta;
        if self.stored.len() >= REMEMBERED {
            self.stored.clear();
        }
        if delta.summary.removed {
            self.stored.remove(&id);
        } else {
            self.stored.insert(id, Stored { at: now, gist: Gist::of(&delta) });
        }
        Some(delta)
    }
}

// === impl Gist ===

impl Gist {
    fn of(delta: &StatusDelta) -> Self {
        let summary = &delta.summary;
        Self {
            sync: summary.sync,
            health: summary.health,
            bundle: summary.bundle,
            revision: summary.revision.clone(),
            operation: summary.operation.as_ref().map(|operation| (operation.id, operation.phase)),
            held: summary.hold.as_ref().map(|hold| hold.set),
            removed: summary.removed,
        }
    }
}

/// One delta with the effect of two.
fn covered(older: StatusDelta, mut newer: StatusDelta) -> StatusDelta {
    // Results are told once: a report that has none leaves those that still wait to be stored.
    if let (Some(told), Some(operation)) = (&older.summary.operation, &mut newer.summary.operation)
        && told.id == operation.id
        && operation.results.is_empty()
    {
        operation.results.clone_from(&told.results);
    }
    if newer.full {
        return newer;
    }
    let mut changed: BTreeMap<ResourceKey, ResourceStatus> =
        older.changed.into_iter().map(|resource| (resource.key.clone(), resource)).collect();
    let mut removed: BTreeSet<ResourceKey> = older.removed.into_iter().collect();
    for key in newer.removed {
        changed.remove(&key);
        removed.insert(key);
    }
    for resource in newer.changed {
        removed.remove(&resource.key);
        changed.insert(resource.key.clone(), resource);
    }
    StatusDelta {
        application: newer.application,
        summary: newer.summary,
        changed: changed.into_values().collect(),
        removed: if older.full { Vec::new() } else { removed.into_iter().collect() },
        full: older.full,
        digest: newer.digest,
    }
}

#[cfg(test)]
mod tests {
    use windlass_domain::status::{OperationState, TargetSummary};
    use windlass_domain::time::from_millis;

    use super::*;

    fn resource(name: &str, message: &str) -> ResourceStatus {
        ResourceStatus {
            key: ResourceKey {
                group: String::new(),
                kind: "ConfigMap".into(),
                namespace: String::new(),
                name: name.into(),
            },
            version: "v1".into(),
            sync: SyncStatus::Synced,
            health: None,
            requires_pruning: false,
            message: message.into(),
        }
    }

    fn delta(sync: SyncStatus, changed: Vec<ResourceStatus>) -> StatusDelta {
        let summary = TargetSummary {
            sync,
            health: HealthStatus::Healthy,
            health_message: String::new(),
            revision: String::new(),
            bundle: None,
            synced_revision: None,
            synced_bundle: None,
            conditions: vec![],
            hold: None,
            operation: None,
            removed: false,
        };
        let removed = vec![];
        StatusDelta { application: Uuid::nil(), summary, changed, removed, full: false, digest: Digest::of(b"") }
    }

    fn operation(id: u128) -> Option<OperationState> {
        Some(OperationState {
            id: Uuid::from_u128(id),
            by: String::new(),
            phase: OperationPhase::Succeeded,
            message: String::new(),
            revision: String::new(),
            started_at: from_millis(0),
            finished_at: Some(from_millis(0)),
            results: vec![],
        })
    }

    #[test]
    fn the_first_and_what_people_wait_for_are_stored_at_once() {
        let mut statuses = Statuses::default();
        statuses.push(delta(SyncStatus::OutOfSync, vec![]), from_millis(1000));
        assert_eq!(statuses.take_due(from_millis(1000)).len(), 1);
        statuses.push(delta(SyncStatus::Synced, vec![]), from_millis(1001));
        assert_eq!(statuses.due(), Some(from_millis(1001)));
    }

    #[test]
    fn repeated_details_are_grouped_into_one_with_the_same_effect() {
        let mut statuses = Statuses::default();
        let full = StatusDelta { full: true, ..delta(SyncStatus::Synced, vec![resource("a", ""), resource("b", "")]) };
        statuses.push(full, from_millis(1000));
        assert_eq!(statuses.take_due(from_millis(1000)).len(), 1);
        statuses.push(delta(SyncStatus::Synced, vec![resource("a", "1"), resource("c", "")]), from_millis(1010));
        let gone = resource("c", "").key;
        statuses.push(
            StatusDelta { removed: vec![gone.clone()], ..delta(SyncStatus::Synced, vec![resource("a", "2")]) },
            from_millis(1020),
        );
        assert!(statuses.take_due(from_millis(1049)).is_empty());
        let stored = statuses.take_due(from_millis(1050));
        assert_eq!(stored.len(), 1);
        assert_eq!((&stored[0].changed, &stored[0].removed), (&vec![resource("a", "2")], &vec![gone]));
        assert_eq!(statuses.due(), None);
    }

    #[test]
    fn results_that_were_told_once_outlive_a_report_that_does_not_repeat_them() {
        let result = windlass_domain::status::ResourceResult {
            key: resource("a", "").key,
            status: windlass_domain::status::ResultCode::Pruned,
            message: "pruned".into(),
            hook: None,
        };
        let mut told = operation(1);
        told.as_mut().expect("an operation").results.push(result.clone());
        let with = |operation| {
            let mut delta = delta(SyncStatus::Synced, vec![]);
            delta.summary.operation = operation;
            delta
        };
        let mut statuses = Statuses::default();
        statuses.push(with(told), from_millis(1000));
        statuses.push(with(operation(1)), from_millis(1001));
        let stored = statuses.take_due(from_millis(2000));
        assert_eq!(stored[0].summary.operation.as_ref().map(|operation| &operation.results), Some(&vec![result]));
    }

    #[test]
    fn an_operations_result_is_never_covered() {
        let mut statuses = Statuses::default();
        let mut first = delta(SyncStatus::Synced, vec![]);
        first.summary.operation = operation(1);
        let mut second = first.clone();
        statuses.push(first, from_millis(0));
        assert!(!statuses.must_store_before(&second));
        second.summary.operation = operation(2);
        assert!(statuses.must_store_before(&second));
    }
}
