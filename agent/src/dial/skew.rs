//! Clocks that disagree, said in words: a certificate that is "not valid yet" is nearly always a clock that is wrong.

use std::time::Duration;

use jiff::SignedDuration;
use rustls::CertificateError;
use rustls_pki_types::UnixTime;
use tonic::metadata::MetadataMap;
use windlass_domain::time::Timestamp;

/// Where the hub says what time it is, in milliseconds since 1970, on every session and renewal.
const HUB_TIME: &str = "windlass-time";
/// Less is no trouble to anybody.
const WORTH_SAYING: Duration = Duration::from_secs(60);

/// Logs how far this machine's clock is from the hub's, when it is far.
pub(crate) fn mention(metadata: &MetadataMap, now: Timestamp) {
    if let Some(words) = hub_time(metadata).and_then(|hub| between(now, hub)) {
        tracing::warn!(
            "this machine's clock is {words} the hub's: times that are shown are off by as much, and beyond a few days certificates are refused; check its time synchronisation (NTP)"
        );
    }
}

fn hub_time(metadata: &MetadataMap) -> Option<Timestamp> {
    let millis = metadata.get(HUB_TIME)?.to_str().ok()?.parse().ok()?;
    Timestamp::from_millisecond(millis).ok()
}

/// `2h ahead of` or `2h behind`; nothing when it is not worth saying.
fn between(now: Timestamp, hub: Timestamp) -> Option<String> {
    let off = now.duration_since(hub);
    if off.unsigned_abs() < WORTH_SAYING {
        return None;
    }
    let side = if off.is_positive() { "ahead of" } else { "behind" };
    Some(format!("{} {side}", in_words(off)))
}

/// What lies behind a handshake that failed for a time in the hub's certificate; nothing for other problems.
pub(crate) fn of_handshake(problem: &rustls::Error) -> Option<String> {
    let rustls::Error::InvalidCertificate(problem) = problem else { return None };
    let (time, bound, words) = match problem {
        CertificateError::NotValidYetContext { time, not_before } => (
            time,
            not_before,
            "begins only in the future of this machine's clock, which is probably behind by at least",
        ),
        CertificateError::ExpiredContext { time, not_after } => (
            time,
            not_after,
            "has ended by this machine's clock: that is ahead, or the hub did not renew its own, by at least",
        ),
        _ => return None,
    };
    let (time, bound) = (timestamp(*time)?, timestamp(*bound)?);
    Some(format!(
        "the hub's certificate {words} {} (clock {time}, certificate {bound}); check time synchronisation (NTP) at both ends",
        in_words(time.duration_since(bound))
    ))
}

fn timestamp(time: UnixTime) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(time.as_secs()).ok()?).ok()
}

/// The two largest units: what is needed to recognise a wrong time zone or year.
fn in_words(off: SignedDuration) -> String {
    let seconds = off.unsigned_abs().as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h{minutes}m"),
        (days, hours, _) => format!("{days}d{hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_named_with_its_side() {
        let at = |second: i64| Timestamp::from_second(second).expect("a time");
        for (now, hub, want) in [
            (1_000_000, 1_000_000, None),
            (1_000_030, 1_000_000, None),
            (1_007_200, 1_000_000, Some("2h0m ahead of")),
            (1_000_000, 1_007_230, Some("2h0m behind")),
            (1_000_000, 1_000_000 + 3 * 86_400 + 3600, Some("3d1h behind")),
        ] {
            assert_eq!(between(at(now), at(hub)).as_deref(), want);
        }
    }

    #[test]
    fn a_handshake_that_fails_for_a_time_names_the_clock() {
        let time = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let early = CertificateError::NotValidYetContext { time: time(1_000_000), not_before: time(1_007_200) };
        let words = of_handshake(&rustls::Error::InvalidCertificate(early)).expect("words");
        assert!(words.contains("behind by at least 2h0m") && words.contains("NTP"), "{words}");
        assert_eq!(of_handshake(&rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)), None);
    }
}
