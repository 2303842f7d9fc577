//! Which owned paths differ between two objects, for messages.

use serde_json::Value;

use super::field_set::FieldSet;
use super::path;
use super::tree::{Item, Node, Tree};

/// Up to `max` owned paths whose values differ between what is `expected` and `live`, best effort: see
/// [`Baseline::differing_paths`](super::Baseline::differing_paths). Paths hold names and list keys, never values of fields.
pub fn differing_paths(fields: &FieldSet, expected: &Value, live: &Value, max: usize) -> Vec<String> {
    walk_paths(&fields.tree(), expected, live, max)
}

pub(super) fn walk_paths(tree: &Tree, expected: &Value, live: &Value, max: usize) -> Vec<String> {
    let mut walk = Walk { path: Vec::new(), found: Vec::new(), max };
    walk.branch(tree, expected, live);
    walk.found
}

struct Walk {
    path: Vec<String>,
    found: Vec<String>,
    max: usize,
}

// === impl Walk ===

impl Walk {
    fn branch(&mut self, tree: &Tree, expected: &Value, live: &Value) {
        match (expected, live) {
            _ if self.found.len() >= self.max => {}
            (Value::Object(_), Value::Object(_)) => self.fields(tree, expected, live),
            (Value::Array(expected), Value::Array(live)) => self.elements(tree, expected, live),
            _ if expected != live => self.report(""),
            _ => {}
        }
    }

    fn fields(&mut self, tree: &Tree, expected: &Value, live: &Value) {
        for field in &tree.fields {
            self.path.push(field.member.clone());
            self.node(&field.node, expected.get(field.name()), live.get(field.name()));
            self.path.pop();
        }
    }

    fn elements(&mut self, tree: &Tree, expected: &[Value], live: &[Value]) {
        let before = self.found.len();
        for item in &tree.elements {
            self.path.push(item.member.clone());
            self.element(item, expected, live);
            self.path.pop();
        }
        if self.found.len() == before && order(tree, expected) != order(tree, live) {
            self.report(" (order)");
        }
    }

    fn element(&mut self, item: &Item, expected: &[Value], live: &[Value]) {
        let (expected, live) = (item.element.find_written(expected), item.element.find_written(live));
        if live.len() > expected.len() && !expected.is_empty() {
            return self.report(" (more than once)");
        }
        for place in 0..expected.len().max(live.len()) {
            self.node(&item.node, expected.get(place).copied(), live.get(place).copied());
        }
    }

    fn node(&mut self, node: &Node, expected: Option<&Value>, live: Option<&Value>) {
        match (node, expected, live) {
            (Node::Soft, ..) | (_, None, None) => {}
            (Node::Branch(tree), Some(expected), Some(live)) => self.branch(tree, expected, live),
            _ if expected != live => self.report(""),
            _ => {}
        }
    }

    fn report(&mut self, remark: &str) {
        if self.found.len() < self.max {
            self.found.push(format!("{}{remark}", path::render(&self.path)));
        }
    }
}

/// The owned elements' members in the order of a list.
fn order<'t>(tree: &'t Tree, list: &[Value]) -> Vec<&'t str> {
    let places = tree.elements.iter().filter_map(|item| {
        let first = item.element.find_written(list).first().copied()?;
        let place = list.iter().position(|value| std::ptr::eq(value, first))?;
        Some((place, item.member.as_str()))
    });
    let mut places: Vec<_> = places.collect();
    places.sort_unstable();
    places.into_iter().map(|(_, member)| member).collect()
}
