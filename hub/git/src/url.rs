//! Where a repository is: which texts are accepted, which are the same repository, and what may be shown of them.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// A repository's address, checked. Displays without query and user information; it never holds credentials.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RepositoryUrl {
    place: Place,
}

/// What kind of place it is. SSH will be a third.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Http(url::Url),
    Local(PathBuf),
}

// === impl RepositoryUrl ===

impl RepositoryUrl {
    /// Accepts `https://`, `http://` on a loopback address, `file://` and absolute paths. No error repeats user information or a query.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |cause: &str| Error::InvalidUrl { url: redact(text), cause: cause.to_owned() };
        if text.is_empty() || text.starts_with('-') || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(invalid("empty, leading '-', spaces or control characters; write https://host/path"));
        }
        if text.contains("::") && !text.contains("://") {
            return Err(invalid("remote helpers (`name::address`) are never run; write https://host/path"));
        }
        if text.starts_with('/') {
            return Self::local(text).ok_or_else(|| invalid("a path may not contain '..'"));
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return Err(if text.contains(':') {
                unsupported_ssh()
            } else {
                invalid("neither a URL nor an absolute path; write https://host/path")
            });
        };
        match scheme.to_ascii_lowercase().as_str() {
            "https" | "http" => Self::http(text),
            "file" => Self::file(text),
            "ssh" | "git+ssh" | "ssh+git" => Err(unsupported_ssh()),
            _ => Err(invalid("the scheme is not one of https, file; write https://host/path")),
        }
    }

    fn http(text: &str) -> Result<Self> {
        let invalid = |cause: &str| Error::InvalidUrl { url: redact(text), cause: cause.to_owned() };
        let url = url::Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
            return Err(invalid("it holds a user name or password; give them as the repository's credentials instead"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("it holds a query or fragment, which git does not send"));
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(invalid("plain http can be read and changed on the way; use https"));
        }
        Ok(Self { place: Place::Http(url) })
    }

    fn file(text: &str) -> Result<Self> {
        let invalid = |cause: &str| Error::InvalidUrl { url: redact(text), cause: cause.to_owned() };
        let url = url::Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        let path = url.to_file_path().map_err(|()| invalid("a file URL has no host and an absolute path"))?;
        Ok(Self { place: Place::Local(path) })
    }

    fn local(text: &str) -> Option<Self> {
        let climbs = text.split('/').any(|part| part == "..");
        (!climbs).then(|| Self { place: Place::Local(PathBuf::from(text)) })
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether it is a path on this machine.
    pub fn is_local(&self) -> bool {
        matches!(self.place, Place::Local(_))
    }

    /// The spelling under which equal repositories are equal: lower-case host, no default port, no trailing `.git` or slash. The path keeps its
    /// case, unlike in Argo CD: two paths that differ in case may be two repositories, and must not share a mirror.
    pub fn normalised(&self) -> String {
        match &self.place {
            Place::Http(url) => {
                let text = url.as_str().trim_end_matches('/');
                text.strip_suffix(".git").unwrap_or(text).trim_end_matches('/').to_owned()
            }
            Place::Local(path) => {
                let path = path.to_string_lossy();
                format!("file://{}", path.trim_end_matches('/'))
            }
        }
    }

    /// Whether both name the same repository, spelled differently perhaps.
    pub fn same_repository(&self, other: &Self) -> bool {
        self.normalised() == other.normalised()
    }
}

impl std::fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            // Parsing refused user information and queries.
            Place::Http(url) => f.write_str(url.as_str()),
            Place::Local(path) => write!(f, "{}", path.display()),
        }
    }
}

impl std::fmt::Debug for RepositoryUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for RepositoryUrl {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

fn unsupported_ssh() -> Error {
    Error::Unsupported { what: "SSH access to repositories (use the https:// URL)".to_owned() }
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// What stands between the scheme and the path.
fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split(['/', '?', '#', '\\']).next().unwrap_or_default()
}

/// A text that may be a URL, without what may be secret in one: whatever stands before an `@`, and everything after `?` or `#`.
pub(crate) fn redact(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    // The last '@' anywhere, not only in the authority: a password may hold a slash that somebody forgot to encode.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let shown: String = rest.chars().filter(|c| !c.is_control()).take(300).collect();
    if scheme.is_empty() { shown } else { format!("{}://{shown}", quote_scheme(scheme)) }
}

fn quote_scheme(scheme: &str) -> String {
    scheme.chars().filter(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c)).take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_repository_are_equal() {
        let parse = |text| RepositoryUrl::parse(text).unwrap();
        for (a, b, same) in [
            ("https://Host.Example/a/b.git", "https://host.example/a/b", true),
            ("https://host:443/a/b/", "https://host/a/b", true),
            ("https://host/a/b.git/", "https://host/a/b", true),
            ("https://host/a/B", "https://host/a/b", false),
            ("https://host:8443/a", "https://host/a", false),
            ("file:///srv/a", "/srv/a/", true),
            ("/srv/a.git", "/srv/a", false),
        ] {
            assert_eq!(parse(a).same_repository(&parse(b)), same, "{a} {b}");
        }
    }

    #[test]
    fn what_is_refused_is_refused_by_name() {
        for (text, word) in [
            ("", "empty"),
            ("-uhttps://x", "leading '-'"),
            ("--upload-pack=/bin/sh", "leading '-'"),
            ("ext::sh -c x", "spaces"),
            ("ext::sh", "remote helpers"),
            ("https://h/a\nb", "control"),
            ("http://example.com/a", "plain http"),
            ("http://10.0.0.1/a", "plain http"),
            ("ftp://example.com/a", "scheme"),
            ("git://example.com/a", "scheme"),
            ("a/b", "neither"),
            ("file://host/a", "no host"),
            ("/a/../b", ".."),
            ("https://h/a?token=x", "query"),
            ("ssh://git@h/a", "SSH"),
            ("git@h:a/b.git", "SSH"),
        ] {
            let error = RepositoryUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
        for text in ["http://localhost:1/a", "http://127.0.0.1:80/a", "http://[::1]/a", "https://h/a~b"] {
            assert!(RepositoryUrl::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn secrets_in_a_url_are_never_repeated() {
        for text in [
            "https://me:hunter2@h/a",
            "https://hunter2@h/a",
            "https://me:hun/hunter2@h/a",
            "https://h/a?sig=hunter2",
            "https://h/a#hunter2",
            "http://me:hunter2@h/a",
            "ftp://me:hunter2@h/a",
            "me:hunter2@h:a",
        ] {
            let error = RepositoryUrl::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
