//! What of an agent's words is stored when. What people wait for is stored at once; repeated details of one target are grouped, and so is everything of an agent
//! that says more than can be written one by one; nothing is lost and nothing grows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::health::HealthStatus;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{ResourceStatus, StatusDelta, SyncStatus};
use windlass_domain::time::Timestamp;
use windlass_store::AgentReport;

/// How long what only bookkeeping waits for may wait for a status to be stored with.
const RIDE: Duration = Duration::from_millis(50);
/// Once [`BURST`] writes followed each other at once, the next ones are so far apart: what comes meanwhile goes together.
const SPACING: Duration = Duration::from_millis(25);
const BURST: u32 = 12;
/// Time between two writes of one target's details.
const APART: Duration = Duration::from_millis(50);
/// How many targets' last writes are remembered; more than any cluster has.
const REMEMBERED: usize = 65_536;

/// What was received and is not stored yet: one status and one bundle per target, one position.
#[derive(Default)]
pub(super) struct Statuses {
    waiting: BTreeMap<Uuid, Waiting>,
    stored: HashMap<Uuid, Stored>,
    acked: Option<u64>,
    held: BTreeMap<Uuid, Digest>,
    /// When `acked` and `held` are stored at the latest.
    books_due: Option<Timestamp>,
    pace: Pace,
}

/// Writes that followed each other: a bucket that each fills by one and time empties.
#[derive(Default)]
struct Pace {
    empty_at: Option<Timestamp>,
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

    /// Takes the newest generation that is durable at the agent.
    pub(super) fn acked(&mut self, generation: u64, now: Timestamp) {
        self.acked = self.acked.max(Some(generation));
        self.books_due.get_or_insert(now + RIDE);
    }

    /// Takes a bundle that the agent holds whole.
    pub(super) fn held(&mut self, application: Uuid, bundle: Digest, now: Timestamp) {
        self.held.insert(application, bundle);
        self.books_due.get_or_insert(now + RIDE);
    }

    /// When something is to be stored.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let due = self.waiting.values().map(|waiting| waiting.due).chain(self.books_due).min()?;
        Some(self.pace.earliest().map_or(due, |earliest| due.max(earliest)))
    }

    /// What is to be stored at `now`: nothing before [`due`](Self::due).
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<AgentReport> {
        self.due().filter(|due| *due <= now)?;
        let due: Vec<Uuid> = self.waiting.iter().filter(|(_, waiting)| waiting.due <= now).map(|(id, _)| *id).collect();
        self.report(due, now)
    }

    /// Everything that waits.
    pub(super) fn take_all(&mut self, now: Timestamp) -> Option<AgentReport> {
        let all: Vec<Uuid> = self.waiting.keys().copied().collect();
        self.report(all, now)
    }

    fn report(&mut self, targets: Vec<Uuid>, now: Timestamp) -> Option<AgentReport> {
        if targets.is_empty() && self.books_due.is_none() {
            return None;
        }
        self.pace.wrote(now);
        self.books_due = None;
        let held = std::mem::take(&mut self.held).into_iter().collect();
        let statuses = targets.into_iter().filter_map(|id| self.take(id, now)).collect();
        Some(AgentReport { acked: self.acked.take(), held, statuses })
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

// === impl Pace ===

impl Pace {
    /// When the next write may be.
    fn earliest(&self) -> Option<Timestamp> {
        self.empty_at.map(|empty_at| empty_at - SPACING * BURST)
    }

    fn wrote(&mut self, now: Timestamp) {
        self.empty_at = Some(self.empty_at.map_or(now, |empty_at| empty_at.max(now)) + SPACING);
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
        let summary = TargetSummary::of(sync, HealthStatus::Healthy);
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

    fn taken(statuses: &mut Statuses, at: i64) -> Vec<StatusDelta> {
        statuses.take_due(from_millis(at)).map(|report| report.statuses).unwrap_or_default()
    }

    #[test]
    fn books_ride_with_a_status_and_do_not_wait_for_long() {
        let mut statuses = Statuses::default();
        statuses.acked(7, from_millis(1000));
        statuses.held(Uuid::nil(), Digest::of(b"bundle"), from_millis(1010));
        statuses.acked(6, from_millis(1020));
        assert!(statuses.take_due(from_millis(1049)).is_none());
        statuses.push(delta(SyncStatus::Synced, vec![]), from_millis(1030));
        let report = statuses.take_due(from_millis(1030)).expect("a report");
        assert_eq!((report.acked, report.held.len(), report.statuses.len()), (Some(7), 1, 1));
        statuses.acked(8, from_millis(2000));
        assert_eq!(statuses.due(), Some(from_millis(2050)));
        assert_eq!(statuses.take_due(from_millis(2050)).and_then(|report| report.acked), Some(8));
        assert_eq!(statuses.due(), None);
    }

    #[test]
    fn who_says_much_is_written_in_few_writes() {
        let mut statuses = Statuses::default();
        let (mut writes, mut last) = (0, 0);
        for at in 0..1000 {
            let mut delta = delta(SyncStatus::Synced, vec![]);
            delta.application = Uuid::from_u128(u128::try_from(at).expect("positive"));
            statuses.push(delta, from_millis(at));
            let stored = taken(&mut statuses, at).len();
            (writes, last) = (writes + usize::from(stored > 0), last.max(stored));
        }
        assert!((40..=60).contains(&writes) && last == 25, "{writes} writes, {last} at most");
        // After a pause the next one is stored at once.
        assert!(!statuses.take_all(from_millis(1000)).expect("some").statuses.is_empty());
        statuses.push(delta(SyncStatus::OutOfSync, vec![]), from_millis(2000));
        assert_eq!(taken(&mut statuses, 2000).len(), 1);
    }

    #[test]
    fn the_first_and_what_people_wait_for_are_stored_at_once() {
        let mut statuses = Statuses::default();
        statuses.push(delta(SyncStatus::OutOfSync, vec![]), from_millis(1000));
        assert_eq!(taken(&mut statuses, 1000).len(), 1);
        statuses.push(delta(SyncStatus::Synced, vec![]), from_millis(1001));
        assert_eq!(statuses.due(), Some(from_millis(1001)));
    }

    #[test]
    fn repeated_details_are_grouped_into_one_with_the_same_effect() {
        let mut statuses = Statuses::default();
        let full = StatusDelta { full: true, ..delta(SyncStatus::Synced, vec![resource("a", ""), resource("b", "")]) };
        statuses.push(full, from_millis(1000));
        assert_eq!(taken(&mut statuses, 1000).len(), 1);
        statuses.push(delta(SyncStatus::Synced, vec![resource("a", "1"), resource("c", "")]), from_millis(1010));
        let gone = resource("c", "").key;
        statuses.push(
            StatusDelta { removed: vec![gone.clone()], ..delta(SyncStatus::Synced, vec![resource("a", "2")]) },
            from_millis(1020),
        );
        assert!(taken(&mut statuses, 1049).is_empty());
        let stored = taken(&mut statuses, 1050);
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
        let stored = taken(&mut statuses, 2000);
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
