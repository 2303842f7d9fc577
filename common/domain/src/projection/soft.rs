//! Leaves whose manifest value is `{}` or null.
//!
//! The set cannot tell whether such a leaf is atomic (`podSelector`: the whole value is ours) or granular (`emptyDir`: what others put below
//! it is theirs). The object in hand can: another manager's entry has members below the leaf only when it is granular (rule 6).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::element::Element;
use super::entry::{entries, is_apply_of};
use super::fingerprint::Fingerprint;
use super::tree::{Node, Tree};
use super::{MANAGER, path};

/// A soft leaf and what it was in the apply response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftLeaf {
    /// The members of the field set that lead to it.
    pub path: Vec<String>,
    /// Its value.
    pub value: SoftValue,
}

/// The value of a soft leaf; a value with contents is only fingerprinted, as it may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SoftValue {
    /// There is none.
    Absent,
    /// `null`.
    Null,
    /// `{}`.
    Empty,
    /// Anything else.
    Other(Fingerprint),
}

// === impl SoftLeaf ===

impl SoftLeaf {
    /// The soft leaves of a manifest under a set, with the values they have in the response.
    pub(super) fn find_all(tree: &Tree, manifest: &Value, response: &Value) -> Vec<Self> {
        let mut paths = Vec::new();
        collect(tree, manifest, &mut Vec::new(), &mut paths);
        paths.into_iter().map(|path| Self { value: SoftValue::at(tree, response, &path), path }).collect()
    }

    /// Whether the object has another value there, and one that is ours.
    pub(super) fn is_changed(&self, tree: &Tree, live: &Value) -> bool {
        !self.is_granular(live) && SoftValue::at(tree, live, &self.path) != self.value
    }

    /// The path as people write it.
    pub fn display_path(&self) -> String {
        path::render(&self.path)
    }

    fn is_granular(&self, live: &Value) -> bool {
        entries(live).filter(|entry| !is_apply_of(entry, MANAGER)).any(|entry| {
            let top = entry.get("fieldsV1");
            let below = self.path.iter().try_fold(top, |value, member| Some(value?.get(member)));
            let members = below.flatten().and_then(Value::as_object);
            members.is_some_and(|members| members.keys().any(|member| member != "."))
        })
    }
}

fn collect(tree: &Tree, written: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    for field in &tree.fields {
        let Some(value) = written.get(field.name()) else { continue };
        path.push(field.member.clone());
        collect_node(&field.node, value, path, found);
        path.pop();
    }
    for item in &tree.elements {
        let list = written.as_array().map_or(&[][..], Vec::as_slice);
        let Some(value) = item.element.find_written(list).first().copied() else { continue };
        path.push(item.member.clone());
        collect_node(&item.node, value, path, found);
        path.pop();
    }
}

fn collect_node(node: &Node, written: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match node {
        Node::Branch(tree) => collect(tree, written, path, found),
        _ if written.is_null() || written.as_object().is_some_and(serde_json::Map::is_empty) => {
            found.push(path.clone())
        }
        _ => {}
    }
}

// === impl SoftValue ===

impl SoftValue {
    fn at(tree: &Tree, object: &Value, path: &[String]) -> Self {
        match values_at(tree, object, path).as_slice() {
            [] => Self::Absent,
            [Value::Null] => Self::Null,
            [Value::Object(map)] if map.is_empty() => Self::Empty,
            others => Self::Other(Fingerprint::of_values(others)),
        }
    }
}

/// All values at a path: more than one where an element on the way is there twice.
fn values_at<'v>(tree: &Tree, object: &'v Value, path: &[String]) -> Vec<&'v Value> {
    let Some((member, rest)) = path.split_first() else { return vec![object] };
    let children: Vec<&Value> = if let Some(field) = tree.fields.iter().find(|field| field.member == *member) {
        object.get(field.name()).into_iter().collect()
    } else {
        let element = tree.elements.iter().find(|item| item.member == *member).map(|item| &item.element);
        let list = object.as_array().map_or(&[][..], Vec::as_slice);
        element.map(|element: &Element| element.find_written(list)).unwrap_or_default()
    };
    match tree.child(member) {
        Some(Node::Branch(below)) => children.into_iter().flat_map(|child| values_at(below, child, rest)).collect(),
        _ => children,
    }
}
