//! The pause that an overloaded apiserver asks for, kept by everybody who speaks to it.

use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use windlass_domain::time::Timestamp;
use windlass_runtime::backoff;
use windlass_runtime::clock::Clock;

use super::answer::Answer;

/// An apiserver that asks for more is asked again after this long all the same.
const LONGEST: Duration = Duration::from_secs(60);
/// A 429 that says nothing.
const UNSAID: Duration = Duration::from_secs(1);
/// What an apiserver says of a kind whose CRD was just made: it concerns that kind only.
const KIND_STARTS: &[u8] = b"storage is (re)initializing";

/// Until when nobody may ask.
pub(super) struct Pause {
    clock: Clock,
    until: Mutex<Timestamp>,
}

// === impl Pause ===

impl Pause {
    pub(super) fn new(clock: Clock) -> Self {
        Self { until: Mutex::new(clock.now()), clock }
    }

    /// Returns when asking is allowed.
    pub(super) async fn wait(&self) {
        loop {
            let until = *self.until.lock();
            if until <= self.clock.now() {
                return;
            }
            self.clock.sleep_until(until).await;
        }
    }

    /// Remembers what an answer asked for. A 503 with `Retry-After` concerns one aggregated API or webhook, and only its own caller.
    pub(super) fn heed(&self, answer: &Answer) {
        let is_of_one_kind = || answer.body.windows(KIND_STARTS.len()).any(|part| part == KIND_STARTS);
        if answer.status != StatusCode::TOO_MANY_REQUESTS || is_of_one_kind() {
            return;
        }
        let asked = answer.retry_after.unwrap_or(UNSAID).min(LONGEST);
        let wait = backoff::after(asked, backoff::entropy());
        let mut until = self.until.lock();
        *until = (*until).max(self.clock.now().saturating_add(wait).unwrap_or(*until));
    }
}
