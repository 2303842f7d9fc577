//! Mappings: keys, duplicates, merges.

use std::collections::HashSet;

use serde_json::map::Entry;
use serde_json::{Map, Value};

use super::Decoder;
use crate::error::{Error, ErrorKind};
use crate::tree::{Content, NodeId, Position};

type Object = Map<String, Value>;

/// Keys written in the mapping itself; needed only when merges also write into its object.
type OwnKeys = Option<HashSet<String>>;

// === impl Decoder ===

impl<'t> Decoder<'_, 't, '_> {
    pub(super) fn mapping(&mut self, entries: &'t [NodeId], at: Position) -> Result<Value, Error> {
        self.budget.descend(at)?;
        let mut object = Object::new();
        let merges = entries.iter().step_by(2).any(|&key| self.is_merge(key));
        self.fill(&mut object, entries, merges.then(HashSet::new))?;
        self.budget.ascend();
        Ok(Value::Object(object))
    }

    /// Writes the entries into the object, in their order: a merge overwrites what stands before it.
    fn fill(&mut self, object: &mut Object, entries: &'t [NodeId], mut own: OwnKeys) -> Result<(), Error> {
        for pair in entries.chunks_exact(2) {
            let [key_id, value_id] = [pair[0], pair[1]];
            if self.is_merge(key_id) {
                self.merge(object, value_id)?;
                continue;
            }
            let key = self.key(key_id)?;
            let known = self.duplicates.len();
            let value = self.value(value_id)?;
            self.extend_paths(known, || key.clone());
            self.insert(object, key, value, &mut own, key_id);
        }
        Ok(())
    }

    fn insert(&mut self, object: &mut Object, key: String, value: Value, own: &mut OwnKeys, key_id: NodeId) {
        let is_new_own = own.as_mut().map(|own| own.insert(key.clone()));
        match object.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
            Entry::Occupied(mut entry) => {
                if is_new_own != Some(true) {
                    let known = self.duplicates.len();
                    self.report_duplicate(self.tree.node(key_id).at);
                    self.extend_paths(known, || entry.key().clone());
                }
                entry.insert(value);
            }
        }
    }

    fn key(&mut self, id: NodeId) -> Result<String, Error> {
        let node = self.tree.node(id);
        self.budget.count_node(node.at)?;
        let refused = |what| Error::new(node.at, ErrorKind::Key(what));
        match &node.content {
            Content::Scalar(raw) => self.scalar(raw, node.at)?.into_key().map_err(refused),
            Content::Sequence(_) => Err(refused("a list")),
            Content::Mapping(_) => Err(refused("a mapping")),
            Content::Alias(target) => self.expand(*target, node.at, |decoder| decoder.key(*target)),
        }
    }

    fn is_merge(&self, key: NodeId) -> bool {
        matches!(&self.tree.node(key).content, Content::Scalar(raw) if raw.is_merge())
    }

    fn merge(&mut self, object: &mut Object, id: NodeId) -> Result<(), Error> {
        match &self.tree.node(id).content {
            // The earlier of two merged mappings wins, so it is written last.
            Content::Sequence(items) => items.iter().rev().try_for_each(|&item| self.merge_mapping(object, item)),
            _ => self.merge_mapping(object, id),
        }
    }

    fn merge_mapping(&mut self, object: &mut Object, id: NodeId) -> Result<(), Error> {
        let tree = self.tree;
        let node = tree.node(id);
        let refused = || Error::new(node.at, ErrorKind::Merge);
        match &node.content {
            Content::Mapping(entries) => self.merge_entries(object, entries, node.at),
            Content::Alias(target) => {
                let Content::Mapping(entries) = &tree.node(*target).content else { return Err(refused()) };
                self.budget.count_node(node.at)?;
                self.expand(*target, node.at, |decoder| decoder.merge_entries(object, entries, node.at))
            }
            Content::Scalar(_) | Content::Sequence(_) => Err(refused()),
        }
    }

    fn merge_entries(&mut self, object: &mut Object, entries: &'t [NodeId], at: Position) -> Result<(), Error> {
        self.budget.count_node(at)?;
        self.budget.descend(at)?;
        self.fill(object, entries, Some(HashSet::new()))?;
        self.budget.ascend();
        Ok(())
    }
}
