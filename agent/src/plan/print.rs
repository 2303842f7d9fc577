//! A plan as people and programs read it.

use serde_json::json;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::sync::{SyncAction, SyncPlan, Verb};

/// One line of a plan.
struct Line<'a> {
    phase: String,
    wave: i32,
    action: &'static str,
    key: &'a ResourceKey,
    reason: String,
}

/// One object a line: phase, wave, action, key, reason. After the actions stands what is left alone, and why.
pub(super) fn json(plan: &SyncPlan) -> String {
    let line = |line: Line<'_>| {
        let Line { phase, wave, action, key, reason } = line;
        let key = json!({"group": key.group, "kind": key.kind, "namespace": key.namespace, "name": key.name});
        format!("{}\n", json!({"phase": phase, "wave": wave, "action": action, "key": key, "reason": reason}))
    };
    lines(plan).into_iter().map(line).collect()
}

/// Columns, as wide as they must be.
pub(super) fn table(plan: &SyncPlan) -> String {
    let lines = lines(plan);
    if lines.is_empty() {
        return "nothing to do\n".to_owned();
    }
    let heading = ["PHASE", "WAVE", "ACTION", "OBJECT", "REASON"].map(str::to_owned);
    let rows = lines
        .into_iter()
        .map(|line| [line.phase, line.wave.to_string(), line.action.to_owned(), line.key.to_string(), line.reason]);
    let rows: Vec<[String; 5]> = std::iter::once(heading).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let padded = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
        format!("{}{}\n", cells.collect::<String>(), row[4])
    };
    rows.iter().map(padded).collect()
}

fn lines(plan: &SyncPlan) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = plan.actions.iter().map(of_action).collect();
    let aside = |action, key, reason: String| Line { phase: "Sync".to_owned(), wave: 0, action, key, reason };
    let held = plan.hold.iter().flat_map(|hold| hold.keys.iter().map(|key| (key, &hold.reason)));
    lines.extend(held.map(|(key, reason)| aside("hold", key, format!("waits for an approval: {reason}"))));
    lines.extend(plan.kept.iter().map(|(key, why)| aside("keep", key, why.clone())));
    lines.extend(plan.skipped.iter().map(|(key, why)| aside("skip", key, why.clone())));
    lines
}

fn of_action(action: &SyncAction) -> Line<'_> {
    let verb = match action.verb {
        Verb::EnsureNamespace => "ensure-namespace",
        Verb::Apply { .. } if action.options.replace => "replace",
        Verb::Apply { .. } => "apply",
        Verb::Create { .. } => "create",
        Verb::RunHook { .. } => "hook",
        Verb::Await => "wait",
        Verb::Delete { .. } => "prune",
        Verb::Forget => "forget",
    };
    let confirmed = if action.confirm { "; waits for a confirmation" } else { "" };
    Line {
        phase: action.phase.to_string(),
        wave: action.wave,
        action: verb,
        key: &action.key,
        reason: format!("{}{confirmed}", action.reason),
    }
}
