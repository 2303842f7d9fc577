//! What a `targetRevision` asks for. Pure: text to a value.

use crate::error::{Error, Result};

/// What a `targetRevision` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The default branch.
    Head,
    /// A full reference name, `refs/...`.
    Reference(String),
    /// A branch or tag; a branch wins where both exist, always.
    Name(String),
    /// A full commit id.
    Commit(git2::Oid),
}

// === impl Target ===

impl Target {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() || text == "HEAD" {
            return Ok(Self::Head);
        }
        if text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Self::Commit(git2::Oid::from_str(text).map_err(|e| invalid(text, e.message()))?));
        }
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Error::Unsupported { what: format!("revision {text}: a SHA-256 commit id") });
        }
        if text.contains(['^', '~', '*', '<', '>', '=', '|', ' ', ',']) {
            let what = format!("revision {text:?}: a version constraint (name a branch, tag or commit)");
            return Err(Error::Unsupported { what });
        }
        let name = if text.starts_with("refs/") { text.to_owned() } else { format!("refs/heads/{text}") };
        if text.starts_with('-') || !git2::Reference::is_valid_name(&name) {
            return Err(invalid(text, "not a name that git allows for a branch or tag"));
        }
        Ok(if text.starts_with("refs/") { Self::Reference(name) } else { Self::Name(text.to_owned()) })
    }

    /// The remote's refs to ask for, best first.
    pub(crate) fn candidates(&self) -> Vec<String> {
        match self {
            Self::Head => vec!["HEAD".to_owned()],
            Self::Reference(name) => vec![name.clone()],
            Self::Name(name) => {
                let mut names = vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")];
                if name.starts_with("heads/") || name.starts_with("tags/") {
                    names.push(format!("refs/{name}"));
                }
                names
            }
            Self::Commit(_) => Vec::new(),
        }
    }

    /// The abbreviated commit id that this might be, if no branch or tag has the name.
    pub(crate) fn abbreviation(&self) -> Option<&str> {
        match self {
            Self::Name(name) if (7..40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Some(name)
            }
            _ => None,
        }
    }

    /// As shown in errors and used to tell questions apart.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Head => "HEAD".to_owned(),
            Self::Reference(name) | Self::Name(name) => name.clone(),
            Self::Commit(id) => id.to_string(),
        }
    }
}

fn invalid(revision: &str, cause: &str) -> Error {
    Error::InvalidRevision { revision: revision.to_owned(), cause: cause.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_targets() {
        let sha = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(Target::parse(""), Ok(Target::Head));
        assert_eq!(Target::parse("HEAD"), Ok(Target::Head));
        assert_eq!(Target::parse("v1.0"), Ok(Target::Name("v1.0".into())));
        assert_eq!(Target::parse("refs/pull/1/head"), Ok(Target::Reference("refs/pull/1/head".into())));
        assert_eq!(Target::parse(&sha.to_uppercase()).map(|t| t.text()), Ok(sha.to_owned()));
        assert_eq!(Target::parse("deadbee").unwrap().abbreviation(), Some("deadbee"));
        assert_eq!(Target::parse("deadb").unwrap().abbreviation(), None);
    }

    #[test]
    fn constraints_and_odd_names_are_named_errors() {
        for text in ["~1.2", "^1", "1.*", ">=1 <2", "a || b"] {
            assert!(matches!(Target::parse(text), Err(Error::Unsupported { .. })), "{text}");
        }
        for text in
            ["--upload-pack=x", "-x", "a..b", "a:b", "a\u{7}b", "refs/", "refs/../x", "a.lock", "/a", "a@{0}", "a\\b"]
        {
            let error = Target::parse(text).unwrap_err();
            assert!(matches!(error, Error::InvalidRevision { .. } | Error::Unsupported { .. }), "{text}: {error}");
        }
    }
}
