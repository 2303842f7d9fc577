//! The nodes of one document, as written: nothing resolved, aliases still aliases.
//!
//! Decoding straight from parser events would have to copy every anchored value; the tree keeps one
//! copy and knows, for a merge, whether it names a mapping or an alias of one.

use std::borrow::Cow;

use crate::scalar::Tag;

/// A place in the whole text; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Index of a node in its [`Tree`].
pub(crate) type NodeId = usize;

#[derive(Debug)]
pub(crate) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
}

#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) at: Position,
    pub(crate) content: Content<'a>,
}

#[derive(Debug)]
pub(crate) enum Content<'a> {
    Scalar(RawScalar<'a>),
    Sequence(Vec<NodeId>),
    /// Keys and values in turn.
    Mapping(Vec<NodeId>),
    Alias(NodeId),
}

#[derive(Debug)]
pub(crate) struct RawScalar<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) plain: bool,
    pub(crate) tag: Tag,
}

// === impl Position ===

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

// === impl Tree ===

impl<'a> Tree<'a> {
    pub(crate) const ROOT: NodeId = 0;

    pub(crate) fn new() -> Self {
        Self { nodes: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id]
    }

    pub(crate) fn push(&mut self, at: Position, content: Content<'a>) -> NodeId {
        self.nodes.push(Node { at, content });
        self.nodes.len() - 1
    }

    /// Appends a child to a list or mapping; other nodes have none.
    pub(crate) fn adopt(&mut self, parent: NodeId, child: NodeId) {
        match &mut self.nodes[parent].content {
            Content::Sequence(children) | Content::Mapping(children) => children.push(child),
            Content::Scalar(_) | Content::Alias(_) => {}
        }
    }
}

// === impl RawScalar ===

impl RawScalar<'_> {
    /// Whether this scalar, as a key, is the merge key.
    pub(crate) fn is_merge(&self) -> bool {
        let untagged = self.plain && self.tag == Tag::None;
        self.text == "<<" && (untagged || matches!(self.tag, Tag::NonSpecific | Tag::Merge))
    }
}
