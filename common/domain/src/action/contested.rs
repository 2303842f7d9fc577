//! What of a patch git says otherwise, and who wins.

use serde_json::Value;

/// A field that git names, with another value than an action gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contested {
    /// Such as `spec.replicas`.
    pub path: String,
    /// What git says, where it is short and no secret.
    pub git: Option<String>,
}

/// So many fields are named.
const NAMED: usize = 3;
/// Longer values are not quoted.
const QUOTED: usize = 60;

/// The fields of a merge patch that the object's manifest names with other values: its next apply gives them back. Of a Secret no value is quoted.
pub fn contested(patch: &Value, manifest: &Value) -> Vec<Contested> {
    let secret = manifest.get("kind").and_then(Value::as_str) == Some("Secret");
    let mut found = Vec::new();
    collect(patch, manifest, &mut Vec::new(), &mut found);
    if secret {
        found.iter_mut().for_each(|one| one.git = None);
    }
    found
}

/// What the person who ran it is told, if anything is contested.
pub fn warning(contested: &[Contested], self_heal: bool) -> Option<String> {
    if contested.is_empty() {
        return None;
    }
    let named = contested.iter().take(NAMED).map(|one| match &one.git {
        Some(git) => format!("{}: {git}", one.path),
        None => format!("otherwise for {}", one.path),
    });
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match contested.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let end =
        if self_heal { "self-heal puts it back" } else { "the object is OutOfSync until the next sync puts it back" };
    Some(format!("git says {named}{more}; {end}"))
}

fn collect<'a>(patch: &'a Value, manifest: &Value, path: &mut Vec<&'a str>, found: &mut Vec<Contested>) {
    match (patch, manifest) {
        (Value::Object(changes), Value::Object(said)) => {
            for (name, change) in changes {
                let Some(git) = said.get(name).filter(|value| !value.is_null()) else { continue };
                path.push(name);
                collect(change, git, path, found);
                path.pop();
            }
        }
        (change, git) if change != git => {
            let text = match git {
                Value::String(text) => Some(text.clone()),
                Value::Array(_) | Value::Object(_) => None,
                plain => Some(plain.to_string()),
            };
            found.push(Contested { path: path.join("."), git: text.filter(|text| text.len() <= QUOTED) });
        }
        _ => {}
    }
}
