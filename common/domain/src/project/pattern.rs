//! Patterns of a project, ready to match. Nearly all of them are `*`, a plain text or `text*`, which need no expression: a fence is made for every target.

use serde::{Deserialize, Serialize};
use windlass_query::{Glob, InvalidGlob, MAX_PATTERN};

/// A glob of names and addresses: Argo CD's `gobwas` dialect without a separator, so that `*` crosses everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern(Matcher);

/// A glob of groups, kinds and names of objects: Go's `path.Match`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KindPattern(Matcher);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Matcher {
    Any,
    Exactly(String),
    /// As written, with the star at its end; whether the star takes a slash.
    Beginning(String, bool),
    Glob(Glob),
}

// === impl Matcher ===

impl Matcher {
    /// `crosses`: whether the dialect's star takes a slash.
    fn new(
        pattern: &str,
        crosses: bool,
        glob: impl FnOnce(&str) -> Result<Glob, InvalidGlob>,
    ) -> Result<Self, InvalidGlob> {
        // What has a meaning in either dialect.
        let is_plain =
            |text: &str| text.len() < MAX_PATTERN && !text.contains(['*', '?', '[', ']', '{', '}', '\\', '\0']);
        match pattern.strip_suffix('*') {
            Some("") => Ok(Self::Any),
            Some(beginning) if is_plain(beginning) => Ok(Self::Beginning(pattern.to_owned(), crosses)),
            None if is_plain(pattern) => Ok(Self::Exactly(pattern.to_owned())),
            _ => glob(pattern).map(Self::Glob),
        }
    }

    fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => wanted == text,
            Self::Beginning(pattern, crosses) => {
                let rest = text.strip_prefix(pattern.trim_end_matches('*'));
                rest.is_some_and(|rest| *crosses || !rest.contains('/'))
            }
            Self::Glob(glob) => glob.is_match(text),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Any => "*",
            Self::Exactly(text) | Self::Beginning(text, _) => text,
            Self::Glob(glob) => glob.as_str(),
        }
    }
}

// === impl NamePattern ===

impl NamePattern {
    /// Reads a pattern; a leading `!` is a character like any other.
    pub fn new(pattern: &str) -> Result<Self, InvalidGlob> {
        Matcher::new(pattern, true, |pattern| Glob::gobwas(pattern, None)).map(Self)
    }

    /// Whether the whole text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Whether it matches every text.
    pub fn is_any(&self) -> bool {
        self.0 == Matcher::Any
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for NamePattern {
    type Error = InvalidGlob;
    fn try_from(pattern: String) -> Result<Self, Self::Error> {
        Self::new(&pattern)
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.as_str().to_owned()
    }
}

// === impl KindPattern ===

impl KindPattern {
    /// Reads a pattern.
    pub fn new(pattern: &str) -> Result<Self, InvalidGlob> {
        Matcher::new(pattern, false, Glob::path).map(Self)
    }

    /// The pattern `*`.
    pub fn any() -> Self {
        Self(Matcher::Any)
    }

    /// Whether the whole text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Whether it matches every text.
    pub fn is_any(&self) -> bool {
        self.0 == Matcher::Any
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for KindPattern {
    type Error = InvalidGlob;
    fn try_from(pattern: String) -> Result<Self, Self::Error> {
        Self::new(&pattern)
    }
}

impl From<KindPattern> for String {
    fn from(pattern: KindPattern) -> Self {
        pattern.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_no_expression_matches_as_the_expression_would() {
        for pattern in ["*", "", "a", "team-*", "a/*", "a*b", "*a", "a?", "{a,b}*", "team-**"] {
            for text in ["", "a", "b", "team-", "team-x", "team-x/y", "a/b", "a/b/c", "axb", "ba", "é", "team-\n"] {
                let (name, kind) =
                    (NamePattern::new(pattern).expect("a glob"), KindPattern::new(pattern).expect("a glob"));
                let gobwas = Glob::gobwas(pattern, None).expect("a glob").is_match(text);
                assert_eq!(name.is_match(text), gobwas, "{pattern:?} {text:?}");
                let path = Glob::path(pattern).expect("a glob").is_match(text);
                // A kind, a group or a name never holds a slash: `*` need not mind it.
                assert!(kind.is_match(text) == path || kind.is_any(), "{pattern:?} {text:?}");
                assert_eq!((name.as_str(), kind.as_str()), (pattern, pattern));
            }
        }
        assert!(NamePattern::new(&"x".repeat(MAX_PATTERN + 1)).is_err());
    }
}
