//! Globs in the dialects of Argo CD's fields, each read into a regular expression.

mod gobwas;
mod path_match;

use regex::{Regex, RegexBuilder};

/// Most bytes of a pattern.
pub const MAX_PATTERN: usize = 1024;

/// Most bytes of a compiled pattern; no pattern of [`MAX_PATTERN`] bytes that people write comes near it.
const MAX_COMPILED: usize = 4 << 20;

/// A glob, ready to match. Matching takes time linear in the text, whatever the pattern.
#[derive(Debug, Clone)]
pub struct Glob {
    pattern: String,
    regex: Regex,
}

/// Why a text is no glob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGlob {
    /// Longer than [`MAX_PATTERN`].
    #[error("the glob has {0} bytes; the limit is {MAX_PATTERN}")]
    TooLong(usize),
    /// Its compiled form is too large, or nested too deeply.
    #[error("the glob {0:?} is too complex; use fewer and flatter alternatives")]
    TooComplex(String),
    /// Not of the dialect.
    #[error("the glob {pattern:?} is malformed: {problem}")]
    Malformed {
        /// As given.
        pattern: String,
        /// What is wrong, and what would be right.
        problem: &'static str,
    },
}

// === impl Glob ===

impl Glob {
    /// A glob as `github.com/gobwas/glob` reads it, Argo CD's most frequent dialect.
    ///
    /// `*` is any text, without the separator if there is one; `**` any text; `?` one character, not the separator; `[abc]`, `[a-z]`, `[!a]`,
    /// `[!a-z]` one character; `{a,b*}` alternatives, nestable; `\` takes the next character literally.
    ///
    /// Argo CD gives no separator for files (`directory.include`), names and RBAC, and `/` for the repositories of a project.
    pub fn gobwas(pattern: &str, separator: Option<char>) -> Result<Self, InvalidGlob> {
        Self::compile(pattern, |pattern| gobwas::expression(pattern, separator))
    }

    /// A glob as Go's `path.Match` reads it: `*` and `?` never take a `/`; `[a-z]` and `[^a-z]`; no alternatives, no `**`.
    pub fn path(pattern: &str) -> Result<Self, InvalidGlob> {
        Self::compile(pattern, path_match::expression)
    }

    /// Whether the whole text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The pattern as given.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    fn compile(
        pattern: &str,
        expression: impl FnOnce(&str) -> Result<String, &'static str>,
    ) -> Result<Self, InvalidGlob> {
        if pattern.len() > MAX_PATTERN {
            return Err(InvalidGlob::TooLong(pattern.len()));
        }
        let expression =
            expression(pattern).map_err(|problem| InvalidGlob::Malformed { pattern: pattern.to_owned(), problem })?;
        let regex = RegexBuilder::new(&format!("^(?:{expression})$"))
            .dot_matches_new_line(true)
            .size_limit(MAX_COMPILED)
            .build()
            .map_err(|_| InvalidGlob::TooComplex(pattern.to_owned()))?;
        Ok(Self { pattern: pattern.to_owned(), regex })
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

impl Eq for Glob {}

/// Appends a character that stands for itself.
fn literal(out: &mut String, c: char) {
    let mut buffer = [0; 4];
    out.push_str(&regex::escape(c.encode_utf8(&mut buffer)));
}

/// Appends an item of a character class: every character by its code, so that none has a meaning.
fn class_item(out: &mut String, low: char, high: char) {
    use std::fmt::Write as _;
    // Writing to a String cannot fail.
    let _ = write!(out, "\\u{{{:x}}}-\\u{{{:x}}}", low as u32, high as u32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_crosses_the_separator_only_where_there_is_none() {
        for (separator, crosses) in [(None, true), (Some('/'), false)] {
            let glob = Glob::gobwas("apps/*.yaml", separator).expect("a glob");
            assert!(glob.is_match("apps/a.yaml"));
            assert_eq!(glob.is_match("apps/a/b.yaml"), crosses);
            assert!(Glob::gobwas("apps/**.yaml", separator).expect("a glob").is_match("apps/a/b.yaml"));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = "x".repeat(MAX_PATTERN + 1);
        assert_eq!(Glob::gobwas(&long, None), Err(InvalidGlob::TooLong(MAX_PATTERN + 1)));
        let deep = "{".repeat(MAX_PATTERN);
        assert!(matches!(Glob::gobwas(&deep, None), Err(InvalidGlob::TooComplex(_))));
        let error = Glob::gobwas("[z-a]", None).expect_err("malformed").to_string();
        assert!(error.contains(r#""[z-a]" is malformed: "#), "{error}");
        assert!(matches!(Glob::path("[a"), Err(InvalidGlob::Malformed { .. })));
    }
}
