//! The entries of `metadata.managedFields`, and which one of them is ours.

use serde_json::Value;

/// One manager's entry: which fields of the object it owns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'a> {
    /// The version that it was applied in, and that the object must be read in to be projected with it (rule 10).
    pub api_version: &'a str,
    /// Its `fieldsV1`.
    pub fields: &'a Value,
}

/// The entry of `manager`'s applies. Its updates and its writes to subresources are other entries, and are ignored (rule 1).
pub fn entry<'a>(object: &'a Value, manager: &str) -> Option<Entry<'a>> {
    let found = entries(object).find(|entry| is_apply_of(entry, manager))?;
    let api_version = found.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    Some(Entry { api_version, fields: found.get("fieldsV1")? })
}

/// All entries of an object.
pub(super) fn entries(object: &Value) -> impl Iterator<Item = &Value> {
    object.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten()
}

/// Whether an entry is the one that [`entry`] returns.
pub(super) fn is_apply_of(entry: &Value, manager: &str) -> bool {
    text(entry, "manager") == manager && text(entry, "operation") == "Apply" && text(entry, "subresource").is_empty()
}

/// A text of an entry; empty when absent.
pub(super) fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry.get(field).and_then(Value::as_str).unwrap_or_default()
}
