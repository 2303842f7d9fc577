//! Patterns of a project, ready to match. Nearly all of them are `*`, a plain text or `text*`, which need no expression: a fence is made for every target.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use windlass_query::{Glob, InvalidGlob, MAX_PATTERN};

/// A glob in one of the two dialects that Argo CD uses for projects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String", bound = "D: Dialect")]
pub struct Pattern<D> {
    matcher: Matcher,
    dialect: PhantomData<D>,
}

/// A glob of names and addresses: Argo CD's `gobwas` dialect without a separator, so that `*` crosses everything.
pub type NamePattern = Pattern<Names>;

/// A glob of groups, kinds and names of objects: Go's `path.Match`.
pub type KindPattern = Pattern<Kinds>;

/// How a pattern is read.
pub trait Dialect: Clone {
    /// Whether a star takes a slash.
    const CROSSES: bool;

    /// The expression.
    fn glob(pattern: &str) -> Result<Glob, InvalidGlob>;
}

/// The dialect of names and addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names;

/// The dialect of groups, kinds and names of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kinds;

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
    fn new<D: Dialect>(pattern: &str) -> Result<Self, InvalidGlob> {
        // What has a meaning in either dialect.
        let is_plain =
            |text: &str| text.len() < MAX_PATTERN && !text.contains(['*', '?', '[', ']', '{', '}', '\\', '\0']);
        match pattern.strip_suffix('*') {
            Some("") => Ok(Self::Any),
            Some(beginning) if is_plain(beginning) => Ok(Self::Beginning(pattern.to_owned(), D::CROSSES)),
            None if is_plain(pattern) => Ok(Self::Exactly(pattern.to_owned())),
            _ => D::glob(pattern).map(Self::Glob),
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

// === impl Pattern ===

impl<D: Dialect> Pattern<D> {
    /// Reads a pattern; a leading `!` is a character like any other.
    pub fn new(pattern: &str) -> Result<Self, InvalidGlob> {
        Matcher::new::<D>(pattern).map(|matcher| Self { matcher, dialect: PhantomData })
    }

    /// The pattern `*`.
    pub fn any() -> Self {
        Self { matcher: Matcher::Any, dialect: PhantomData }
    }

    /// Whether the whole text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.matcher.is_match(text)
    }

    /// Whether it matches every text.
    pub fn is_any(&self) -> bool {
        self.matcher == Matcher::Any
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.matcher.as_str()
    }
}

impl<D: Dialect> TryFrom<String> for Pattern<D> {
    type Error = InvalidGlob;
    fn try_from(pattern: String) -> Result<Self, Self::Error> {
        Self::new(&pattern)
    }
}

impl<D> From<Pattern<D>> for String {
    fn from(pattern: Pattern<D>) -> Self {
        pattern.matcher.as_str().to_owned()
    }
}

impl Dialect for Names {
    const CROSSES: bool = true;

    fn glob(pattern: &str) -> Result<Glob, InvalidGlob> {
        Glob::gobwas(pattern, None)
    }
}

impl Dialect for Kinds {
    const CROSSES: bool = false;

    fn glob(pattern: &str) -> Result<Glob, InvalidGlob> {
        Glob::path(pattern)
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
