//! Sync windows: when syncs may begin. Argo CD's rules.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::duration;
use crate::time::Timestamp;

mod cron;

pub use cron::{Cron, InvalidCron};

/// One window of a project that matches the target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Window {
    /// Whether syncs are allowed or denied while it is active.
    pub kind: WindowKind,
    /// When it begins: five cron fields.
    pub schedule: String,
    /// How long it lasts: Go's duration.
    pub duration: String,
    /// In which time zone the schedule is read; UTC when empty or unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub time_zone: String,
    /// Whether a person may sync all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub manual_sync: bool,
    /// Whether what began before may go on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sync_overrun: bool,
}

/// What a window does while it is active.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowKind {
    /// Syncs are allowed; outside of every such window they are not.
    #[default]
    Allow,
    /// Syncs are denied.
    Deny,
}

/// Whether something may begin, or go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Why not; `None`: it may.
    pub closed: Option<String>,
    /// When the answer may be another one.
    pub until: Option<Timestamp>,
}

/// What wants to begin or go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// An automated operation or a heal begins.
    Automated,
    /// A person's operation begins.
    Manual,
    /// An operation that was allowed when it began goes on; whether a person asked for it.
    Running {
        /// Whether a person asked for it.
        manual: bool,
    },
}

/// Time zones by name; where they come from is the caller's.
pub type Zones<'a> = &'a dyn Fn(&str) -> Option<TimeZone>;

/// Whether the windows of a target let something begin or go on at `now`. Without windows everything may. An active denial closes; otherwise an active
/// permission opens; otherwise the mere existence of permissions closes. A person may pass where every window in the way says so (`manualSync`), and what
/// began before may go on where every one says so (`syncOverrun`). A window that cannot be read closes: nothing is known of what it wants.
pub fn verdict(windows: &[Window], wish: Wish, now: Timestamp, zones: Zones<'_>) -> Verdict {
    let mut read = Vec::new();
    for window in windows {
        match window.activity(now, zones) {
            Ok(activity) => read.push((window, activity)),
            Err(why) => return Verdict { closed: Some(why), until: None },
        }
    }
    let until = read.iter().filter_map(|(_, activity)| activity.changes_at).min();
    let of = |kind: WindowKind, active: bool| -> Vec<&Window> {
        read.iter().filter(|(w, a)| w.kind == kind && a.active == active).map(|(w, _)| *w).collect()
    };
    let (denials, permissions) = (of(WindowKind::Deny, true), of(WindowKind::Allow, true));
    let in_the_way = match (denials.is_empty(), permissions.is_empty()) {
        (false, _) => denials,
        (true, false) => vec![],
        (true, true) => of(WindowKind::Allow, false),
    };
    let passes = |window: &&Window| match wish {
        Wish::Automated => false,
        Wish::Manual => window.manual_sync,
        Wish::Running { manual } => window.sync_overrun || (manual && window.manual_sync),
    };
    let closed = in_the_way.iter().find(|window| !passes(window)).map(|window| window.words());
    Verdict { closed, until }
}

/// Whether a window is active, and when that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// Whether it began within its duration before now.
    pub active: bool,
    /// When it may end or begin.
    pub changes_at: Option<Timestamp>,
}

// === impl Window ===

impl Window {
    /// Whether it is active at `now`.
    ///
    /// # Errors
    /// The window, and which field cannot be read.
    pub fn activity(&self, now: Timestamp, zones: Zones<'_>) -> Result<Activity, String> {
        let cron = Cron::parse(&self.schedule).map_err(|error| format!("a sync window: schedule: {error}"))?;
        let length = duration::parse(&self.duration).map_err(|error| format!("a sync window: duration: {error}"))?;
        let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
        // Argo CD reads an unknown zone as UTC.
        let zone =
            Some(self.time_zone.as_str()).filter(|name| !name.is_empty()).and_then(zones).unwrap_or(TimeZone::UTC);
        let from = now.checked_sub(length).unwrap_or(Timestamp::MIN).to_zoned(zone.clone());
        let begun = cron.next(&from).map(|start| start.timestamp()).filter(|start| *start < now);
        let changes_at = match begun {
            Some(start) => start.checked_add(length).ok(),
            None => cron.next(&now.to_zoned(zone)).map(|start| start.timestamp()),
        };
        // A start at this very instant is active only after it.
        let changes_at = changes_at.map(|at| at.max(now).checked_add(SignedDuration::from_millis(1)).unwrap_or(at));
        Ok(Activity { active: begun.is_some(), changes_at })
    }

    fn words(&self) -> String {
        let zone = if self.time_zone.is_empty() { "UTC" } else { &self.time_zone };
        let Self { schedule, duration, .. } = self;
        match self.kind {
            WindowKind::Deny => format!("the sync window {schedule:?} for {duration} ({zone}) denies syncs"),
            WindowKind::Allow => format!("no sync window is open; the next is {schedule:?} for {duration} ({zone})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(kind: WindowKind, schedule: &str, hours: u32) -> Window {
        Window { kind, schedule: schedule.into(), duration: format!("{hours}h"), ..Window::default() }
    }

    fn zones(name: &str) -> Option<TimeZone> {
        (name == "Europe/Berlin").then(|| TimeZone::fixed(jiff::tz::offset(1)))
    }

    #[test]
    fn windows_decide_as_argo_cd_decides() {
        let noon: Timestamp = "2026-11-23T12:00:00Z".parse().expect("a time");
        let allow = |schedule: &str| window(WindowKind::Allow, schedule, 2);
        let deny = |schedule: &str| window(WindowKind::Deny, schedule, 2);
        let (open, shut) = ("0 11 * * *", "0 20 * * *");
        let by_hand = |window: Window| Window { manual_sync: true, ..window };
        let overrun = |window: Window| Window { sync_overrun: true, ..window };
        let berlin = |window: Window| Window { time_zone: "Europe/Berlin".into(), ..window };
        for (windows, automated, manual, running) in [
            (vec![], true, true, true),
            (vec![allow(open)], true, true, true),
            (vec![allow(shut)], false, false, false),
            (vec![by_hand(allow(shut))], false, true, false),
            (vec![deny(open)], false, false, false),
            (vec![deny(open), allow(open)], false, false, false),
            (vec![deny(shut)], true, true, true),
            (vec![by_hand(deny(open)), deny(open)], false, false, false),
            (vec![overrun(deny(open))], false, false, true),
            (vec![allow(shut), allow(open)], true, true, true),
            (vec![berlin(allow("0 12 * * *"))], true, true, true),
            (vec![allow("0 12 * * *")], false, false, false),
            (vec![allow("nonsense")], false, false, false),
        ] {
            let may = |wish| verdict(&windows, wish, noon, &zones).closed.is_none();
            assert_eq!(may(Wish::Automated), automated, "{windows:?}");
            assert_eq!(may(Wish::Manual), manual, "{windows:?}");
            assert_eq!(may(Wish::Running { manual: false }), running, "{windows:?}");
        }
    }

    #[test]
    fn the_next_change_is_told() {
        let noon: Timestamp = "2026-11-23T12:00:00Z".parse().expect("a time");
        let at = |windows: &[Window]| verdict(windows, Wish::Automated, noon, &zones).until.map(|at| at.to_string());
        assert_eq!(at(&[window(WindowKind::Deny, "0 11 * * *", 2)]).as_deref(), Some("2026-11-23T13:00:00.001Z"));
        assert_eq!(at(&[window(WindowKind::Allow, "0 20 * * *", 2)]).as_deref(), Some("2026-11-23T20:00:00.001Z"));
        assert_eq!(at(&[]), None);
    }
}
