//! What a field set selects of an object.

use serde_json::{Map, Value};

use super::element::{Element, Elements};
use super::field_set::FieldSet;
use super::fingerprint::Fingerprint;
use super::tree::{Item, Node, Tree};
use crate::manifest::canonical_bytes;

/// The selected part of a value, borrowed from it.
pub(super) enum Projected<'a> {
    /// All of it: a leaf, or a value that is not of the type the set says.
    Whole(&'a Value),
    /// Some fields; absent ones are absent here too, so that absent and null differ (rule 5).
    Object(Vec<(&'a str, Projected<'a>)>),
    /// Some elements: all that match, in the order they have in the object (rules 3 and 4).
    List(Vec<Projected<'a>>),
}

/// The owned part of an object: owned fields and elements with their values as they are, and the keys of owned elements, owned or not.
/// Equal objects have equal projections, and so have objects that differ only in what the set does not own.
pub fn projection_of(object: &Value, fields: &FieldSet) -> Value {
    project(&fields.tree(), object).to_value()
}

/// Projects an object with a set.
pub(super) fn project<'a>(tree: &'a Tree, value: &'a Value) -> Projected<'a> {
    match value {
        Value::Object(map) if tree.elements.is_empty() => Projected::Object(project_fields(tree, map)),
        Value::Array(list) if tree.fields.is_empty() => Projected::List(project_elements(tree, list)),
        other => Projected::Whole(other),
    }
}

fn project_node<'a>(node: &'a Node, value: &'a Value) -> Option<Projected<'a>> {
    match node {
        Node::Leaf => Some(Projected::Whole(value)),
        Node::Soft => None,
        Node::Branch(tree) => Some(project(tree, value)),
    }
}

fn project_fields<'a>(tree: &'a Tree, map: &'a Map<String, Value>) -> Vec<(&'a str, Projected<'a>)> {
    let fields = tree.fields.iter();
    fields.filter_map(|field| Some((field.name(), project_node(&field.node, map.get(field.name())?)?))).collect()
}

fn project_elements<'a>(tree: &'a Tree, list: &'a [Value]) -> Vec<Projected<'a>> {
    let elements = Elements::of(&tree.elements);
    let owned = list.iter().enumerate().filter_map(|(place, value)| Some((elements.find(place, value)?, value)));
    owned.filter_map(|(item, value)| project_element(item, value)).collect()
}

/// Two elements may differ only in a key that the server defaulted, which the set does not list below them: the keys are added.
fn project_element<'a>(item: &'a Item, value: &'a Value) -> Option<Projected<'a>> {
    let mut projected = project_node(&item.node, value)?;
    if let (Projected::Object(fields), Element::Key(keys)) = (&mut projected, &item.element) {
        for name in keys.keys() {
            let Some(key) = value.get(name) else { continue };
            if !fields.iter().any(|(have, _)| have == name) {
                fields.push((name, Projected::Whole(key)));
            }
        }
    }
    Some(projected)
}

// === impl Projected ===

impl Projected<'_> {
    /// Its fingerprint.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut bytes = Vec::with_capacity(1024);
        self.write(&mut bytes);
        Fingerprint::of(&bytes)
    }

    /// An owned copy.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Whole(value) => (*value).clone(),
            Self::Object(fields) => fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_value())).collect(),
            Self::List(elements) => elements.iter().map(Self::to_value).collect(),
        }
    }

    /// Bytes that are equal exactly when the projections by one set are.
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Whole(value) => out.extend(canonical_bytes(value)),
            Self::Object(fields) => {
                out.push(b'{');
                for (name, value) in fields {
                    out.extend(Value::from(*name).to_string().into_bytes());
                    out.push(b':');
                    value.write(out);
                    out.push(b',');
                }
                out.push(b'}');
            }
            Self::List(elements) => {
                out.push(b'[');
                for value in elements {
                    value.write(out);
                    out.push(b',');
                }
                out.push(b']');
            }
        }
    }
}
