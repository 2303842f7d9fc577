//! Block-style YAML of JSON values, so that a scenario's commits read and differ as people's do.

use serde_json::Value;

/// A map as block-style YAML: keys in the map's order, strings that could be taken for something else quoted.
pub(super) fn block(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, 0);
    text.trim_start_matches('\n').to_owned()
}

/// Writes what comes after `key:` or `-`: a scalar on the same line, a collection on the next ones.
fn write(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                text.push('\n');
                text.push_str(&" ".repeat(indent));
                text.push_str(&scalar(key));
                text.push(':');
                write(text, value, indent + 2);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                text.push('\n');
                text.push_str(&" ".repeat(indent));
                text.push('-');
                let mut inner = String::new();
                write(&mut inner, item, indent + 2);
                // The first key of a map stands beside its dash.
                let beside = if item.is_object() { inner.trim_start() } else { inner.trim_start_matches(' ') };
                text.push_str(if inner.starts_with('\n') && !item.is_object() { "" } else { " " });
                text.push_str(beside.trim_end_matches('\n'));
            }
        }
        Value::String(string) => {
            text.push(' ');
            text.push_str(&scalar(string));
        }
        other => {
            text.push(' ');
            text.push_str(&other.to_string());
        }
    }
    if indent == 0 {
        text.push('\n');
    }
}

/// A plain scalar where no YAML version reads it as anything but that string, otherwise JSON's quotes, which are YAML's.
fn scalar(string: &str) -> String {
    let plain_start = string.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let plain = string.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        || string
            .split(':')
            .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_./@".contains(c)));
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if plain_start && plain && !reserved.contains(&string.to_ascii_lowercase().as_str()) {
        string.to_owned()
    } else {
        Value::from(string).to_string()
    }
}
