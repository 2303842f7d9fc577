//! The objects of a YAML or JSON text: documents one after the other, Lists taken apart, each with the line where its document begins.

use serde_json::Value;
use windlass_yaml::{Limits, documents};

/// Where an object stands, and the object.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// Line of the text where its document begins; the first is 1.
    pub line: usize,
    /// The object: it has an apiVersion and a kind.
    pub value: Value,
}

/// Why a text has no objects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotObjects {
    /// It is no YAML.
    #[error("line {line}, column {column}: {problem}")]
    Yaml {
        /// Where; the first is 1.
        line: usize,
        /// Where; the first is 1.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// A document that is no object.
    #[error("line {line}: the document has no apiVersion and kind")]
    NoKind {
        /// Where it begins.
        line: usize,
    },
}

/// Reads a text of at most `bytes` bytes. Empty documents are passed over.
pub fn read(text: &str, bytes: usize) -> Result<Vec<Located>, NotObjects> {
    let limits = Limits { bytes, ..Limits::default() };
    let documents = documents(text, &limits).map_err(|error| NotObjects::Yaml {
        line: error.line,
        column: error.column,
        problem: error.kind.to_string(),
    })?;
    let mut objects = Vec::new();
    for document in documents {
        take(document.line, document.value, &mut objects)?;
    }
    Ok(objects)
}

fn take(line: usize, value: Value, objects: &mut Vec<Located>) -> Result<(), NotObjects> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(_), Some(kind)) = (text("apiVersion"), text("kind")) else { return Err(NotObjects::NoKind { line }) };
    match value.get("items").and_then(Value::as_array).filter(|_| kind.ends_with("List")) {
        Some(items) => items.clone().into_iter().try_for_each(|item| take(line, item, objects)),
        None => {
            objects.push(Located { line, value });
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_lists_become_objects_and_what_is_none_is_named() {
        let text = "---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A}\n- {apiVersion: v1, kind: B}\n---\n---\napiVersion: v1\nkind: C\n";
        let lines: Vec<usize> = read(text, 1 << 20).expect("objects").iter().map(|object| object.line).collect();
        assert_eq!(lines, [2, 2, 9]);
        assert_eq!(read("a: 1\n", 1 << 20), Err(NotObjects::NoKind { line: 1 }));
        assert!(matches!(read("a: [\n", 1 << 20), Err(NotObjects::Yaml { .. })));
        assert!(matches!(read("a: 1\n", 2), Err(NotObjects::Yaml { .. })), "too large");
    }
}
