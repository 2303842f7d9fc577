//! One page of a LIST, as an apiserver answers it.

use serde::Deserialize;

/// Some of the objects, and where the others begin.
#[derive(Deserialize)]
pub(crate) struct Page<T> {
    #[serde(default)]
    metadata: Metadata,
    /// `null` where there are none.
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default, rename = "continue")]
    token: String,
}

// === impl Page ===

impl<T> Page<T> {
    /// What `continue` of the next page is; empty after the last.
    pub(crate) fn next(&self) -> &str {
        &self.metadata.token
    }

    pub(crate) fn items(&self) -> &[T] {
        self.items.as_deref().unwrap_or_default()
    }

    pub(crate) fn into_items(self) -> Vec<T> {
        self.items.unwrap_or_default()
    }
}
