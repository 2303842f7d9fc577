//! Streams of JSON objects: `{...}{...}` without a separator.

use serde::de::IgnoredAny;
use serde_json::Deserializer;

use super::Chunk;
use crate::error::{Error, ErrorKind};
use crate::tree::Position;

/// What follows the JSON values: nothing, a chunk that is to be read as YAML, or an error.
type Rest<'a> = Result<Option<Chunk<'a>>, Error>;

/// The JSON values at the start of a text that begins with `{`.
///
/// After two values the text is a JSON stream for good, and what does not parse is an error;
/// before, it may be YAML in flow style, or one JSON object and then YAML documents.
pub(super) fn objects(text: &str) -> (Vec<Chunk<'_>>, Rest<'_>) {
    let mut cursor = Chunk { text, start: Position::START };
    let mut found = Vec::new();
    if !text.trim_start().starts_with('{') {
        return (found, Ok(Some(cursor)));
    }
    let mut values = Deserializer::from_str(text).into_iter::<IgnoredAny>();
    while let Some(value) = values.next() {
        if let Err(error) = value {
            let rest = if found.len() > 1 { Err(invalid(&error)) } else { Ok(Some(skip_first_line_end(cursor))) };
            return (found, rest);
        }
        let (object, rest) = cursor.split(values.byte_offset() - (text.len() - cursor.text.len()));
        let blank = object.text.len() - object.text.trim_start().len();
        found.push(object.split(blank).1);
        cursor = rest;
    }
    (found, Ok(None))
}

fn invalid(error: &serde_json::Error) -> Error {
    let at = Position { line: error.line().max(1), column: error.column().max(1) };
    Error::new(at, ErrorKind::Json(error.to_string()))
}

/// Go drops white space up to and with the first line end when it turns from JSON to YAML.
fn skip_first_line_end(chunk: Chunk<'_>) -> Chunk<'_> {
    let blank = chunk.text.len() - chunk.text.trim_start().len();
    let end = chunk.text[..blank].find('\n').map_or(blank, |line_end| line_end + 1);
    chunk.split(end).1
}
