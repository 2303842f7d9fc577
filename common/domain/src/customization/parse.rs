//! Keys and values of `argocd-cm`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};
use windlass_query::Glob;
use windlass_yaml::{Limits, documents_strict};

use super::{Action, Actions, Customizations};
use crate::ignore;

const PREFIX: &str = "resource.customizations.";
/// The single map that older versions of Argo CD had.
const ALL: &str = "resource.customizations";
/// Most bytes of one value.
const MAX_VALUE: usize = 1 << 20;
/// Most customizations.
const MAX_ENTRIES: usize = 2_000;

/// What a settings record says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// What agents are told.
    pub customizations: Customizations,
    /// Keys that are accepted and have no effect, and why.
    pub warnings: Vec<String>,
}

/// What is wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key.
    pub key: String,
    /// The line of its value; the first is 1. `None` where the key itself is wrong.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: String,
}

type Result<T> = std::result::Result<T, Problem>;

/// Reads the `data` of an `argocd-cm`. Keys that mean nothing here are warnings. Whether scripts are Lua is for the caller to see.
///
/// # Errors
/// The first key whose value cannot be what it should.
pub fn parse(data: &BTreeMap<String, String>) -> Result<Parsed> {
    let mut parsed = Parsed::default();
    for (key, text) in data {
        if text.len() > MAX_VALUE {
            return Err(wrong(key, None, format!("has {} bytes; the limit is {MAX_VALUE}", text.len())));
        }
        match key.strip_prefix(PREFIX).and_then(|rest| rest.split_once('.')) {
            Some((what, of)) => parsed.take(key, what, &kind_of(key, of)?, text)?,
            None if key == ALL => parsed.take_all(text)?,
            None => parsed.warn(key, "it is kept and has no effect here"),
        }
    }
    let taken = &parsed.customizations;
    let count = taken.health.len() + taken.actions.len() + taken.ignore_differences.len();
    if count > MAX_ENTRIES {
        return Err(wrong(ALL, None, format!("has {count} entries; the limit is {MAX_ENTRIES}")));
    }
    Ok(parsed)
}

/// `apps_Deployment` is `apps/Deployment`; `all` is every kind.
fn kind_of(key: &str, text: &str) -> Result<String> {
    let named = match text.split('_').collect::<Vec<_>>().as_slice() {
        ["all"] => "*/*".to_owned(),
        ["", kind] | [kind] if !kind.is_empty() => (*kind).to_owned(),
        [group, kind] if !kind.is_empty() => format!("{group}/{kind}"),
        _ => return Err(wrong(key, None, format!("{text:?} is no kind; write <group>_<Kind>, or <Kind>"))),
    };
    check_pattern(key, None, named)
}

fn check_pattern(key: &str, line: Option<usize>, pattern: String) -> Result<String> {
    match Glob::gobwas(&pattern, None) {
        Ok(_) => Ok(pattern),
        Err(error) => Err(wrong(key, line, error.to_string())),
    }
}

fn wrong(key: &str, line: Option<usize>, problem: impl Into<String>) -> Problem {
    Problem { key: key.to_owned(), line, problem: problem.into() }
}

// === impl Parsed ===

impl Parsed {
    fn warn(&mut self, key: &str, why: &str) {
        self.warnings.push(format!("{key}: {why}"));
    }

    /// One key of one kind.
    fn take(&mut self, key: &str, what: &str, kind: &str, text: &str) -> Result<()> {
        match what {
            "health" => {
                self.customizations.health.insert(kind.to_owned(), text.to_owned());
            }
            "actions" => {
                let actions = actions_of(key, &mapping(key, text)?)?;
                self.customizations.actions.insert(kind.to_owned(), actions);
            }
            "ignoreDifferences" => {
                let rule = mapping(key, text)?;
                let ignored = ignore::check_one(&Value::Object(rule), false)
                    .map_err(|(field, problem)| wrong(key, line_of(text, &field), format!("{field} {problem}")))?;
                self.customizations.ignore_differences.insert(kind.to_owned(), ignored);
            }
            "ignoreResourceUpdates" => {
                self.warn(key, "it has no effect: an update that changes nothing of ours costs nothing here")
            }
            "knownTypeFields" => self.warn(key, "it has no effect: the apiserver says itself what is the same"),
            "useOpenLibs" => self.warn(key, "it has no effect: scripts never get Lua's open libraries"),
            _ => {
                let known =
                    "health, actions, ignoreDifferences, ignoreResourceUpdates, knownTypeFields and useOpenLibs";
                return Err(wrong(key, None, format!("{what:?} is not known; there are {known}")));
            }
        }
        Ok(())
    }

    /// The single map of older versions.
    fn take_all(&mut self, text: &str) -> Result<()> {
        for (kind, parts) in mapping(ALL, text)? {
            let at = line_of(text, &kind);
            let kind = check_pattern(ALL, at, kind)?;
            let Value::Object(parts) = parts else { return Err(wrong(ALL, at, format!("{kind} is no mapping"))) };
            for (name, value) in parts {
                let what = match name.as_str() {
                    "health.lua" => "health",
                    "health.lua.useOpenLibs" => "useOpenLibs",
                    other => other,
                };
                let value = text_of(&value).ok_or_else(|| wrong(ALL, at, format!("{kind}: {name} is no text")))?;
                let named = |problem: Problem| wrong(ALL, at, format!("{kind}: {name}: {}", problem.problem));
                self.take(ALL, what, &kind, &value).map_err(named)?;
            }
        }
        Ok(())
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => Some(String::new()),
        Value::Bool(flag) => Some(flag.to_string()),
        // Some write the inner document in place; JSON is YAML.
        Value::Object(_) | Value::Array(_) => Some(value.to_string()),
        Value::Number(_) => None,
    }
}

fn mapping(key: &str, text: &str) -> Result<Map<String, Value>> {
    let limits = Limits { bytes: MAX_VALUE, ..Limits::default() };
    let documents = documents_strict(text, &limits)
        .map_err(|error| wrong(key, Some(error.line), format!("{} (column {})", error.kind, error.column)))?;
    match documents.into_iter().next().map(|document| document.value) {
        Some(Value::Object(map)) => Ok(map),
        None => Ok(Map::new()),
        Some(_) => Err(wrong(key, Some(1), "is no mapping")),
    }
}

fn actions_of(key: &str, given: &Map<String, Value>) -> Result<Actions> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut actions = Actions {
        discovery: text(given.get("discovery.lua")),
        merge_built_in: given.get("mergeBuiltinActions").and_then(Value::as_bool).unwrap_or_default(),
        definitions: Vec::new(),
    };
    for (index, definition) in given.get("definitions").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let action = Action { name: text(definition.get("name")), script: text(definition.get("action.lua")) };
        if action.name.is_empty() || action.script.is_empty() {
            return Err(wrong(key, None, format!("definitions[{index}] needs name and action.lua")));
        }
        actions.definitions.push(action);
    }
    if actions.definitions.is_empty() {
        return Err(wrong(key, None, "has no definitions"));
    }
    Ok(actions)
}

/// Where a text names a field, for people; the field is the last name of its path.
fn line_of(text: &str, field: &str) -> Option<usize> {
    let name = field.split(['[', '.']).find(|part| !part.is_empty())?;
    text.lines().position(|line| line.contains(name)).map(|line| line + 1)
}

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}: {}", self.key, self.problem.trim_start()),
            None => write!(f, "{}: {}", self.key, self.problem.trim_start()),
        }
    }
}

impl std::error::Error for Problem {}
