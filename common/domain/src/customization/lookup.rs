//! Which customization concerns a kind.

use std::collections::BTreeMap;

use windlass_query::Glob;

/// Group and kind of a key.
pub(super) fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('/').unwrap_or(("", key))
}

/// The exact key, or the longest pattern that matches; among equally long ones the first by name. Argo CD takes any of several patterns.
pub(super) fn find<'m, T>(map: &'m BTreeMap<String, T>, group: &str, kind: &str) -> Option<(&'m str, &'m T)> {
    let name = if group.is_empty() { kind.to_owned() } else { format!("{group}/{kind}") };
    if let Some((key, found)) = map.get_key_value(&name) {
        return Some((key, found));
    }
    let matches = |key: &&String| key.contains(['*', '?', '[', '{']) && is_match(key, &name);
    let longest = map.keys().filter(matches).max_by(|a, b| a.len().cmp(&b.len()).then(b.cmp(a)))?;
    map.get_key_value(longest).map(|(key, found)| (key.as_str(), found))
}

fn is_match(pattern: &str, name: &str) -> bool {
    Glob::gobwas(pattern, None).is_ok_and(|glob| glob.is_match(name))
}
