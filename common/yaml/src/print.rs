//! JSON values as YAML in block style. Whatever could be read as anything but the text it is gets quoted.

use std::fmt::Write;

use serde_json::Value;

/// The value as a YAML document, which reads back as the same value.
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => entries(&mut out, value, 0),
        Value::Array(list) if !list.is_empty() => entries(&mut out, value, 0),
        scalar => {
            out.push_str(&flow(scalar));
            out.push('\n');
        }
    }
    out
}

fn entries(out: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let _ = write!(out, "{indent}{}:", text(key));
                rest(out, value, depth);
            }
        }
        Value::Array(list) => {
            for value in list {
                let _ = write!(out, "{indent}-");
                item(out, value, depth);
            }
        }
        _ => {}
    }
}

/// What follows `key:`; lists stand at the key's own depth.
fn rest(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            entries(out, value, depth + 1);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            entries(out, value, depth);
        }
        scalar => {
            let _ = writeln!(out, " {}", flow(scalar));
        }
    }
}

/// What follows `-`: a mapping begins on the same line.
fn item(out: &mut String, value: &Value, depth: usize) {
    let is_block = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    };
    if !is_block {
        let _ = writeln!(out, " {}", flow(value));
        return;
    }
    let mut inner = String::new();
    entries(&mut inner, value, depth + 1);
    let _ = write!(out, " {}", inner.trim_start());
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(string) => text(string),
        // Empty lists and mappings, numbers, booleans and null are the same in JSON and YAML.
        other => other.to_string(),
    }
}

fn text(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}

/// Whether every reader, YAML 1.1 or 1.2, takes it for this text.
fn is_plain(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let holds_well = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./ ".contains(c)) || is_url(text);
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "inf" | "nan"
    );
    starts_well && holds_well && !text.ends_with(' ') && !word
}

fn is_url(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:".contains(c)) && !text.ends_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_printed_reads_back_the_same() {
        let value = json!({
            "name": "web", "yes": "no", "n": 1, "empty": {}, "none": [], "null": null, "text": "a: b # c", "lines": "a\nb",
            "list": [{"a": [1, [2, 3]], "b": {"c": "on"}}, [], "x", [["y"]]], "url": "https://h:1/a", "1": "0777", "time": "2026-11-23T17:00:00Z",
        });
        let printed = to_string(&value);
        let read = crate::documents_strict(&printed, &crate::Limits::default()).expect("YAML");
        assert_eq!(read.len(), 1, "{printed}");
        assert_eq!(read[0].value, value, "{printed}");
    }

    #[test]
    fn simple_texts_are_not_quoted() {
        assert_eq!(to_string(&json!({"a": {"b": ["web", true]}})), "a:\n  b:\n  - web\n  - true\n");
    }
}
