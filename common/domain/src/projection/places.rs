//! Owned fields as places of an object, and places as owned fields.

use serde_json::Value;

use super::MANAGER;
use super::element::Elements;
use super::entry::{entries, entry, text};
use super::field_set::FieldSet;
use super::tree::{Node, Tree};
use crate::ignore::{Ignored, Path, Step};

/// The places of an object that a field manager owns, by whatever operation.
pub fn places_of_manager(object: &Value, manager: &str) -> Vec<Path> {
    let mut found = Vec::new();
    for entry in entries(object).filter(|entry| text(entry, "manager") == manager) {
        if let Some(tree) = entry.get("fieldsV1").and_then(|fields| Tree::parse(fields).ok()) {
            collect(&tree, object, &mut Path::new(), &mut found);
        }
    }
    found
}

fn collect(tree: &Tree, value: &Value, path: &mut Path, found: &mut Vec<Path>) {
    let mut node = |step: Step, node: &Node, value: Option<&Value>| {
        path.push(step);
        match (node, value) {
            (Node::Branch(tree), Some(value)) => collect(tree, value, path, found),
            (Node::Branch(_), None) => {}
            _ => found.push(path.clone()),
        }
        path.pop();
    };
    for field in &tree.fields {
        node(Step::Field(field.name().to_owned()), &field.node, value.get(field.name()));
    }
    let elements = Elements::of(&tree.elements);
    for (place, element) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(item) = elements.find(place, element) {
            node(Step::Element(place), &item.node, Some(element));
        }
    }
}

/// Whether a place lies within a value that our applies own as a whole.
pub fn owns_whole(object: &Value, path: &[Step]) -> bool {
    let Some(tree) = entry(object, MANAGER).and_then(|entry| Tree::parse(entry.fields).ok()) else { return false };
    let (mut tree, mut value) = (&tree, object);
    for (depth, step) in path.iter().enumerate() {
        let (node, below) = match step {
            Step::Field(name) => {
                (tree.fields.iter().find(|field| field.name() == name).map(|field| &field.node), value.get(name))
            }
            Step::Element(place) => {
                let element = value.get(*place);
                let item = element.and_then(|element| Elements::of(&tree.elements).find(*place, element));
                (item.map(|item| &item.node), element)
            }
        };
        match (node, below) {
            (Some(Node::Branch(below)), Some(found)) => (tree, value) = (below, found),
            (Some(Node::Leaf | Node::Soft), _) => return depth + 1 < path.len(),
            _ => return false,
        }
    }
    false
}

/// A set without what is ignored of the object that it is the set of; `None` for one that has nothing left. Whether a map or list exists is not part of it.
pub(super) fn reduced(fields: &FieldSet, object: &Value, ignored: &Ignored) -> FieldSet {
    let mut tree = fields.tree();
    reduce(&mut tree, Some(object), &mut Path::new(), ignored);
    FieldSet::of_tree(&tree)
}

fn reduce(tree: &mut Tree, value: Option<&Value>, path: &mut Path, ignored: &Ignored) {
    tree.fields.retain_mut(|field| {
        let step = Step::Field(field.name().to_owned());
        let below = value.and_then(|value| value.get(field.name()));
        stays(&mut field.node, step, below, path, ignored)
    });
    let list = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let places: Vec<(String, usize)> = {
        let elements = Elements::of(&tree.elements);
        let found = list.iter().enumerate();
        found.filter_map(|(place, value)| Some((elements.find(place, value)?.member.clone(), place))).collect()
    };
    tree.elements.retain_mut(|item| {
        let place = places.iter().find(|(member, _)| *member == item.member).map(|(_, place)| *place);
        let Some(place) = place else { return true };
        stays(&mut item.node, Step::Element(place), list.get(place), path, ignored)
    });
}

fn stays(node: &mut Node, step: Step, value: Option<&Value>, path: &mut Path, ignored: &Ignored) -> bool {
    path.push(step);
    let covered = ignored.covers(path);
    if let Node::Branch(tree) = node
        && !covered
    {
        reduce(tree, value, path, ignored);
    }
    path.pop();
    let is_empty = matches!(node, Node::Branch(tree) if tree.fields.is_empty() && tree.elements.is_empty());
    !covered && !is_empty
}
