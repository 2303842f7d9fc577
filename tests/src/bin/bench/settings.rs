//! Lengths and counts that a trial makes smaller, from the environment.

use std::time::Duration;

/// The number in the variable, or `usual` where there is none.
pub(crate) fn number(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// How long nothing changes: `B_MINUTES`, which may be a fraction.
pub(crate) fn quiet(usual_minutes: f64) -> Duration {
    let minutes = std::env::var("B_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual_minutes);
    Duration::try_from_secs_f64(minutes * 60.0).unwrap_or(Duration::from_secs(60))
}
