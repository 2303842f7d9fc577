//! Whose fields a forced apply took.

use std::collections::BTreeSet;

use serde_json::Value;

use super::entry::{entries, is_apply_of, text};
use super::tree::{Node, Tree};
use super::{MANAGER, entry, path};

/// A field that another manager owned before our apply, and that only we own after it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TakenField {
    /// Whose it was.
    pub manager: String,
    /// Its path, as people write it.
    pub path: String,
}

type Path = Vec<String>;
type Owner<'a> = (&'a str, &'a str, &'a str);

/// The fields that our apply took from others: in an entry of theirs in the object `before`, gone from it in the response `after`, and ours
/// there. A field with our value stays shared and is not taken. Best effort: `before` is the last object we saw, so a write between it and
/// the apply is not told apart from ours, and an entry that cannot be parsed is passed over.
pub fn taken_from(before: &Value, after: &Value) -> Vec<TakenField> {
    let Some(ours) = entry(after, MANAGER).and_then(|entry| Tree::parse(entry.fields).ok()) else { return Vec::new() };
    let left: BTreeSet<(Owner<'_>, Path)> = owned_by_others(after).collect();
    let lost = owned_by_others(before).filter(|field| !left.contains(field));
    let taken = lost.filter(|(_, path)| covers(&ours, path));
    let fields: BTreeSet<TakenField> = taken
        .map(|((manager, ..), path)| TakenField { manager: manager.to_owned(), path: path::render(&path) })
        .collect();
    fields.into_iter().collect()
}

fn owned_by_others(object: &Value) -> impl Iterator<Item = (Owner<'_>, Path)> {
    entries(object).filter(|entry| !is_apply_of(entry, MANAGER)).flat_map(|entry| {
        let owner = (text(entry, "manager"), text(entry, "operation"), text(entry, "subresource"));
        let tree = entry.get("fieldsV1").and_then(|fields| Tree::parse(fields).ok()).unwrap_or_default();
        leaves(&tree).into_iter().map(move |path| (owner, path))
    })
}

fn leaves(tree: &Tree) -> Vec<Path> {
    let mut all = Vec::new();
    for (member, node) in tree.children() {
        let below = match node {
            Node::Branch(tree) => leaves(tree),
            _ => vec![Vec::new()],
        };
        all.extend(below.into_iter().map(|rest| [vec![member.to_owned()], rest].concat()));
    }
    all
}

/// Whether a set owns the path, something above it as a whole, or something below it.
fn covers(tree: &Tree, path: &[String]) -> bool {
    let Some((member, rest)) = path.split_first() else { return true };
    match tree.child(member) {
        Some(Node::Branch(below)) => covers(below, rest),
        Some(_) => true,
        None => false,
    }
}
