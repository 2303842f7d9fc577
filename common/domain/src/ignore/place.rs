//! JSON pointers as places of an object.

use serde_json::Value;

use super::{Path, Step};

/// What says which object it is, and whose: no rule takes it out.
const IDENTITY: [&[&str]; 7] = [
    &["apiVersion"],
    &["kind"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "uid"],
    &["metadata", "resourceVersion"],
    &["metadata", "managedFields"],
];

/// Whether a place is part of what an object is known by, or holds it.
pub(super) fn is_identity(path: &[Step]) -> bool {
    let same = |(step, name): (&Step, &&str)| matches!(step, Step::Field(field) if field == *name);
    IDENTITY.iter().any(|names| path.len() <= names.len() && path.iter().zip(*names).all(same))
}

/// The place that an RFC 6901 pointer names; `-` and what is no number name nothing in a list. `None` for what is no pointer.
pub(super) fn of_pointer(pointer: &str, object: &Value) -> Option<Path> {
    let mut value = Some(object);
    let mut path = Path::new();
    for token in pointer.strip_prefix('/')?.split('/') {
        let name = token.replace("~1", "/").replace("~0", "~");
        match value {
            Some(Value::Array(list)) => {
                let place: usize = name.parse().ok().filter(|_| name == "0" || !name.starts_with(['0', '+']))?;
                value = list.get(place);
                path.push(Step::Element(place));
            }
            _ => {
                value = value.and_then(|value| value.get(&name));
                path.push(Step::Field(name));
            }
        }
    }
    Some(path)
}
