//! Five-field cron schedules, as Argo CD's library (`robfig/cron`, standard parser) reads them.

use jiff::civil::{Date, DateTime};
use jiff::{ToSpan as _, Zoned};

/// How far ahead a start is looked for: every schedule that has one has one within a leap cycle.
const DAYS: i32 = 8 * 366;

/// A schedule: which minutes it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Days of the month and of the week are both restricted: either is enough.
    either_day: bool,
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a cron schedule of five fields: {problem}")]
pub struct InvalidCron {
    text: String,
    problem: String,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

// === impl Cron ===

impl Cron {
    /// Reads `minute hour day-of-month month day-of-week`, or one of `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
    pub fn parse(text: &str) -> Result<Self, InvalidCron> {
        let wrong = |problem: String| InvalidCron { text: text.to_owned(), problem };
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(wrong(format!("it has {}", fields.len())));
        };
        let is_open = |field: &str| field.starts_with('*') || field.starts_with('?');
        Ok(Self {
            minutes: bits(minutes, 0, 59, &[]).map_err(wrong)?,
            hours: bits(hours, 0, 23, &[]).map_err(wrong)?,
            days: bits(days, 1, 31, &[]).map_err(wrong)?,
            months: bits(months, 1, 12, &MONTHS).map_err(wrong)?,
            weekdays: bits(weekdays, 0, 6, &WEEKDAYS).map_err(wrong)?,
            either_day: !is_open(days) && !is_open(weekdays),
        })
    }

    /// The first start after a time, in that time's zone.
    pub fn next(&self, after: &Zoned) -> Option<Zoned> {
        let mut date = after.date();
        for _ in 0..DAYS {
            if self.names_day(date) {
                let start = self
                    .times(date)
                    .find_map(|time| time.to_zoned(after.time_zone().clone()).ok().filter(|start| start > after));
                if start.is_some() {
                    return start;
                }
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    fn names_day(&self, date: Date) -> bool {
        let has = |set: u64, at: i8| set & (1 << at) != 0;
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        has(self.months, date.month()) && if self.either_day { day || weekday } else { day && weekday }
    }

    fn times(&self, date: Date) -> impl Iterator<Item = DateTime> {
        let hours = (0..24_i8).filter(|hour| self.hours & (1 << hour) != 0);
        hours.flat_map(move |hour| {
            let minutes = (0..60_i8).filter(|minute| self.minutes & (1 << minute) != 0);
            minutes.map(move |minute| date.at(hour, minute, 0, 0))
        })
    }
}

/// The set that one field names.
fn bits(field: &str, least: u32, most: u32, names: &[&str]) -> Result<u64, String> {
    let mut set = 0;
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let number = |text: &str| value(text, least, names).ok_or_else(|| format!("{part:?} is no number or name"));
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            None if step.is_some() => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        let step = match step {
            None => 1,
            Some(step) => {
                step.parse::<u32>().ok().filter(|step| *step > 0).ok_or_else(|| format!("{part:?} has no step"))?
            }
        };
        if from < least || to > most || from > to {
            return Err(format!("{part:?} is not within {least} to {most}"));
        }
        set |= (from..=to).step_by(step as usize).fold(0, |set, at| set | 1 << at);
    }
    Ok(set)
}

fn value(text: &str, least: u32, names: &[&str]) -> Option<u32> {
    let named = names.iter().position(|name| text.eq_ignore_ascii_case(name));
    named.and_then(|at| u32::try_from(at).ok()).map(|at| at + least).or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_start_is_found() {
        for (schedule, after, next) in [
            ("0 22 * * *", "2026-11-23T21:59:59Z[UTC]", "2026-11-23T22:00:00+00:00[UTC]"),
            ("0 22 * * *", "2026-11-23T22:00:00Z[UTC]", "2026-11-24T22:00:00+00:00[UTC]"),
            ("*/15 9-17 * * MON-FRI", "2026-11-20T17:50:00Z[UTC]", "2026-11-23T09:00:00+00:00[UTC]"),
            ("0 0 13 * fri", "2026-11-07T00:00:00Z[UTC]", "2026-11-13T00:00:00+00:00[UTC]"),
            ("0 0 1 * 1", "2026-11-24T00:00:00Z[UTC]", "2026-11-30T00:00:00+00:00[UTC]"),
            ("30 2 29 2 *", "2026-11-24T00:00:00Z[UTC]", "2028-02-29T02:30:00+00:00[UTC]"),
            ("@hourly", "2026-11-24T00:10:00Z[UTC]", "2026-11-24T01:00:00+00:00[UTC]"),
        ] {
            let after: Zoned = after.parse().expect(after);
            let found = Cron::parse(schedule).expect(schedule).next(&after).expect(schedule);
            assert_eq!(found.to_string(), next, "{schedule}");
        }
        assert_eq!(
            Cron::parse("0 0 31 2 *").expect("a schedule").next(&"2026-11-24T00:00:00Z[UTC]".parse().expect("a time")),
            None
        );
    }

    #[test]
    fn what_is_no_schedule_is_named() {
        for wrong in
            ["", "* * * *", "60 * * * *", "* * 0 * *", "* * * foo *", "*/0 * * * *", "5-1 * * * *", "* * * * 7"]
        {
            assert!(Cron::parse(wrong).is_err(), "{wrong}");
        }
    }
}
