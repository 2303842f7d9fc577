//! Reading the object that an action is about. A field of the wrong type counts as absent: health names it, an action only needs what it finds.

use serde_json::{Value, json};

/// A live object.
pub(super) struct Subject<'a> {
    object: &'a Value,
}

// === impl Subject ===

impl<'a> Subject<'a> {
    pub(super) fn of(object: &'a Value) -> Self {
        Self { object }
    }

    /// The value at a path such as `spec.suspend`; null counts as absent.
    pub(super) fn at(&self, path: &str) -> Option<&'a Value> {
        let found = path.split('.').try_fold(self.object, |value, name| value.get(name));
        found.filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, path: &str) -> &'a str {
        self.at(path).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn number(&self, path: &str) -> Option<i64> {
        self.at(path).and_then(Value::as_i64)
    }

    pub(super) fn is_true(&self, path: &str) -> bool {
        self.at(path) == Some(&Value::Bool(true))
    }

    pub(super) fn list(&self, path: &str) -> &'a [Value] {
        self.at(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(super) fn annotation(&self, name: &str) -> Option<&'a str> {
        crate::manifest::annotation(self.object, name)
    }

    pub(super) fn label(&self, name: &str) -> Option<&'a str> {
        crate::manifest::label(self.object, name)
    }

    pub(super) fn api_version(&self) -> &'a str {
        self.text("apiVersion")
    }

    pub(super) fn kind(&self) -> &'a str {
        self.text("kind")
    }

    pub(super) fn name(&self) -> &'a str {
        self.text("metadata.name")
    }

    pub(super) fn namespace(&self) -> &'a str {
        self.text("metadata.namespace")
    }

    /// Whether one of `status.conditions` is True.
    pub(super) fn has(&self, condition: &str) -> bool {
        let is = |one: &&Value| one.get("type") == Some(&json!(condition)) && one.get("status") == Some(&json!("True"));
        self.list("status.conditions").iter().any(|one| is(&one))
    }

    /// Who controls it, as `Kind name`.
    pub(super) fn controller(&self) -> Option<String> {
        let owners = self.list("metadata.ownerReferences").iter();
        let owner = owners.clone().find(|owner| owner.get("controller") == Some(&Value::Bool(true)))?;
        let text = |field: &str| owner.get(field).and_then(Value::as_str).unwrap_or_default();
        Some(format!("{} {}", text("kind"), text("name")))
    }

    /// What a new object that it controls says of its owner. Without `blockOwnerDeletion`, which would need a right on the owner's finalizers.
    pub(super) fn as_owner(&self) -> Value {
        json!([{
            "apiVersion": self.api_version(), "kind": self.kind(), "name": self.name(), "uid": self.text("metadata.uid"),
            "controller": true,
        }])
    }
}
