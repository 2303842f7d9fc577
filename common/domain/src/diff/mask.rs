//! Values of Secrets, as people may see them.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::Value;

/// The shortest mask; Argo CD's.
const SHORTEST: usize = 8;

/// Replaces every value of Secrets by a run of `+`: equal values by equal runs, different ones by runs of different length, over all the objects together.
pub(super) fn secrets<const N: usize>(objects: [Option<&mut Value>; N]) {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for object in objects.into_iter().flatten() {
        if object.get("kind").and_then(Value::as_str) != Some("Secret") {
            continue;
        }
        for field in ["data", "stringData"] {
            match object.get_mut(field) {
                Some(Value::Object(data)) => data.values_mut().for_each(|value| mask(value, &mut known)),
                Some(other) if !other.is_null() => mask(other, &mut known),
                _ => {}
            }
        }
        // It holds the whole Secret as it was applied.
        if let Some(Value::Object(annotations)) = object.pointer_mut("/metadata/annotations") {
            annotations.remove(super::LAST_APPLIED);
        }
    }
}

fn mask(value: &mut Value, known: &mut BTreeMap<String, usize>) {
    let next = known.len();
    let number = *known.entry(value.to_string()).or_insert(next);
    *value = Value::from("+".repeat(SHORTEST + number));
}

/// As the server encodes `stringData`.
pub(super) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
