//! When a failed operation is tried again.

use std::time::Duration;

use crate::target::Retry;

/// The longest wait of an automated target that used up its retries.
const SLOW: Duration = Duration::from_secs(180);

/// How long after this many failures in a row (the first is 1) the next attempt begins; `None`: never. Within the limit it is Argo CD's backoff. After it an
/// automated target goes on slowly, because what stood in its way may have gone without a commit; a person's operation has then failed.
pub fn next_attempt(retry: &Retry, failures: u32, automated: bool) -> Option<Duration> {
    if retry.allows(failures) {
        Some(retry.wait(failures))
    } else {
        automated.then(|| SLOW.max(Duration::from_millis(retry.max_ms)))
    }
}

/// [`next_attempt`] of an automated target with Argo CD's defaults: 5 s, doubling, at most 3 min.
pub fn retry_after(failures: u32) -> Duration {
    next_attempt(&Retry::default(), failures, true).unwrap_or(SLOW)
}
