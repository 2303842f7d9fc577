//! How much one agent asks of its apiserver, whatever it has to do: so many requests at once, so many a second, so many LISTs at once.
//!
//! The numbers are far above what a sync needs; they bound what a mistake of ours could do to a cluster, and how much of a start is in memory at once.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use windlass_domain::time::Timestamp;
use windlass_runtime::clock::Clock;

/// Requests under way at once, watches aside.
const CALLS: usize = 32;
/// LISTs under way at once: each holds a page of objects.
const LISTS: usize = 4;
/// Requests a second in the long run, and at once after a calm.
const PER_SECOND: u32 = 1000;
/// So long's worth of turns may be taken at once.
const BURST: Duration = Duration::from_secs(1);

/// One cluster's budget.
pub(super) struct Budget {
    clock: Clock,
    calls: Semaphore,
    lists: Semaphore,
    /// When the next request may be sent, were there no burst.
    next: Mutex<Timestamp>,
}

// === impl Budget ===

impl Budget {
    pub(super) fn new(clock: Clock) -> Self {
        let now = clock.now();
        let next = Mutex::new(now.saturating_sub(BURST).unwrap_or(now));
        Self { clock, calls: Semaphore::new(CALLS), lists: Semaphore::new(LISTS), next }
    }

    /// Waits for a place among the requests, given back when dropped.
    pub(super) async fn call(&self) -> Option<SemaphorePermit<'_>> {
        // It fails when the semaphore is closed, and nobody does that.
        let permit = self.calls.acquire().await.ok();
        let wait = self.take_turn(self.clock.now());
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
        permit
    }

    /// Waits for a place among the LISTs.
    pub(super) async fn list(&self) -> Option<SemaphorePermit<'_>> {
        self.lists.acquire().await.ok()
    }

    /// How long this request has to wait: turns are a thousandth of a second apart, and a second's worth of them may be taken at once.
    fn take_turn(&self, now: Timestamp) -> Duration {
        let mut next = self.next.lock();
        let turn = (*next).max(now.saturating_sub(BURST).unwrap_or(now));
        *next = turn.saturating_add(Duration::from_secs(1) / PER_SECOND).unwrap_or(turn);
        Duration::try_from(turn.duration_since(now)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_turns_may_be_taken_at_once_and_then_they_come_evenly() {
        let clock = Clock::manual(Timestamp::from_second(1_000).expect("a time"));
        let budget = Budget::new(clock.clone());
        let now = clock.now();
        let waits: Vec<Duration> = (0..1500).map(|_| budget.take_turn(now)).collect();
        assert!(waits[..1000].iter().all(Duration::is_zero));
        assert_eq!(waits[1499], Duration::from_millis(499));
        assert_eq!(budget.take_turn(now + Duration::from_secs(2)), Duration::ZERO, "time pays it back");
    }

    #[tokio::test]
    async fn no_more_lists_than_the_budget_has_are_under_way() {
        let budget = Budget::new(Clock::manual(Timestamp::UNIX_EPOCH));
        let mut held = Vec::new();
        for _ in 0..LISTS {
            held.push(budget.list().await);
        }
        assert!(futures::FutureExt::now_or_never(budget.list()).is_none());
        held.pop();
        assert!(futures::FutureExt::now_or_never(budget.list()).is_some());
    }
}
