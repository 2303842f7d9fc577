//! How long to wait before trying again: full jitter, so that many waiters never come back together.

use std::time::Duration;

use backon::ExponentialBuilder;

/// The first wait is random between nothing and this; each further one doubles.
pub const FIRST: Duration = Duration::from_secs(1);
/// No wait is longer.
pub const LONGEST: Duration = Duration::from_secs(30);

/// Consecutive failures of something that is tried for ever, such as dialling the hub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

/// The wait before try number `attempt` (0 is the first after a healthy time): evenly distributed over 0 to min(30 s, 1 s * 2^attempt), chosen by
/// `entropy`.
pub fn delay(attempt: u32, entropy: u64) -> Duration {
    let ceiling = FIRST.saturating_mul(2_u32.saturating_pow(attempt.min(16))).min(LONGEST);
    spread(ceiling, entropy)
}

/// A wait that the other side asked for, and up to a fifth more: those it told the same do not come back together.
pub fn after(asked: Duration, entropy: u64) -> Duration {
    asked.saturating_add(spread(asked / 5, entropy))
}

/// Randomness for [`delay`].
pub fn entropy() -> u64 {
    rand::random()
}

/// For a call that somebody waits for: five tries within about three seconds. Use it with [`backon::Retryable`].
pub fn brief() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(FIRST)
        .with_max_times(4)
        .with_jitter()
}

/// Evenly distributed over nothing to `ceiling`, chosen by `entropy`.
pub fn spread(ceiling: Duration, entropy: u64) -> Duration {
    let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
    let share = (u128::from(nanos) * u128::from(entropy)) >> 64;
    Duration::from_nanos(u64::try_from(share).unwrap_or(nanos))
}

// === impl Backoff ===

impl Backoff {
    /// Nothing has failed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The wait after one more failure.
    pub fn next(&mut self, entropy: u64) -> Duration {
        let delay = delay(self.failures, entropy);
        self.failures = self.failures.saturating_add(1);
        delay
    }

    /// It worked: the next wait is short again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_thirty_seconds_with_full_jitter() {
        let seconds = |attempt, entropy| delay(attempt, entropy).as_secs_f64().round();
        assert_eq!([0, 1, 2, 3, 4, 5, 60].map(|n| seconds(n, u64::MAX)), [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
        assert_eq!([0, 5].map(|n| delay(n, 0)), [Duration::ZERO; 2]);
        assert_eq!(seconds(4, u64::MAX / 2), 8.0);
    }

    #[test]
    fn a_healthy_time_makes_the_next_wait_short() {
        let mut backoff = Backoff::new();
        let waits = [backoff.next(u64::MAX), backoff.next(u64::MAX)];
        assert!(waits[0] < waits[1]);
        backoff.reset();
        assert_eq!(backoff.next(u64::MAX), waits[0]);
    }

    #[test]
    fn a_wait_asked_for_is_never_cut_short() {
        let minute = Duration::from_secs(60);
        assert_eq!(after(minute, 0), minute);
        assert!(after(minute, u64::MAX) <= minute + minute / 5);
    }
}
