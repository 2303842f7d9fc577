//! Parts of sentences.

use crate::manifest::ResourceKey;
use crate::name::{ApplicationName, DEFAULT_NAMESPACE};
use crate::status::ResourceStatus;
use crate::time::Timestamp;

/// The most characters of a sentence.
const LONGEST: usize = 600;

/// One line of limited length without a full stop: what git, servers and objects say may hold any text.
pub(super) fn flat(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(LONGEST) {
        words.truncate(end);
        words.push('…');
    }
    words.trim_end_matches('.').to_owned()
}

/// `45s`, `3m`, `5h`, `12d`: how long ago.
pub(super) fn age(since: Timestamp, now: Timestamp) -> String {
    match now.duration_since(since).as_secs().max(0) {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// `commit 1a2b3c4`, as far as it is known.
pub(super) fn commit(revision: Option<&str>) -> String {
    match revision.filter(|revision| !revision.is_empty()) {
        Some(revision) => format!("commit {}", revision.chars().take(7).collect::<String>()),
        None => "its commit".to_owned(),
    }
}

/// `1 object`, `3 objects`.
pub(super) fn count(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// `Deployment shop/web (why)`, and how many more.
pub(super) fn first_of(objects: &[&ResourceStatus]) -> Option<String> {
    let first = objects.first()?;
    let reason = reason(first);
    let named = if reason.is_empty() { first.key.to_string() } else { format!("{} ({reason})", first.key) };
    Some(with_more(&named, objects.len()))
}

/// A thing with how many more there are like it.
pub(super) fn with_more(named: &str, all: usize) -> String {
    if all > 1 { format!("{named} and {} more", all - 1) } else { named.to_owned() }
}

/// Why an object is as it is; may be empty.
pub(super) fn reason(object: &ResourceStatus) -> String {
    let health = object.health.as_ref().map(|health| health.message.as_str()).unwrap_or_default();
    let text = if object.message.is_empty() { health } else { &object.message };
    text.trim_end_matches('.').to_owned()
}

/// Why an object failed.
pub(super) fn blamed(key: &ResourceKey, message: &str) -> String {
    if message.is_empty() { key.to_string() } else { format!("{key}: {}", message.trim_end_matches('.')) }
}

/// How commands name an application.
pub(super) fn name(name: &ApplicationName) -> String {
    if name.namespace == DEFAULT_NAMESPACE { name.name.clone() } else { name.to_string() }
}
