//! A picture of when something was made and when it was healthy.

use std::fmt;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::Value;

const WIDTH: usize = 44;

/// One row: which object, under which words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) label: &'static str,
    /// Plural name of its kind.
    pub(crate) resource: &'static str,
    pub(crate) name: &'static str,
    /// Whether it is healthy only once its controller says so; otherwise as soon as it is there.
    pub(crate) ends: bool,
}

/// When each step began and ended, in seconds since the first began.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    rows: Vec<(&'static str, f64, f64)>,
}

impl Timeline {
    /// Reads them from audit events: created, and the last word of the controller on its status. `None` while one is not there yet.
    pub(crate) fn read(events: &[Value], namespace: &str, steps: &[Step]) -> Result<Option<Self>> {
        let mut times = Vec::new();
        for step in steps {
            let of_it: Vec<&Value> = events.iter().filter(|event| is_of(event, namespace, step)).collect();
            let made = of_it.iter().find(|event| event["responseStatus"]["code"] == 201);
            let told = of_it.iter().rev().find(|event| event["objectRef"]["subresource"] == "status");
            let (Some(made), Some(over)) = (made, if step.ends { told } else { made }) else { return Ok(None) };
            times.push((step.label, at(made)?, at(over)?));
        }
        let first = times.iter().map(|row| row.1).min().unwrap_or_default();
        let since = |time: Timestamp| time.duration_since(first).as_secs_f64();
        Ok(Some(Self { rows: times.into_iter().map(|(label, from, to)| (label, since(from), since(to))).collect() }))
    }

    /// Whether each began when the one before it was over.
    pub(crate) fn is_in_order(&self) -> bool {
        self.rows.windows(2).all(|pair| pair[0].2 <= pair[1].1)
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.rows.iter().map(|row| row.2).fold(0.1, f64::max);
        let place = |seconds: f64| (seconds / end * WIDTH as f64).round() as usize;
        for (label, from, to) in &self.rows {
            let before = place(*from).min(WIDTH - 1);
            let bar = place(*to).saturating_sub(before).max(1);
            let (space, bar) = (" ".repeat(before), "█".repeat(bar));
            writeln!(f, "  {label:<27}│{:<WIDTH$}│ {from:4.1} s … {to:4.1} s", format!("{space}{bar}"))?;
        }
        Ok(())
    }
}

fn is_of(event: &Value, namespace: &str, step: &Step) -> bool {
    let reference = &event["objectRef"];
    let dry = event["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun"));
    let code = event["responseStatus"]["code"].as_u64().unwrap_or_default();
    let writes = ["create", "patch", "update"].iter().any(|verb| event["verb"] == *verb);
    reference["namespace"] == namespace
        && reference["resource"] == step.resource
        && reference["name"] == step.name
        && writes
        && !dry
        && (200..300).contains(&code)
}

fn at(event: &Value) -> Result<Timestamp> {
    let text = event["stageTimestamp"].as_str().context("an audit event has no time")?;
    text.parse().with_context(|| format!("reading the time {text}"))
}
