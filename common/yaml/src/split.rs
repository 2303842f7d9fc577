//! Text -> chunks of one document each, as apimachinery's `YAMLOrJSONDecoder` cuts it.

mod json;

use std::borrow::Cow;

use granit_parser::Marker;

use crate::error::{Error, ErrorKind};
use crate::tree::Position;

/// A part of the text that holds at most one document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) text: &'a str,
    /// Where the chunk starts in the whole text.
    pub(crate) start: Position,
}

/// Cuts at lines that start with `---`: apimachinery's `YAMLReader`.
struct YamlChunks<'a> {
    rest: Chunk<'a>,
}

const SEPARATOR: &str = "---";

/// Go's line reader turns `\r\n` into `\n` and ends the last line; nothing moves to another line.
pub(crate) fn normalized(text: &str) -> Cow<'_, str> {
    let ended = text.is_empty() || text.ends_with('\n');
    if ended && !text.contains("\r\n") {
        return Cow::Borrowed(text);
    }
    let mut normalized = text.replace("\r\n", "\n");
    if !ended {
        normalized.push('\n');
    }
    // A carriage return before the line end just added is a part of it.
    Cow::Owned(normalized)
}

/// A text whose first character is `{` may be a stream of JSON objects that nothing separates; Go
/// reads it as such for as long as it can, the rest is YAML.
pub(crate) fn chunks(text: &str) -> impl Iterator<Item = Result<Chunk<'_>, Error>> {
    let (objects, rest) = json::objects(text);
    let (yaml, error) = match rest {
        Ok(chunk) => (chunk.map(|chunk| YamlChunks { rest: chunk }), None),
        Err(error) => (None, Some(Err(error))),
    };
    objects.into_iter().map(Ok).chain(yaml.into_iter().flatten()).chain(error)
}

// === impl Chunk ===

impl<'a> Chunk<'a> {
    /// The first `length` bytes, and the rest.
    fn split(self, length: usize) -> (Self, Self) {
        let (text, rest) = self.text.split_at(length);
        (Self { text, ..self }, Self { text: rest, start: self.position_at(length) })
    }

    /// The place of a parser's marker in the whole text.
    pub(crate) fn position(&self, marker: &Marker) -> Position {
        let shift = if marker.line() == 1 { self.start.column } else { 1 };
        Position { line: self.start.line + marker.line().saturating_sub(1), column: marker.col() + shift }
    }

    /// YAML 1.1 allows fewer characters than the parser, which knows 1.2.
    pub(crate) fn check_characters(&self) -> Result<(), Error> {
        match self.text.char_indices().find(|&(_, c)| !is_allowed(c)) {
            Some((offset, c)) => Err(Error::new(self.position_at(offset), ErrorKind::ControlCharacter(c))),
            None => Ok(()),
        }
    }

    /// The place in the whole text of a byte offset in the chunk.
    fn position_at(&self, offset: usize) -> Position {
        let before = &self.text[..offset];
        match before.rfind('\n') {
            None => Position { column: self.start.column + before.chars().count(), ..self.start },
            Some(end) => {
                let line = self.start.line + before.matches('\n').count();
                Position { line, column: before[end + 1..].chars().count() + 1 }
            }
        }
    }
}

fn is_allowed(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' => true,
        '\0'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
    }
}

// === impl YamlChunks ===

impl YamlChunks<'_> {
    /// The length of the lines before the next separator, and of the separator's line.
    ///
    /// A separator that is the first line of a chunk belongs to the chunk.
    fn next_separator(&self) -> Result<(usize, usize), Error> {
        let mut length = 0;
        for (index, line) in self.rest.text.split_inclusive('\n').enumerate() {
            if let Some(after) = line.strip_prefix(SEPARATOR) {
                self.check_separator(index, after)?;
                if length > 0 {
                    return Ok((length, line.len()));
                }
            }
            length += line.len();
        }
        Ok((length, 0))
    }

    fn check_separator(&self, index: usize, after: &str) -> Result<(), Error> {
        let after = after.trim();
        if after.is_empty() || after.starts_with('#') {
            return Ok(());
        }
        let start = self.rest.start;
        let at = Position { line: start.line + index, column: if index == 0 { start.column } else { 1 } };
        Err(Error::new(at, ErrorKind::Separator(after.chars().take(40).collect())))
    }
}

impl<'a> Iterator for YamlChunks<'a> {
    type Item = Result<Chunk<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.text.is_empty() {
            return None;
        }
        match self.next_separator() {
            Ok((length, separator)) => {
                let (chunk, rest) = self.rest.split(length);
                self.rest = rest.split(separator).1;
                Some(Ok(chunk))
            }
            Err(error) => {
                self.rest.text = "";
                Some(Err(error))
            }
        }
    }
}
