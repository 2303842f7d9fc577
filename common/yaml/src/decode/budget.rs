//! What decoding one document may still cost.

use crate::error::{Error, ErrorKind};
use crate::limits::{Limit, Limits};
use crate::tree::Position;

/// What the documents of one text used together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) nodes: usize,
    pub(crate) alias_bytes: usize,
}

pub(super) struct Budget<'l> {
    limits: &'l Limits,
    spent: Spent,
    depth: usize,
    alias_depth: usize,
    /// Nodes of this document, and those of them that aliases copy: go-yaml's `decodeCount` and
    /// `aliasCount`.
    nodes: usize,
    alias_nodes: usize,
}

// === impl Budget ===

impl<'l> Budget<'l> {
    pub(super) fn new(limits: &'l Limits, spent: Spent) -> Self {
        // go-yaml counts the document itself as a node.
        Self { limits, spent, depth: 0, alias_depth: 0, nodes: 1, alias_nodes: 0 }
    }

    pub(super) fn spent(&self) -> Spent {
        self.spent
    }

    pub(super) fn count_node(&mut self, at: Position) -> Result<(), Error> {
        self.nodes += 1;
        self.spent.nodes += 1;
        if self.alias_depth > 0 {
            self.alias_nodes += 1;
        }
        if self.is_mostly_aliases() {
            return Err(Error::new(at, ErrorKind::ExcessiveAliases));
        }
        self.limits.check(Limit::Nodes, self.spent.nodes, at)
    }

    /// Text is shared in the tree but copied into the value, so an alias of a long text is the
    /// cheapest way to ask for much memory.
    pub(super) fn count_text(&mut self, bytes: usize, at: Position) -> Result<(), Error> {
        if self.alias_depth > 0 {
            self.spent.alias_bytes += bytes;
        }
        self.limits.check(Limit::AliasBytes, self.spent.alias_bytes, at)
    }

    pub(super) fn descend(&mut self, at: Position) -> Result<(), Error> {
        self.depth += 1;
        self.limits.check(Limit::Depth, self.depth, at)
    }

    pub(super) fn ascend(&mut self) {
        self.depth -= 1;
    }

    pub(super) fn enter_alias(&mut self) {
        self.alias_depth += 1;
    }

    pub(super) fn leave_alias(&mut self) {
        self.alias_depth -= 1;
    }

    fn is_mostly_aliases(&self) -> bool {
        self.alias_nodes > 100
            && self.nodes > 1000
            && self.alias_nodes as f64 / self.nodes as f64 > allowed_alias_ratio(self.nodes)
    }
}

/// go-yaml's numbers: 99 % of a small document may come from aliases, 10 % of a very large one.
fn allowed_alias_ratio(nodes: usize) -> f64 {
    const LOW: usize = 400_000;
    const HIGH: usize = 4_000_000;
    match nodes {
        ..=LOW => 0.99,
        HIGH.. => 0.10,
        _ => 0.99 - 0.89 * ((nodes - LOW) as f64 / (HIGH - LOW) as f64),
    }
}
