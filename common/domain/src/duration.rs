//! Go's durations as text (`1h30m`, `90s`, `1.5h`, `300ms`): how Argo CD's fields give them.

use std::time::Duration;

/// The longest that is read: a hundred years.
const MOST: f64 = 100.0 * 366.0 * 86_400.0;

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration: give a number and a unit, like 90s, 10m or 1h30m")]
pub struct NotADuration(pub String);

/// Reads a duration; a plain number is seconds, as Argo CD's retry reads it.
pub fn parse(text: &str) -> Result<Duration, NotADuration> {
    let wrong = || NotADuration(text.to_owned());
    let mut rest = text.trim();
    if let Ok(seconds) = rest.parse::<u32>() {
        return Ok(Duration::from_secs(u64::from(seconds)));
    }
    if rest.is_empty() || rest.starts_with('-') {
        return Err(wrong());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..end].parse().map_err(|_| wrong())?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        seconds += number * unit(&rest[..end]).ok_or_else(wrong)?;
        rest = &rest[end..];
    }
    if seconds <= MOST { Ok(Duration::from_secs_f64(seconds)) } else { Err(wrong()) }
}

fn unit(name: &str) -> Option<f64> {
    Some(match name {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, millis) in
            [("5s", 5_000), ("1h30m", 5_400_000), ("1.5h", 5_400_000), ("300ms", 300), ("90", 90_000), ("0s", 0)]
        {
            assert_eq!(parse(text).map(|d| d.as_millis()), Ok(millis), "{text}");
        }
        for wrong in ["", "s", "5 s", "5x", "-5s", "1h30", "9999999999h", "1..5h"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
