//! What a `targetRevision` asks for. Pure: text to a value.

mod versions;

pub(crate) use self::versions::Versions;

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
    /// The tag with the highest version that satisfies a constraint.
    Versions(Versions),
    /// A full commit id.
    Commit(git2::Oid),
}

// === impl Target ===

impl Target {
    /// `tag_prefix` concerns version constraints alone.
    pub(crate) fn parse(text: &str, tag_prefix: &str) -> Result<Self> {
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
        if text.starts_with("refs/") {
            return if git2::Reference::is_valid_name(text) {
                Ok(Self::Reference(text.to_owned()))
            } else {
                Err(invalid(text, "not a name that git allows for a ref"))
            };
        }
        match Versions::parse(text, tag_prefix)? {
            Some(versions) => Ok(Self::Versions(versions)),
            None if is_name(text) => Ok(Self::Name(text.to_owned())),
            None => Err(Versions::explain(text)),
        }
    }

    /// The remote's refs to ask for, best first.
    pub(crate) fn candidates(&self) -> Vec<String> {
        match self {
            Self::Head => vec!["HEAD".to_owned()],
            Self::Reference(name) => vec![name.clone()],
            Self::Name(name) => named(name),
            Self::Versions(versions) => versions.name().map(named).unwrap_or_default(),
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
            Self::Versions(versions) => versions.to_string(),
            Self::Commit(id) => id.to_string(),
        }
    }
}

/// Whether git allows it for a branch or tag.
fn is_name(text: &str) -> bool {
    !text.starts_with('-') && git2::Reference::is_valid_name(&format!("refs/heads/{text}"))
}

/// The refs that a short name may mean, best first.
fn named(name: &str) -> Vec<String> {
    let mut names = vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")];
    if name.starts_with("heads/") || name.starts_with("tags/") {
        names.push(format!("refs/{name}"));
    }
    names
}

fn invalid(revision: &str, cause: &str) -> Error {
    Error::InvalidRevision { revision: revision.to_owned(), cause: cause.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Target> {
        Target::parse(text, "")
    }

    #[test]
    fn texts_become_targets() {
        let sha = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(parse(""), Ok(Target::Head));
        assert_eq!(parse("HEAD"), Ok(Target::Head));
        assert_eq!(parse("refs/pull/1/head"), Ok(Target::Reference("refs/pull/1/head".into())));
        assert_eq!(parse(&sha.to_uppercase()).map(|t| t.text()), Ok(sha.to_owned()));
        assert_eq!(parse("deadbee").unwrap().abbreviation(), Some("deadbee"));
        assert_eq!(parse("deadb").unwrap().abbreviation(), None);
    }

    #[test]
    fn a_plain_version_is_a_name_and_a_range_is_not() {
        for text in
            ["1", "1.0", "v1.0", "1.2.3-rc.1", "1.2.3+a", "20240101", "main", "release-1.x", "release/1.x", "x86"]
        {
            assert_eq!(parse(text), Ok(Target::Name(text.into())), "{text}");
        }
        for text in ["1.x", "v1.*", "*", "x", "~1.2", "^1", ">=1 <2", ">=1,<2", "=1.2.3", "1 - 2", "1 || 3", "*-0"] {
            let target = parse(text).unwrap();
            assert!(matches!(target, Target::Versions(_)), "{text}: {target:?}");
            assert_eq!(target.text(), text);
        }
    }

    #[test]
    fn odd_names_are_named_errors() {
        for text in
            ["--upload-pack=x", "-x", "a..b", "a:b", "a\u{7}b", "refs/", "refs/../x", "a.lock", "/a", "a@{0}", "a\\b"]
        {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, Error::InvalidRevision { .. }), "{text}: {error}");
        }
        let error = parse(">= 1.2.3.4").unwrap_err().to_string();
        assert!(error.contains(r#"".4" is no version constraint"#), "{error}");
    }
}
