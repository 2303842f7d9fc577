//! Which elements of a list a member of a field set means.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::ProjectionError;
use super::tree::Item;
use crate::manifest::canonical_bytes;

/// What names an element of a list in a field set.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Element {
    /// `k:`: the fields that key it, with the defaulted ones (rule 2).
    Key(Map<String, Value>),
    /// `v:`: a scalar.
    Scalar(Value),
    /// `i:`: its place.
    Index(usize),
}

type ByIdentity<'t> = BTreeMap<Vec<u8>, &'t Item>;

/// Finds the owned element that an element of a list is, without comparing it with each.
pub(super) struct Elements<'t> {
    by_place: BTreeMap<usize, &'t Item>,
    by_value: ByIdentity<'t>,
    /// Per set of key names, as good as always one.
    by_key: Vec<(Vec<&'t str>, ByIdentity<'t>)>,
}

// === impl Element ===

impl Element {
    /// Reads a member.
    pub(super) fn parse(member: &str) -> Result<Self, ProjectionError> {
        let bad = |wanted| ProjectionError::Member { member: member.to_owned(), wanted };
        let (prefix, rest) = member.split_at_checked(2).ok_or_else(|| bad("f:, k:, v:, i: or ."))?;
        match prefix {
            "k:" => serde_json::from_str(rest).map(Self::Key).map_err(|_| bad("a JSON object after k:")),
            "v:" => serde_json::from_str(rest).map(Self::Scalar).map_err(|_| bad("a JSON value after v:")),
            "i:" => rest.parse().map(Self::Index).map_err(|_| bad("a number after i:")),
            _ => Err(bad("f:, k:, v:, i: or .")),
        }
    }

    /// The elements of a list that someone wrote and no server defaulted: those with all the keys, else those without a contrary one.
    pub(super) fn find_written<'v>(&self, list: &'v [Value]) -> Vec<&'v Value> {
        match self {
            Self::Index(place) => list.get(*place).into_iter().collect(),
            Self::Scalar(value) => list.iter().filter(|item| same(item, value)).collect(),
            Self::Key(keys) => {
                let exact: Vec<_> = list.iter().filter(|item| agrees(item, keys, keys.len())).collect();
                if exact.is_empty() { list.iter().filter(|item| agrees(item, keys, 1)).collect() } else { exact }
            }
        }
    }
}

/// Whether an element has at least `least` of the keys, and none with another value.
fn agrees(item: &Value, keys: &Map<String, Value>, least: usize) -> bool {
    let absent = keys.keys().filter(|name| item.get(name.as_str()).is_none()).count();
    let contrary = |(name, want): (&String, &Value)| item.get(name).is_some_and(|have| !same(have, want));
    keys.len() - absent >= least && !keys.iter().any(contrary)
}

fn same(a: &Value, b: &Value) -> bool {
    a == b || identity(a) == identity(b)
}

/// Bytes that are equal for equal scalars, `1` and `1.0` being equal.
fn identity(value: &Value) -> Vec<u8> {
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < 9e15 => {
            canonical_bytes(&Value::from(number as i64))
        }
        _ => canonical_bytes(value),
    }
}

// === impl Elements ===

impl<'t> Elements<'t> {
    /// Of the owned elements of one list.
    pub(super) fn of(items: &'t [Item]) -> Self {
        let mut elements = Self { by_place: BTreeMap::new(), by_value: BTreeMap::new(), by_key: Vec::new() };
        for item in items {
            elements.add(item);
        }
        elements
    }

    /// The owned element that the list's element at `place` is. Several may be the same one (rule 3).
    pub(super) fn find(&self, place: usize, value: &Value) -> Option<&'t Item> {
        let keyed = || self.by_key.iter().find_map(|(names, items)| items.get(&key_identity(names, value)?).copied());
        let scalar = || (!self.by_value.is_empty()).then(|| self.by_value.get(&identity(value)).copied()).flatten();
        keyed().or_else(scalar).or_else(|| self.by_place.get(&place).copied())
    }

    fn add(&mut self, item: &'t Item) {
        match &item.element {
            Element::Index(place) => {
                self.by_place.insert(*place, item);
            }
            Element::Scalar(value) => {
                self.by_value.insert(identity(value), item);
            }
            Element::Key(keys) => self.add_keyed(item, keys),
        }
    }

    fn add_keyed(&mut self, item: &'t Item, keys: &'t Map<String, Value>) {
        let names: Vec<&str> = keys.keys().map(String::as_str).collect();
        let identity = keys.values().flat_map(terminated).collect();
        match self.by_key.iter_mut().find(|(have, _)| *have == names) {
            Some((_, items)) => {
                items.insert(identity, item);
            }
            None => self.by_key.push((names, BTreeMap::from([(identity, item)]))),
        }
    }
}

fn key_identity(names: &[&str], item: &Value) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(32);
    for name in names {
        bytes.extend(terminated(item.get(name)?));
    }
    Some(bytes)
}

fn terminated(value: &Value) -> Vec<u8> {
    let mut bytes = identity(value);
    bytes.push(b'\n');
    bytes
}
