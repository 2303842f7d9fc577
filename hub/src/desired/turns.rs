//! Who may compile now. What is slow, be it a repository or a render, soon takes no turn from anybody else (promise P8).

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use windlass_domain::name::ApplicationName;
use windlass_domain::time::Timestamp;

use super::schedule::Lane;

/// How long a look may compile before others begin in its place, and before its application counts as slow the next time.
const SLOW_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// Looks at once of applications that were slow the last time.
const SLOW_AT_ONCE: usize = 2;
/// The most looks that are compiled and not written yet.
const MOST_PARKED: usize = 250;

/// The looks that were begun, and which applications were slow.
pub(super) struct Turns {
    /// How many looks compile at once; of one repository, half as many.
    concurrency: usize,
    working: BTreeMap<ApplicationName, Turn>,
    slow: BTreeSet<ApplicationName>,
}

struct Turn {
    lane: Lane,
    since: Timestamp,
    pace: Pace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// It compiles, and takes a turn.
    Usual,
    /// It has compiled for long, or belongs to an application that does.
    Slow,
    /// It is compiled, and waits to be written together with others.
    Parked,
}

// === impl Turns ===

impl Turns {
    pub(super) fn new(concurrency: usize) -> Self {
        Self { concurrency: concurrency.max(1), working: BTreeMap::new(), slow: BTreeSet::new() }
    }

    /// How many looks take a turn: while there are any, more commits are about to come.
    pub(super) fn compiling(&self) -> usize {
        self.count(Pace::Usual)
    }

    /// Whether anything may begin.
    pub(super) fn has_room(&self) -> bool {
        self.count(Pace::Usual) < self.concurrency && self.count(Pace::Parked) < MOST_PARKED
    }

    /// Whether slow applications have to wait for other slow ones.
    pub(super) fn is_slow_full(&self) -> bool {
        self.count(Pace::Slow) >= SLOW_AT_ONCE
    }

    pub(super) fn is_slow(&self, name: &ApplicationName) -> bool {
        self.slow.contains(name)
    }

    pub(super) fn is_working(&self, name: &ApplicationName) -> bool {
        self.working.contains_key(name)
    }

    /// Whether a repository has its share: half of the turns, and with the slow ones no more than all.
    pub(super) fn is_busy(&self, lane: &Lane) -> bool {
        let of_it = || self.working.values().filter(|turn| turn.lane == *lane && turn.pace != Pace::Parked);
        let usual = of_it().filter(|turn| turn.pace == Pace::Usual).count();
        lane.is_some() && (usual >= self.concurrency.div_ceil(2) || of_it().count() >= self.concurrency)
    }

    pub(super) fn begin(&mut self, name: ApplicationName, lane: Lane, now: Timestamp) {
        let pace = if self.is_slow(&name) { Pace::Slow } else { Pace::Usual };
        self.working.insert(name, Turn { lane, since: now, pace });
    }

    /// It is compiled; whoever waits may begin.
    pub(super) fn parked(&mut self, name: &ApplicationName, now: Timestamp) {
        let Some(turn) = self.working.get_mut(name).filter(|turn| turn.pace != Pace::Parked) else { return };
        turn.pace = Pace::Parked;
        let was_slow = is_slow(turn.since, now);
        self.remember(name, was_slow);
    }

    /// Looks that have compiled for long give their turns to others, as long as there are not too many of them.
    pub(super) fn age(&mut self, now: Timestamp) {
        let mut room = (2 * self.concurrency).saturating_sub(self.count(Pace::Slow));
        for (name, turn) in &mut self.working {
            if room > 0 && turn.pace == Pace::Usual && is_slow(turn.since, now) {
                turn.pace = Pace::Slow;
                self.slow.insert(name.clone());
                room -= 1;
            }
        }
    }

    pub(super) fn end(&mut self, name: &ApplicationName, now: Timestamp) {
        let Some(turn) = self.working.remove(name) else { return };
        if turn.pace != Pace::Parked {
            self.remember(name, is_slow(turn.since, now));
        }
    }

    pub(super) fn forget(&mut self, name: &ApplicationName) {
        self.working.remove(name);
        self.slow.remove(name);
    }

    fn remember(&mut self, name: &ApplicationName, slow: bool) {
        if slow {
            self.slow.insert(name.clone());
        } else {
            self.slow.remove(name);
        }
    }

    fn count(&self, pace: Pace) -> usize {
        self.working.values().filter(|turn| turn.pace == pace).count()
    }
}

fn is_slow(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since) >= SLOW_AFTER
}

#[cfg(test)]
mod tests {
    use windlass_domain::time::from_millis;

    use super::*;

    fn name(number: usize) -> ApplicationName {
        ApplicationName::new("", &format!("a{number}")).expect("a name")
    }

    fn lane(number: usize) -> Lane {
        Some(format!("repository-{number}"))
    }

    #[test]
    fn looks_that_never_end_do_not_take_every_turn() {
        let (mut turns, mut now) = (Turns::new(4), from_millis(0));
        // Eight that never end come first.
        for number in 0..8 {
            if !turns.has_room() {
                assert_eq!(number, 4);
                now = from_millis(2_000);
                turns.age(now);
            }
            assert!(turns.has_room(), "{number}");
            turns.begin(name(number), lane(number), now);
        }
        turns.age(from_millis(4_000));
        assert!(turns.has_room(), "somebody else's turn");
        assert_eq!(turns.compiling(), 0);
    }

    #[test]
    fn who_was_slow_waits_for_the_slow_until_it_is_quick() {
        let mut turns = Turns::new(4);
        for number in 0..3 {
            turns.begin(name(number), lane(number), from_millis(0));
            turns.end(&name(number), from_millis(2_000));
        }
        turns.begin(name(0), lane(0), from_millis(2_000));
        assert!(!turns.is_slow_full());
        turns.begin(name(1), lane(1), from_millis(2_000));
        assert!(turns.is_slow_full() && turns.is_slow(&name(2)));
        turns.parked(&name(0), from_millis(2_100));
        assert!(!turns.is_slow_full() && !turns.is_slow(&name(0)), "it was quick");
    }

    #[test]
    fn what_is_compiled_takes_no_turn_and_there_is_an_end_to_it() {
        let mut turns = Turns::new(1);
        for number in 0..MOST_PARKED {
            assert!(turns.has_room(), "{number}");
            turns.begin(name(number), lane(0), from_millis(0));
            assert!(!turns.has_room());
            turns.parked(&name(number), from_millis(1));
        }
        assert!(!turns.has_room());
        turns.end(&name(0), from_millis(9_000));
        assert!(turns.has_room() && !turns.is_slow(&name(0)), "writing is not its own slowness");
    }

    #[test]
    fn a_slow_repository_keeps_to_its_share() {
        let mut turns = Turns::new(4);
        for number in 0..4 {
            assert!(!turns.is_busy(&lane(0)));
            turns.begin(name(number), lane(0), from_millis(0));
            turns.age(from_millis(2_000));
        }
        assert!(turns.is_busy(&lane(0)) && !turns.is_busy(&lane(1)));
    }
}
