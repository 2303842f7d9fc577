//! Paths of a field set as people write them.

use serde_json::{Map, Value};

/// `spec.template.spec.containers[name=web].image`, `metadata.annotations[example.com/x]`, `metadata.finalizers["a/b"]`.
pub(super) fn render(members: &[String]) -> String {
    let path: String = members.iter().map(|member| part(member)).collect();
    path.strip_prefix('.').map_or_else(|| path.clone(), str::to_owned)
}

fn part(member: &str) -> String {
    match member.split_at_checked(2) {
        Some(("f:", name)) if is_plain(name) => format!(".{name}"),
        Some(("k:", keys)) => format!("[{}]", keys_text(keys)),
        Some((_, rest)) => format!("[{rest}]"),
        None => format!("[{member}]"),
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-' || c == '$')
}

fn keys_text(keys: &str) -> String {
    let Ok(keys) = serde_json::from_str::<Map<String, Value>>(keys) else { return keys.to_owned() };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
    pairs.join(",")
}
