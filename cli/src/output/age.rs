//! Times as people read them: how long ago.

use jiff::Timestamp;

use crate::view::Freshness;

/// `45s`, `3m`, `5h`, `12d`: as kubectl writes ages.
pub(crate) fn ago(time: Timestamp, now: Timestamp) -> String {
    length(now.duration_since(time).as_secs().max(0))
}

/// Since a time that may be unknown.
pub(crate) fn since(time: Option<Timestamp>, now: Timestamp) -> String {
    time.map_or_else(|| "-".to_owned(), |time| ago(time, now))
}

/// Until a time.
pub(crate) fn until(time: Option<Timestamp>, now: Timestamp) -> String {
    match time {
        None => "-".to_owned(),
        Some(time) if time <= now => "ended".to_owned(),
        Some(time) => length(time.duration_since(now).as_secs()),
    }
}

/// `12s`, `STALE 3m` or `not verified yet`: what a state beside it is worth.
pub(crate) fn freshness(freshness: &Freshness, now: Timestamp) -> String {
    match (freshness.stale, freshness.verified_at) {
        (_, None) => "not verified yet".to_owned(),
        (true, Some(at)) => format!("STALE {}", ago(at, now)),
        (false, Some(at)) => ago(at, now),
    }
}

/// As [`freshness`], for a column `VERIFIED`.
pub(crate) fn verified(freshness: &Freshness, now: Timestamp) -> String {
    if freshness.verified_at.is_some() { self::freshness(freshness, now) } else { "never".to_owned() }
}

fn length(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn ages_have_one_unit() {
        for (seconds, want) in [(0, "0s"), (119, "119s"), (120, "2m"), (7_199, "119m"), (7_200, "2h"), (172_800, "2d")]
        {
            assert_eq!(ago(at(0), at(seconds)), want);
        }
        assert_eq!(ago(at(10), at(0)), "0s");
    }

    #[test]
    fn a_stale_state_says_so_in_words() {
        let fresh = Freshness { verified_at: Some(at(0)), connected: true, stale: false };
        assert_eq!(freshness(&fresh, at(12)), "12s");
        assert_eq!(freshness(&Freshness { stale: true, ..fresh }, at(180)), "STALE 3m");
        assert_eq!(freshness(&Freshness { stale: true, ..Freshness::default() }, at(1)), "not verified yet");
        assert_eq!(verified(&Freshness { stale: true, ..Freshness::default() }, at(1)), "never");
    }
}
