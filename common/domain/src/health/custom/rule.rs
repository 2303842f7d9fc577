//! The two shapes that nearly every custom kind's status has: conditions that sum it up, or one word for its phase.
//!
//! Both first ask whether the object was told to stop, then whether its status is about the object as it is now. A reason that a rule does
//! not know decides nothing: the condition's status does.

use super::super::part::{Condition, Malformed, Part};
use super::super::{Check, Health, HealthStatus};

/// How a kind is judged.
pub(super) enum Rule {
    /// By its conditions.
    Summary(Summary),
    /// By one word.
    Phases(Phases),
    /// By rules of its own.
    Own(Check),
}

/// Conditions, asked in the order of the fields.
#[derive(Clone, Copy)]
pub(super) struct Summary {
    /// Boolean fields of the object that tell its controller to stop.
    stop: &'static [&'static str],
    /// True: it was told to stop.
    paused: &'static [&'static str],
    /// True: it failed.
    bad: &'static [&'static str],
    /// True: it is at work, whatever else is said.
    busy: &'static [&'static str],
    /// All must be True; the most telling first.
    good: &'static [&'static str],
    /// False of a good one means that it failed, not that it is not there yet.
    false_is_bad: bool,
    /// Reasons of a False that only mean "not yet".
    waits: &'static [&'static str],
    /// Reasons of a False that mean "it will not work".
    fails: &'static [&'static str],
    /// What it is when nothing is said of the good ones.
    silent: HealthStatus,
}

/// A field with one word, and what the words mean. A word that is not listed is Progressing, with the word.
#[derive(Clone, Copy)]
pub(super) struct Phases {
    field: &'static str,
    stop: &'static [&'static str],
    healthy: &'static [&'static str],
    suspended: &'static [&'static str],
    degraded: &'static [&'static str],
    /// Where the reason is said, best first.
    messages: &'static [&'static str],
}

// === impl Rule ===

impl Rule {
    pub(super) fn judge(&self, object: &Part<'_>) -> Result<Health, Malformed> {
        match self {
            Self::Summary(summary) => summary.judge(object),
            Self::Phases(phases) => phases.judge(object),
            Self::Own(check) => check(object.clone()),
        }
    }
}

// === impl Summary ===

impl Summary {
    /// Good when all of these are True; otherwise it is waited for.
    pub(super) const fn of(good: &'static [&'static str]) -> Self {
        Self {
            stop: &[],
            paused: &[],
            bad: &[],
            busy: &[],
            good,
            false_is_bad: false,
            waits: &[],
            fails: &[],
            silent: HealthStatus::Progressing,
        }
    }

    /// These fields of the object tell its controller to stop.
    pub(super) const fn stop(mut self, fields: &'static [&'static str]) -> Self {
        self.stop = fields;
        self
    }

    /// These conditions say that it was told to stop.
    pub(super) const fn paused(mut self, conditions: &'static [&'static str]) -> Self {
        self.paused = conditions;
        self
    }

    /// These conditions say that it failed.
    pub(super) const fn bad(mut self, conditions: &'static [&'static str]) -> Self {
        self.bad = conditions;
        self
    }

    /// These conditions say that it is at work.
    pub(super) const fn busy(mut self, conditions: &'static [&'static str]) -> Self {
        self.busy = conditions;
        self
    }

    /// False is failure, but for these reasons.
    pub(super) const fn false_is_bad(mut self, but: &'static [&'static str]) -> Self {
        self.false_is_bad = true;
        self.waits = but;
        self
    }

    /// False is waiting, but for these reasons.
    pub(super) const fn fails(mut self, reasons: &'static [&'static str]) -> Self {
        self.fails = reasons;
        self
    }

    /// A kind whose controller writes conditions only to complain, or not at all.
    pub(super) const fn silent_is_healthy(mut self) -> Self {
        self.silent = HealthStatus::Healthy;
        self
    }

    /// Applies it.
    pub(super) fn judge(&self, object: &Part<'_>) -> Result<Health, Malformed> {
        if let Some(stopped) = stopped(object, self.stop)? {
            return Ok(stopped);
        }
        let conditions = object.conditions()?;
        let told = |names: &[&str]| conditions.iter().find(|c| names.contains(&c.kind) && c.is_true());
        if let Some(condition) = told(self.paused) {
            return Ok(Health::new(HealthStatus::Suspended, condition.words()));
        }
        if let Some(waiting) = unobserved(object)? {
            return Ok(waiting);
        }
        if let Some(condition) = told(self.bad) {
            return Ok(Health::degraded(condition.words()));
        }
        if let Some(condition) = told(self.busy) {
            return Ok(Health::progressing(condition.words_since()));
        }
        Ok(self.good_ones(&conditions))
    }

    fn good_ones(&self, conditions: &[Condition<'_>]) -> Health {
        let mut verdict: Option<Health> = None;
        let mut said = Vec::new();
        for name in self.good {
            let health = match conditions.iter().find(|c| c.kind == *name) {
                Some(condition) => {
                    said.push(*condition);
                    self.one(condition)
                }
                None => Health::new(self.silent, format!("Waiting for {name}")),
            };
            if verdict.as_ref().is_none_or(|worst| worst.status < health.status) {
                verdict = Some(health);
            }
        }
        match verdict {
            Some(health) if health.status != HealthStatus::Healthy => health,
            _ => Health::healthy(said.first().map(|c| c.message).unwrap_or_default()),
        }
    }

    fn one(&self, condition: &Condition<'_>) -> Health {
        match condition.status {
            "True" => Health::healthy(condition.message),
            "False" if self.fails.contains(&condition.reason) => Health::degraded(condition.words()),
            "False" if self.false_is_bad && !self.waits.contains(&condition.reason) => {
                Health::degraded(condition.words())
            }
            _ => Health::progressing(condition.words_since()),
        }
    }
}

// === impl Phases ===

impl Phases {
    /// The word stands in this field, and these mean that all is well.
    pub(super) const fn of(field: &'static str, healthy: &'static [&'static str]) -> Self {
        Self {
            field,
            stop: &[],
            healthy,
            suspended: &[],
            degraded: &[],
            messages: &["status.message", "status.reason"],
        }
    }

    /// These fields of the object tell its controller to stop.
    pub(super) const fn stop(mut self, fields: &'static [&'static str]) -> Self {
        self.stop = fields;
        self
    }

    /// These words mean that it was told to stop.
    pub(super) const fn suspended(mut self, words: &'static [&'static str]) -> Self {
        self.suspended = words;
        self
    }

    /// These words mean that it failed.
    pub(super) const fn degraded(mut self, words: &'static [&'static str]) -> Self {
        self.degraded = words;
        self
    }

    /// The reason is said here.
    pub(super) const fn messages(mut self, fields: &'static [&'static str]) -> Self {
        self.messages = fields;
        self
    }

    /// Applies it.
    pub(super) fn judge(&self, object: &Part<'_>) -> Result<Health, Malformed> {
        if let Some(stopped) = stopped(object, self.stop)? {
            return Ok(stopped);
        }
        if let Some(waiting) = unobserved(object)? {
            return Ok(waiting);
        }
        let word = object.text(self.field)?;
        if word.is_empty() {
            return Ok(Health::progressing(format!("Waiting for {}", self.field)));
        }
        let status = match word {
            _ if self.healthy.contains(&word) => HealthStatus::Healthy,
            _ if self.suspended.contains(&word) => HealthStatus::Suspended,
            _ if self.degraded.contains(&word) => HealthStatus::Degraded,
            _ => HealthStatus::Progressing,
        };
        Ok(Health::new(status, self.message(object, word, status)?))
    }

    fn message(&self, object: &Part<'_>, word: &str, status: HealthStatus) -> Result<String, Malformed> {
        for field in self.messages {
            let said = object.text(field)?;
            if !said.is_empty() {
                return Ok(said.to_owned());
            }
        }
        Ok(if status == HealthStatus::Healthy { String::new() } else { format!("{} is {word}", self.field) })
    }
}

/// Suspended when one of these fields is true.
pub(super) fn stopped(object: &Part<'_>, fields: &[&'static str]) -> Result<Option<Health>, Malformed> {
    for field in fields {
        if object.is_true(field)? {
            return Ok(Some(Health::new(HealthStatus::Suspended, format!("{field} is true"))));
        }
    }
    Ok(None)
}

/// Progressing when the status says that it is about an older generation. One that does not count generations is about the current one.
pub(super) fn unobserved(object: &Part<'_>) -> Result<Option<Health>, Malformed> {
    let generation = object.count("metadata.generation")?;
    // Some write it as text, some within the conditions only.
    let observed = object.at("status.observedGeneration")?;
    let observed = match observed.int_here() {
        Some(number) => Some(number),
        None => observed.text_here().ok().and_then(|text| text.parse().ok()),
    };
    Ok(observed.filter(|observed| *observed < generation).map(|observed| {
        Health::progressing(format!("Waiting for its controller to look at generation {generation}; it saw {observed}"))
    }))
}
