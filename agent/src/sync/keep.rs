//! Durable records of many targets, written together.
//!
//! The engine never waits for a disk: what a target wants to be durable is gathered here, one write is under way at a time, and all that is gathered
//! meanwhile goes with the next. A target is not evaluated, reported or acted for between asking and being durable, so that for each target it is as if every
//! write were waited for; others go on.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tracing::warn;
use uuid::Uuid;
use windlass_domain::operation::Event;
use windlass_domain::sync::{SyncAction, Verb};
use windlass_domain::time::Timestamp;

use super::engine::Engine;
use super::input::Input;
use super::target::{Complete, Target};
use crate::desired::Change;
use crate::link;

/// How long after a write that failed the next one is tried.
const REST: Duration = Duration::from_secs(5);

/// A write of more targets than this is a storm: what comes after it waits, to be written with more. Each write rewrites a good part of the copy, and where a
/// thousand targets are on their way it is better to do that ten times than two hundred times.
const STORM: usize = 16;
/// How many times as long as the write took the next one waits in a storm.
const PACE: u32 = 4;
/// The longest that it waits.
const LONGEST_PACE: Duration = Duration::from_millis(400);

/// What goes on once a target's records are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing but its next evaluation.
    Evaluate,
    /// An operation ended: that is said before another one begins.
    Report,
    /// This operation takes its first step; where the write fails it has not begun.
    Begin(Uuid),
    /// The running operation does what waited for its record.
    GoOn,
    /// These actions, whose kind is served by now, are carried out.
    CarryOut(Vec<usize>),
    /// The link forgets the target.
    Forget,
}

/// What one target wants to be durable, and what follows from it.
#[derive(Default)]
struct Wanted {
    changes: BTreeMap<String, Option<Bytes>>,
    /// The bundle whose contents are among the changes.
    complete: Option<Complete>,
    then: Vec<Then>,
}

/// Records on their way to the durable copy.
#[derive(Default)]
pub(super) struct Keeper {
    waiting: BTreeMap<Uuid, Wanted>,
    /// Being written, their changes aside.
    under_way: BTreeMap<Uuid, Wanted>,
    /// Contents that nobody names go with the next write.
    collects: bool,
    /// When the write that is under way began.
    began: Option<Timestamp>,
    /// After a write that failed, and in a storm.
    rests_until: Option<Timestamp>,
}

// === impl Keeper ===

impl Keeper {
    /// Whether a target's records are not durable yet.
    pub(super) fn holds(&self, application: Uuid) -> bool {
        self.waiting.contains_key(&application) || self.under_way.contains_key(&application)
    }

    /// Contents that nobody names any more go with the next write.
    pub(super) fn collect(&mut self) {
        self.collects = true;
    }

    fn put(&mut self, application: Uuid, changes: Vec<Change>, complete: Option<Complete>, then: Then) {
        let wanted = self.waiting.entry(application).or_default();
        // Records are whole: a newer one takes the place of the one before it.
        wanted.changes.extend(changes);
        if complete.is_some() {
            wanted.complete = complete;
        }
        wanted.then.push(then);
    }

    /// When the next write may begin, where one waits for that.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.rests_until.filter(|_| !self.waiting.is_empty())
    }

    fn rests(&self, now: Timestamp) -> bool {
        self.rests_until.is_some_and(|until| now < until)
    }

    /// Everything that waits, to be written now; `None` while a write is under way, while it rests, or when nothing waits.
    fn depart(&mut self, now: Timestamp) -> Option<Vec<Change>> {
        if self.began.is_some() || self.waiting.is_empty() || self.rests(now) {
            return None;
        }
        self.began = Some(now);
        self.under_way = std::mem::take(&mut self.waiting);
        Some(self.under_way.values_mut().flat_map(|wanted| std::mem::take(&mut wanted.changes)).collect())
    }

    /// The write is over; whose it was.
    fn arrive(&mut self, now: Timestamp, failed: bool) -> BTreeMap<Uuid, Wanted> {
        let over = std::mem::take(&mut self.under_way);
        let took = self.began.take().map(|began| now.duration_since(began)).unwrap_or_default();
        let took = Duration::try_from(took).unwrap_or_default();
        let rest = match failed {
            true => REST,
            false if over.len() > STORM => took.saturating_mul(PACE).min(LONGEST_PACE),
            false => Duration::ZERO,
        };
        self.rests_until = (!rest.is_zero()).then(|| now + rest);
        over
    }

    /// The wall clock stepped back by `by`: what rests does not rest for longer.
    pub(super) fn stepped_back(&mut self, by: jiff::SignedDuration) {
        for at in [&mut self.began, &mut self.rests_until].into_iter().flatten() {
            *at = at.saturating_sub(by).unwrap_or(*at);
        }
    }
}

impl Engine {
    /// Has a target's records made durable, and with them a new bundle's contents. A failure is a condition, and is tried again.
    pub(super) fn keep(&mut self, application: Uuid, then: Then) {
        self.keep_with(application, Vec::new(), then);
    }

    /// The same, with more changes.
    pub(super) fn keep_with(&mut self, application: Uuid, more: Vec<Change>, then: Then) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        match target.records(application) {
            Ok(mut changes) => {
                let unwritten = target.unwritten.take();
                let complete = target.desired.clone().filter(|_| unwritten.is_some());
                changes.extend(unwritten.into_iter().flatten());
                changes.extend(more);
                self.keeper.put(application, changes, complete, then);
            }
            Err(error) => {
                self.could_not_write(application, &error.to_string());
                self.does_not_begin(application, &[then]);
            }
        }
    }

    /// Drops a removed target's records.
    pub(super) fn keep_dropped(&mut self, application: Uuid, changes: Vec<Change>) {
        self.keeper.put(application, changes, None, Then::Forget);
    }

    /// Begins to write what waits, in a task of its own.
    pub(super) fn write_kept(&mut self) {
        let Some(mut changes) = self.keeper.depart(self.parts.clock.now()) else { return };
        if std::mem::take(&mut self.keeper.collects) {
            changes.extend(self.garbage());
        }
        let (durable, inbox) = (self.parts.durable.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let result = durable.write(changes).await.map_err(|error| error.to_string());
            // The engine is gone only when the agent stops.
            let _ = inbox.send(Input::Kept(result)).await;
        });
    }

    /// A write is over.
    pub(super) async fn kept(&mut self, result: Result<(), String>) {
        self.contents.undoom();
        let now = self.parts.clock.now();
        for (application, wanted) in self.keeper.arrive(now, result.is_err()) {
            match &result {
                Ok(()) => self.is_durable(application, wanted).await,
                Err(error) => self.not_written(application, wanted, error).await,
            }
            self.dirty.insert(application);
        }
    }

    async fn is_durable(&mut self, application: Uuid, wanted: Wanted) {
        if let Some(target) = self.targets.get_mut(&application) {
            target.storage_error = None;
        }
        if let Some(complete) = wanted.complete {
            self.contents.unstage(&complete);
            self.tell(link::Input::Completed { application, bundle: complete.digest }).await;
        }
        for then in wanted.then {
            match then {
                Then::Evaluate => {}
                Then::Report => self.report(application).await,
                Then::Begin(id) => {
                    let running = self.targets.get(&application).and_then(|target| target.running.as_ref());
                    if running.is_some_and(|running| running.id == id) {
                        self.step(application, Event::Start).await;
                    }
                }
                Then::GoOn => self.recorded(application).await,
                Then::CarryOut(actions) => self.carry_out_awaited(application, actions),
                Then::Forget => self.tell(link::Input::Forgotten { application }).await,
            }
        }
    }

    /// Everything that was to be written is wanted again, contents included: they are still staged. What was applied before and only has to be put right is
    /// put right all the same: what is on record of it does not change by that.
    async fn not_written(&mut self, application: Uuid, wanted: Wanted, error: &str) {
        if let (Some(target), Some(complete)) = (self.targets.get_mut(&application), &wanted.complete) {
            target.unwritten.get_or_insert_default().extend(self.contents.staged_of(complete));
        }
        if wanted.then.contains(&Then::Forget) {
            // What is left of it is dropped with the orphans of the next collection.
            self.keeper.collect();
            self.tell(link::Input::Forgotten { application }).await;
        }
        self.could_not_write(application, error);
        let begins = wanted.then.iter().any(|then| matches!(then, Then::Begin(_)));
        if begins && self.targets.get(&application).is_some_and(Target::only_heals) {
            self.step(application, Event::Start).await;
        } else {
            self.does_not_begin(application, &wanted.then);
        }
        self.report(application).await;
    }

    fn could_not_write(&mut self, application: Uuid, error: &str) {
        let again = self.parts.clock.now() + REST;
        let Some(target) = self.targets.get_mut(&application) else { return };
        warn!(application = %target.name(), %error, "the durable copy could not be written");
        target.storage_error = Some(format!("the durable copy could not be written: {error}"));
        // `Some` makes a later evaluation write again.
        target.unwritten.get_or_insert_default();
        target.wake(again);
    }

    fn does_not_begin(&mut self, application: Uuid, then: &[Then]) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        if target.running.as_ref().is_some_and(|running| then.contains(&Then::Begin(running.id))) {
            target.running = None;
        }
    }

    /// Makes a new bundle durable where no operation did.
    pub(super) fn flush(&mut self, application: Uuid) {
        if self.targets.get(&application).is_some_and(|target| target.unwritten.is_some()) {
            self.keep(application, Then::Evaluate);
        }
    }

    /// Contents and records that nobody names any more, as removals. While they are on their way out they count as not there.
    fn garbage(&mut self) -> Vec<Change> {
        let mut garbage = self.contents.garbage(&self.referenced());
        self.contents.doom(&garbage);
        garbage.extend(self.orphans());
        garbage
    }
}

impl Target {
    /// Whether the running operation only applies again what is on record as applied from these very manifests.
    fn only_heals(&self) -> bool {
        let Some(running) = &self.running else { return false };
        let plan = running.operation.plan();
        let on_record = |action: &SyncAction| match &action.verb {
            Verb::Apply { digest, adopt: false } => {
                self.inventory.entries.get(&action.key).is_some_and(|entry| entry.digest == Some(*digest))
            }
            _ => false,
        };
        !plan.needs_record() && plan.actions.iter().all(on_record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, text: &'static str) -> Change {
        (name.to_owned(), Some(Bytes::from_static(text.as_bytes())))
    }

    fn at(millis: i64) -> Timestamp {
        windlass_domain::time::from_millis(millis)
    }

    #[test]
    fn what_many_targets_want_goes_in_one_write_and_the_rest_in_the_next() {
        let mut keeper = Keeper::default();
        let [a, b, c] = [1, 2, 3].map(Uuid::from_u128);
        assert_eq!(keeper.depart(at(0)), None);
        keeper.put(a, vec![change("a", "old"), change("x", "1")], None, Then::Evaluate);
        keeper.put(b, vec![change("b", "1")], None, Then::GoOn);
        keeper.put(a, vec![change("a", "new")], None, Then::GoOn);
        let written = keeper.depart(at(0)).expect("a write");
        assert_eq!(written, [change("a", "new"), change("x", "1"), change("b", "1")], "the newest of each record");
        keeper.put(c, vec![change("c", "1")], None, Then::Evaluate);
        assert_eq!(keeper.depart(at(1)), None, "one write at a time");
        assert!([a, b, c].iter().all(|one| keeper.holds(*one)));
        let over = keeper.arrive(at(2), false);
        assert_eq!(over.keys().copied().collect::<Vec<_>>(), [a, b]);
        assert_eq!(over[&a].then, [Then::Evaluate, Then::GoOn], "in the order of asking");
        assert!(!keeper.holds(a) && keeper.holds(c));
        assert_eq!(keeper.depart(at(2)), Some(vec![change("c", "1")]), "few wait for nobody");
    }

    #[test]
    fn after_a_storm_or_a_failure_the_next_write_waits() {
        let next_after = |targets: u128, took: i64, failed: bool| {
            let mut keeper = Keeper::default();
            for target in 0..targets {
                keeper.put(Uuid::from_u128(target), vec![change("r", "1")], None, Then::Evaluate);
            }
            keeper.depart(at(0)).expect("a write");
            keeper.arrive(at(took), failed);
            keeper.put(Uuid::max(), vec![change("r", "2")], None, Then::Evaluate);
            let due = keeper.due().unwrap_or_else(|| at(took));
            assert!(due == at(took) || keeper.depart(due - Duration::from_millis(1)).is_none(), "too early");
            assert!(keeper.depart(due).is_some(), "in time");
            due
        };
        assert_eq!(next_after(16, 20, false), at(20));
        assert_eq!(next_after(17, 20, false), at(100));
        assert_eq!(next_after(1000, 900, false), at(1300));
        assert_eq!(next_after(1, 20, true), at(5020));
    }
}
