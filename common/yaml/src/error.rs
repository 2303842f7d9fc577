//! Why a text is refused, and where.

use crate::limits::Limit;
use crate::tree::Position;

/// A refused text. The position counts from the start of the whole text, not of the document.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct Error {
    /// Line, the first is 1.
    pub line: usize,
    /// Column in characters, the first is 1.
    pub column: usize,
    /// What is wrong.
    pub kind: ErrorKind,
}

/// What is wrong with a text.
///
/// None of these goes away by trying again: the text has to change (or, for
/// [`ErrorKind::Limit`], the limits).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Not well-formed YAML.
    #[error("{0}")]
    Syntax(String),
    /// Not well-formed JSON, in a text that began as a stream of JSON objects.
    #[error("invalid JSON: {0}")]
    Json(String),
    /// A line starts with `---` and goes on with something other than a comment.
    #[error("only a comment may follow a document separator, found `{0}`")]
    Separator(String),
    /// A control character that YAML does not allow.
    #[error("control character U+{:04X} is not allowed", u32::from(*.0))]
    ControlCharacter(char),
    /// One of the [`Limits`](crate::Limits) is passed.
    #[error("{limit} is {value}, the limit is {maximum}")]
    Limit {
        /// The limit.
        limit: Limit,
        /// The value found; counting stops here, the whole text may hold more.
        value: usize,
        /// The most that is allowed.
        maximum: usize,
    },
    /// A null, a list, a mapping or an integer above `i64::MAX` as a key.
    #[error("{0} cannot be a key")]
    Key(&'static str),
    /// `.inf` or `.nan`, for which JSON has no number.
    #[error("`{0}` has no JSON number")]
    NotFinite(String),
    /// The text does not fit its explicit tag, as in `!!int abc`.
    #[error("`{value}` is not a {tag}")]
    Tag {
        /// The tag in short form, as `!!int`.
        tag: &'static str,
        /// The scalar's text.
        value: String,
    },
    /// `<<` with something other than a mapping or a list of mappings.
    #[error("a merge needs a mapping or a list of mappings")]
    Merge,
    /// An alias stands inside the node it refers to.
    #[error("an alias refers to a node that contains it")]
    RecursiveAlias,
    /// Nearly all of the document is alias expansion; Go refuses that too.
    #[error("the document consists almost only of repeated aliases")]
    ExcessiveAliases,
    /// A key stands twice in one mapping; only from [`documents_strict`](crate::documents_strict).
    #[error("duplicate key `{path}`")]
    DuplicateKey {
        /// The key's path in the document, as `spec.ports[0].name`.
        path: String,
    },
}

// === impl Error ===

impl Error {
    pub(crate) fn new(at: Position, kind: ErrorKind) -> Self {
        Self { line: at.line, column: at.column, kind }
    }
}
