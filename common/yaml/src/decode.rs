//! [`Tree`] -> `serde_json::Value`, node by node as go-yaml v2 decodes into an empty interface.

mod budget;
mod mapping;

use serde_json::Value;

use crate::decode::budget::Budget;
use crate::document::Duplicate;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::scalar::Scalar;
use crate::tree::{Content, NodeId, Position, RawScalar, Tree};

pub(crate) use crate::decode::budget::Spent;

pub(crate) struct Decoder<'a, 't, 'l> {
    tree: &'t Tree<'a>,
    budget: Budget<'l>,
    /// Targets of the aliases that are being expanded.
    expanding: Vec<NodeId>,
    duplicates: Vec<Found>,
}

/// A duplicate key whose path is still being put together, from the key outwards.
struct Found {
    at: Position,
    reversed_path: Vec<String>,
}

/// More than these tell a reader nothing new, and their paths cost memory.
const MAX_DUPLICATES: usize = 100;

// === impl Decoder ===

impl<'a, 't, 'l> Decoder<'a, 't, 'l> {
    /// `spent` is what earlier documents of the text used.
    pub(crate) fn new(tree: &'t Tree<'a>, limits: &'l Limits, spent: Spent) -> Self {
        Self { tree, budget: Budget::new(limits, spent), expanding: Vec::new(), duplicates: Vec::new() }
    }

    /// What the documents up to this one used, and the duplicate keys of this one.
    pub(crate) fn finish(self) -> (Spent, Vec<Duplicate>) {
        (self.budget.spent(), self.duplicates.into_iter().map(Found::into_duplicate).collect())
    }

    pub(crate) fn value(&mut self, id: NodeId) -> Result<Value, Error> {
        let tree = self.tree;
        let node = tree.node(id);
        self.budget.count_node(node.at)?;
        match &node.content {
            Content::Scalar(raw) => self.scalar(raw, node.at)?.into_value().ok_or_else(|| not_finite(raw, node.at)),
            Content::Sequence(items) => self.sequence(items, node.at),
            Content::Mapping(entries) => self.mapping(entries, node.at),
            Content::Alias(target) => self.expand(*target, node.at, |decoder| decoder.value(*target)),
        }
    }

    fn scalar(&mut self, raw: &'t RawScalar<'a>, at: Position) -> Result<Scalar<'t>, Error> {
        self.budget.count_text(raw.text.len(), at)?;
        Scalar::resolve(raw).map_err(|kind| Error::new(at, kind))
    }

    fn sequence(&mut self, items: &'t [NodeId], at: Position) -> Result<Value, Error> {
        self.budget.descend(at)?;
        let mut values = Vec::with_capacity(items.len());
        for (index, &item) in items.iter().enumerate() {
            let known = self.duplicates.len();
            values.push(self.value(item)?);
            self.extend_paths(known, || format!("[{index}]"));
        }
        self.budget.ascend();
        Ok(Value::Array(values))
    }

    /// Runs `decode` on an alias' target, unless that is being expanded already.
    fn expand<T>(
        &mut self,
        target: NodeId,
        at: Position,
        decode: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.expanding.contains(&target) {
            return Err(Error::new(at, ErrorKind::RecursiveAlias));
        }
        self.expanding.push(target);
        self.budget.enter_alias();
        let decoded = decode(self)?;
        self.budget.leave_alias();
        self.expanding.pop();
        Ok(decoded)
    }

    /// What an alias copies was reported where it is written.
    fn report_duplicate(&mut self, at: Position) {
        if self.expanding.is_empty() && self.duplicates.len() < MAX_DUPLICATES {
            self.duplicates.push(Found { at, reversed_path: Vec::new() });
        }
    }

    /// Prepends a step to the path of each duplicate found since there were `known`.
    fn extend_paths(&mut self, known: usize, step: impl Fn() -> String) {
        for found in &mut self.duplicates[known..] {
            found.reversed_path.push(step());
        }
    }
}

fn not_finite(raw: &RawScalar<'_>, at: Position) -> Error {
    Error::new(at, ErrorKind::NotFinite(raw.text.clone().into_owned()))
}

// === impl Found ===

impl Found {
    fn into_duplicate(self) -> Duplicate {
        let mut path = String::new();
        for step in self.reversed_path.iter().rev() {
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
        }
        Duplicate { path, line: self.at.line, column: self.at.column }
    }
}
