//! Time is an argument: every decision takes `now`.

/// A point in time. Stored and sent as milliseconds since 1970 (UTC); shown as RFC 3339.
pub type Timestamp = jiff::Timestamp;

/// Milliseconds since 1970, the store's and the wire's form.
pub fn to_millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// Reads [`to_millis`] back; what is out of range is the nearest end of it.
pub fn from_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
