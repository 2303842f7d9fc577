//! A parsed field set, walked along with an object.

use serde_json::Value;

use super::ProjectionError;
use super::element::Element;

/// What is owned below one value. The default owns nothing.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Owned fields of an object.
    pub(super) fields: Vec<Field>,
    /// Owned elements of a list.
    pub(super) elements: Vec<Item>,
}

/// An owned field.
#[derive(Debug)]
pub(super) struct Field {
    /// `f:` and the name.
    pub(super) member: String,
    pub(super) node: Node,
}

/// An owned element of a list.
#[derive(Debug)]
pub(super) struct Item {
    /// As written in the set.
    pub(super) member: String,
    pub(super) element: Element,
    pub(super) node: Node,
}

/// How much of a value is owned.
#[derive(Debug)]
pub(super) enum Node {
    /// All of it, whatever it is (rule 5).
    Leaf,
    /// A leaf whose manifest value says nothing of what it should be: judged apart (rule 6).
    Soft,
    /// Some of its fields or elements.
    Branch(Tree),
}

// === impl Tree ===

impl Tree {
    /// Parses a `fieldsV1`.
    pub(super) fn parse(fields_v1: &Value) -> Result<Self, ProjectionError> {
        let members = fields_v1
            .as_object()
            .ok_or_else(|| ProjectionError::Member { member: fields_v1.to_string(), wanted: "an object of members" })?;
        let mut tree = Self::default();
        for (member, below) in members {
            tree.add(member, below)?;
        }
        tree.fields.sort_unstable_by(|a, b| a.member.cmp(&b.member));
        tree.elements.sort_unstable_by(|a, b| a.member.cmp(&b.member));
        Ok(tree)
    }

    /// Rule 2: the name is everything after the prefix; `.` says that the value exists, which its being projected says too.
    fn add(&mut self, member: &str, below: &Value) -> Result<(), ProjectionError> {
        if member == "." {
            return Ok(());
        }
        let node = Node::of(Self::parse(below)?);
        if member.starts_with("f:") {
            self.fields.push(Field { member: member.to_owned(), node });
        } else {
            self.elements.push(Item { member: member.to_owned(), element: Element::parse(member)?, node });
        }
        Ok(())
    }

    /// Makes the leaf at a path soft; a path that is no leaf's is ignored.
    pub(super) fn soften(&mut self, path: &[String]) {
        let Some((member, rest)) = path.split_first() else { return };
        match self.child_mut(member) {
            Some(Node::Branch(tree)) => tree.soften(rest),
            Some(node) if rest.is_empty() => *node = Node::Soft,
            _ => {}
        }
    }

    /// What is owned at a member.
    pub(super) fn child(&self, member: &str) -> Option<&Node> {
        let field = self.fields.iter().find(|field| field.member == member).map(|field| &field.node);
        field.or_else(|| self.elements.iter().find(|item| item.member == member).map(|item| &item.node))
    }

    fn child_mut(&mut self, member: &str) -> Option<&mut Node> {
        let field = self.fields.iter_mut().find(|field| field.member == member).map(|field| &mut field.node);
        field.or_else(|| self.elements.iter_mut().find(|item| item.member == member).map(|item| &mut item.node))
    }

    /// The `fieldsV1` that it was parsed from, without `.`.
    pub(super) fn to_value(&self) -> Value {
        let below = |node: &Node| match node {
            Node::Branch(tree) => tree.to_value(),
            Node::Leaf | Node::Soft => Value::Object(serde_json::Map::new()),
        };
        self.children().map(|(member, node)| (member.to_owned(), below(node))).collect()
    }

    /// Every member with what is owned below it, fields first.
    pub(super) fn children(&self) -> impl Iterator<Item = (&str, &Node)> {
        let fields = self.fields.iter().map(|field| (field.member.as_str(), &field.node));
        fields.chain(self.elements.iter().map(|item| (item.member.as_str(), &item.node)))
    }
}

// === impl Node ===

impl Node {
    fn of(tree: Tree) -> Self {
        if tree.fields.is_empty() && tree.elements.is_empty() { Self::Leaf } else { Self::Branch(tree) }
    }
}

// === impl Field ===

impl Field {
    /// The field's name in the object.
    pub(super) fn name(&self) -> &str {
        &self.member[2..]
    }
}
