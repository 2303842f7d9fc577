//! When drift is corrected, and when somebody else keeps writing the same field: corrections then slow down, and the other writer is named.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::manifest::ResourceKey;
use crate::time::Timestamp;

/// More corrections of one field than this, within [`WINDOW`], are a conflict.
const FREE: usize = 3;
/// Within which corrections are counted.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// Argo CD's self-heal backoff: 2 s, times three, at most five minutes.
const FIRST: i64 = 2;
const FACTOR: i64 = 3;
const LONGEST: i64 = 300;

/// What was corrected lately, by object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heals(BTreeMap<ResourceKey, History>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct History {
    /// When each field was corrected, newest last.
    fields: BTreeMap<String, Vec<Timestamp>>,
    /// How often corrections slowed down.
    level: u32,
    last: Option<Timestamp>,
}

/// An object that differs from git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drifted {
    /// The object.
    pub key: ResourceKey,
    /// Where; empty: it is missing, or where is not known.
    pub paths: Vec<String>,
    /// Who wrote it last, if that is known.
    pub writer: Option<String>,
}

/// What is corrected now, and what waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Healing {
    /// Corrected now.
    pub now: Vec<ResourceKey>,
    /// When the first of the others may be.
    pub wait_until: Option<Timestamp>,
    /// Whoever writes against git.
    pub conflicts: Vec<Conflict>,
}

/// Somebody else keeps writing a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The object.
    pub key: ResourceKey,
    /// The field that was corrected most often.
    pub field: String,
    /// Who else writes it, if that is known.
    pub writer: Option<String>,
    /// When it is corrected next.
    pub next_at: Timestamp,
}

// === impl Heals ===

impl Heals {
    /// Decides for everything that differs now, and remembers what it lets be corrected. Each object stands for itself: a conflict over one does not delay
    /// another.
    pub fn decide(&mut self, drifted: &[Drifted], now: Timestamp) -> Healing {
        self.0.retain(|_, history| !history.is_over(now));
        let mut healing = Healing::default();
        for object in drifted {
            let history = self.0.entry(object.key.clone()).or_default();
            match history.next_at(object, now) {
                Some((field, at)) => {
                    let Drifted { key, writer, .. } = object.clone();
                    healing.conflicts.push(Conflict { key, field, writer, next_at: at });
                    if at > now {
                        healing.wait_until = Some(healing.wait_until.map_or(at, |until| until.min(at)));
                        continue;
                    }
                    history.level += 1;
                }
                None => history.level = 0,
            }
            history.correct(object, now);
            healing.now.push(object.key.clone());
        }
        healing
    }
}

// === impl History ===

impl History {
    /// Of an object whose field is being fought over: the field, and when it may be corrected.
    fn next_at(&self, object: &Drifted, now: Timestamp) -> Option<(String, Timestamp)> {
        let recent = |field: &String| {
            let times = self.fields.get(field).map(Vec::as_slice).unwrap_or_default();
            times.iter().filter(|at| now.duration_since(**at) < WINDOW).count()
        };
        let paths = paths(object);
        let worst = paths.iter().max_by_key(|field| recent(field))?;
        let last = self.last?;
        if self.level == 0 && recent(worst) < FREE {
            return None;
        }
        let seconds = FIRST.saturating_mul(FACTOR.saturating_pow(self.level)).min(LONGEST);
        let at = last.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
        Some((worst.clone(), at))
    }

    fn correct(&mut self, object: &Drifted, now: Timestamp) {
        for field in paths(object) {
            let times = self.fields.entry(field).or_default();
            times.retain(|at| now.duration_since(*at) < WINDOW);
            times.push(now);
        }
        self.last = Some(now);
    }

    /// Nobody wrote against git for twice as long as the longest wait.
    fn is_over(&self, now: Timestamp) -> bool {
        self.last.is_none_or(|last| now.duration_since(last) > WINDOW + SignedDuration::from_secs(LONGEST))
    }
}

fn paths(object: &Drifted) -> Vec<String> {
    if object.paths.is_empty() { vec!["the object".into()] } else { object.paths.clone() }
}

/// Who wrote an object last, other than us: the manager of the newest entry of `managedFields` that is not a status'.
pub fn last_writer(object: &serde_json::Value) -> Option<String> {
    let entries = object.pointer("/metadata/managedFields")?.as_array()?;
    let text =
        |entry: &serde_json::Value, name: &str| entry.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let others =
        entries.iter().filter(|entry| text(entry, "manager") != "windlass" && text(entry, "subresource").is_empty());
    others.max_by_key(|entry| text(entry, "time")).map(|entry| text(entry, "manager"))
}

// === impl Conflict ===

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who = self.writer.as_ref().map_or_else(|| "somebody else".to_owned(), |writer| format!("{writer:?}"));
        write!(
            f,
            "{}: {who} keeps changing {} back; git's value is applied again at {}",
            self.key, self.field, self.next_at
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::from_millis;

    fn drifted(name: &str) -> Drifted {
        let key =
            ResourceKey { group: String::new(), kind: "ConfigMap".into(), namespace: "shop".into(), name: name.into() };
        Drifted { key, paths: vec!["data.color".into()], writer: Some("other".into()) }
    }

    #[test]
    fn the_fourth_correction_of_a_field_in_five_minutes_waits_and_names_the_writer() {
        let mut heals = Heals::default();
        for second in 0..3 {
            let healing = heals.decide(&[drifted("a")], from_millis(second * 1_000));
            assert_eq!((healing.now.len(), healing.conflicts.len()), (1, 0), "{second}");
        }
        let healing = heals.decide(&[drifted("a"), drifted("b")], from_millis(3_000));
        assert_eq!(healing.now, [drifted("b").key], "another object is not delayed");
        assert_eq!(healing.wait_until, Some(from_millis(4_000)));
        assert!(healing.conflicts[0].to_string().contains("\"other\" keeps changing data.color back"));
    }

    #[test]
    fn a_conflict_slows_down_to_five_minutes_and_is_forgotten_once_it_is_over() {
        let (mut heals, mut now, mut waits) = (Heals::default(), from_millis(0), vec![]);
        while waits.len() < 8 {
            let healing = heals.decide(&[drifted("a")], now);
            if let Some(at) = healing.wait_until {
                waits.push(at.duration_since(now).as_secs());
                now = at;
            }
        }
        assert_eq!(waits, [2, 6, 18, 54, 162, 300, 300, 300]);
        now = now.checked_add(SignedDuration::from_mins(11)).expect("a time");
        assert!(heals.decide(&[drifted("a")], now).conflicts.is_empty());
    }

    #[test]
    fn the_last_writer_is_not_us_and_no_status() {
        let entry = |manager: &str, time: &str, subresource: &str| serde_json::json!({"manager": manager, "time": time, "subresource": subresource});
        let fields = [
            entry("windlass", "9", ""),
            entry("kubectl", "5", ""),
            entry("old", "1", ""),
            entry("controller", "8", "status"),
        ];
        let object = serde_json::json!({"metadata": {"managedFields": fields}});
        assert_eq!(last_writer(&object).as_deref(), Some("kubectl"));
    }
}
