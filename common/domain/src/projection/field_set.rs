//! A set of fields in the form that it is stored in.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::tree::Tree;
use super::{ProjectionError, entry};
use crate::manifest::canonical_bytes;

/// The fields that one manager owns: a `fieldsV1`, known to be well formed.
///
/// Kept as canonical JSON text (200 bytes for the average object, against some 1500 parsed) and read again for each comparison, which costs
/// less than reading the object that it is compared with. Two sets are equal exactly when their `fieldsV1` are. Serialises as the `fieldsV1`
/// itself, through self-describing formats only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSet(Box<str>);

// === impl FieldSet ===

impl FieldSet {
    /// Checks a `fieldsV1`, with members `f:`, `k:`, `v:`, `i:` and `.`, and keeps it.
    pub fn parse(fields_v1: &Value) -> Result<Self, ProjectionError> {
        Tree::parse(fields_v1)?;
        Ok(Self(canonical_text(fields_v1)))
    }

    /// The set of a manager's entry in an object; `None` when it has none.
    pub fn of_entry(object: &Value, manager: &str) -> Result<Option<Self>, ProjectionError> {
        entry(object, manager).map(|entry| Self::parse(entry.fields)).transpose()
    }

    /// The `fieldsV1` as canonical JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `fields_v1` is this very set.
    pub(super) fn is(&self, fields_v1: &Value) -> bool {
        self.0.as_bytes() == canonical_bytes(fields_v1)
    }

    /// The set to walk along with an object.
    pub(super) fn tree(&self) -> Tree {
        // The text was parsed when it was made, so the empty tree is never seen.
        Tree::parse(&self.to_value()).unwrap_or_default()
    }

    /// The set of a tree.
    pub(super) fn of_tree(tree: &Tree) -> Self {
        Self(canonical_text(&tree.to_value()))
    }

    fn to_value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

fn canonical_text(value: &Value) -> Box<str> {
    String::from_utf8_lossy(&canonical_bytes(value)).into_owned().into_boxed_str()
}

impl Serialize for FieldSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FieldSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
