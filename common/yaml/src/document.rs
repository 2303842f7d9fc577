//! The documents of a text.

use serde_json::Value;

use crate::compose::compose;
use crate::decode::{Decoder, Spent};
use crate::error::{Error, ErrorKind};
use crate::limits::{Limit, Limits};
use crate::split::{self, Chunk};
use crate::tree::{Position, Tree};

/// One document of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The document as JSON; never null, as empty documents are left out.
    pub value: Value,
    /// Line of the text (the first is 1) where the document's content starts.
    pub line: usize,
    /// Keys that stand more than once in one mapping, in the order of the text; the first 100.
    ///
    /// The value holds the last of them. A merged key (`<<`) that a local one replaces, or the
    /// other way round, is no duplicate: that is what a merge is for.
    pub duplicates: Vec<Duplicate>,
}

/// A second (or later) occurrence of a key in one mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The key's path in the document, as `spec.ports[0].name`.
    pub path: String,
    /// Line of the text, the first is 1.
    pub line: usize,
    /// Column in characters, the first is 1.
    pub column: usize,
}

/// Reads all documents of a text; empty ones (nothing, comments, or null) are left out.
///
/// Equal to Go's `sigs.k8s.io/yaml` after apimachinery's split; see the crate's documentation for
/// the known differences. Integers are exact from `i64::MIN` to `u64::MAX`; a float with an
/// integral value prints and reads as that integer, as Go prints it.
///
/// # Errors
/// The first problem in the text, or the first of the `limits` that the text passes. No document
/// is returned then, also none that precedes the problem.
pub fn documents(text: &str, limits: &Limits) -> Result<Vec<Document>, Error> {
    limits.check(Limit::Bytes, text.len(), Position::START)?;
    let text = split::normalized(text);
    let mut reader = Reader { limits, spent: Spent::default(), documents: Vec::new() };
    for chunk in split::chunks(&text) {
        reader.read(&chunk?)?;
    }
    Ok(reader.documents)
}

/// As [`documents`], but a duplicate key is an error ([`ErrorKind::DuplicateKey`]).
///
/// # Errors
/// As [`documents`]; other problems of the text come first.
pub fn documents_strict(text: &str, limits: &Limits) -> Result<Vec<Document>, Error> {
    let documents = documents(text, limits)?;
    match documents.iter().find_map(|document| document.duplicates.first()) {
        Some(Duplicate { path, line, column }) => {
            let kind = ErrorKind::DuplicateKey { path: path.clone() };
            Err(Error { line: *line, column: *column, kind })
        }
        None => Ok(documents),
    }
}

/// What the limits of the whole text have to count from document to document.
struct Reader<'l> {
    limits: &'l Limits,
    spent: Spent,
    documents: Vec<Document>,
}

// === impl Reader ===

impl Reader<'_> {
    fn read(&mut self, chunk: &Chunk<'_>) -> Result<(), Error> {
        chunk.check_characters()?;
        let Some(tree) = compose(chunk, self.spent.nodes, self.limits)? else { return Ok(()) };
        let mut decoder = Decoder::new(&tree, self.limits, self.spent);
        let value = decoder.value(Tree::ROOT)?;
        let (spent, duplicates) = decoder.finish();
        self.spent = spent;
        if value.is_null() { Ok(()) } else { self.keep(value, duplicates, tree.node(Tree::ROOT).at) }
    }

    fn keep(&mut self, value: Value, duplicates: Vec<Duplicate>, at: Position) -> Result<(), Error> {
        self.limits.check(Limit::Documents, self.documents.len() + 1, at)?;
        self.documents.push(Document { value, line: at.line, duplicates });
        Ok(())
    }
}
