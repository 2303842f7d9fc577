//! How much one text may cost.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::tree::Position;

/// Upper bounds for one call; a text that passes one of them is refused with
/// [`ErrorKind::Limit`], which names the limit, its maximum and the value found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the whole text in bytes.
    pub bytes: usize,
    /// Levels of nested lists and mappings, after aliases are expanded.
    ///
    /// Reading uses the stack in proportion to this; up to 512 levels fit a 2 MiB stack in a debug
    /// build. `serde_json` by default re-reads only 128 levels of its own output.
    pub depth: usize,
    /// Nodes (scalars, lists, mappings, aliases) of the whole text, after aliases are expanded.
    pub nodes: usize,
    /// Bytes of scalar text that aliases copy, in the whole text.
    pub alias_bytes: usize,
    /// Documents of the text, empty ones not counted.
    pub documents: usize,
}

/// Which of the [`Limits`] was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::bytes`]
    Bytes,
    /// [`Limits::depth`]
    Depth,
    /// [`Limits::nodes`]
    Nodes,
    /// [`Limits::alias_bytes`]
    AliasBytes,
    /// [`Limits::documents`]
    Documents,
}

// === impl Limits ===

impl Limits {
    /// Refuses a `value` above the maximum of `limit`.
    pub(crate) fn check(&self, limit: Limit, value: usize, at: Position) -> Result<(), Error> {
        let maximum = match limit {
            Limit::Bytes => self.bytes,
            Limit::Depth => self.depth,
            Limit::Nodes => self.nodes,
            Limit::AliasBytes => self.alias_bytes,
            Limit::Documents => self.documents,
        };
        if value <= maximum { Ok(()) } else { Err(Error::new(at, ErrorKind::Limit { limit, value, maximum })) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 10 << 20, depth: 512, nodes: 2_000_000, alias_bytes: 32 << 20, documents: 20_000 }
    }
}

// === impl Limit ===

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "length in bytes",
            Self::Depth => "nesting depth",
            Self::Nodes => "number of nodes",
            Self::AliasBytes => "text copied by aliases, in bytes,",
            Self::Documents => "number of documents",
        })
    }
}
