//! Who tried to join in vain too often: such an address waits, so that guessing costs the hub next to nothing. Those who join are never counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use windlass_domain::time::Timestamp;

/// So many failures of one address in a [`WINDOW`] are borne: many clusters may share an address, and tokens run out.
const MOST: u32 = 30;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered; beyond it all are forgotten, which costs no more than a window.
const REMEMBERED: usize = 10_000;

/// Failures by address.
#[derive(Default)]
pub(crate) struct Failures {
    of: Mutex<HashMap<IpAddr, Counted>>,
}

struct Counted {
    since: Timestamp,
    failures: u32,
}

// === impl Failures ===

impl Failures {
    /// Whether the address may try; without one (nobody told the peer) it may.
    pub(crate) fn may_try(&self, address: Option<IpAddr>, now: Timestamp) -> bool {
        let of = self.of.lock();
        let counted = address.and_then(|address| of.get(&address));
        counted.is_none_or(|counted| counted.failures < MOST || is_over(counted, now))
    }

    /// Counts a failure.
    pub(crate) fn count(&self, address: Option<IpAddr>, now: Timestamp) {
        let Some(address) = address else { return };
        let mut of = self.of.lock();
        if of.len() >= REMEMBERED && !of.contains_key(&address) {
            of.clear();
        }
        let counted = of.entry(address).or_insert(Counted { since: now, failures: 0 });
        if is_over(counted, now) {
            *counted = Counted { since: now, failures: 0 };
        }
        counted.failures += 1;
    }
}

/// A clock that was set back ends a window too.
fn is_over(counted: &Counted, now: Timestamp) -> bool {
    now < counted.since || now.duration_since(counted.since).unsigned_abs() >= WINDOW
}

#[cfg(test)]
mod tests {
    use windlass_domain::time::from_millis;

    use super::*;

    #[test]
    fn who_fails_too_often_waits_and_nobody_else() {
        let failures = Failures::default();
        let (guesser, other) = (Some(IpAddr::from([10, 0, 0, 1])), Some(IpAddr::from([10, 0, 0, 2])));
        for second in 0..30 {
            assert!(failures.may_try(guesser, from_millis(second * 1000)));
            failures.count(guesser, from_millis(second * 1000));
        }
        assert!(!failures.may_try(guesser, from_millis(30_000)));
        assert!(failures.may_try(other, from_millis(30_000)) && failures.may_try(None, from_millis(30_000)));
        assert!(failures.may_try(guesser, from_millis(60_000)));
    }
}
