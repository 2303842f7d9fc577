//! Which repositories a project's `sourceRepos` permit.

use windlass_query::{Glob, InvalidGlob};

/// Why a text is no rule of `sourceRepos`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRepositoryPattern {
    /// Nothing, or only `!`.
    #[error("it is empty; write a URL, a glob of URLs, or \"*\"")]
    Empty,
    /// `!*` or the like.
    #[error("it would deny every repository; leave the list without an allowing rule instead")]
    DeniesEverything,
    /// A host that is not ASCII: it could never match, because addresses are compared in the form that is dialled.
    #[error("its host is not ASCII; write the host's xn-- form, which is what is dialled")]
    Host,
    /// User information of HTTP: it is not compared, and a project is shown to many.
    #[error("it holds a user name or password; leave it out, addresses are compared without")]
    Credentials,
    /// `..` in its path.
    #[error("it holds \"..\"; addresses are compared after \"..\" is resolved, so write the path that is meant")]
    Climbs,
    /// Not a glob.
    #[error(transparent)]
    Glob(#[from] InvalidGlob),
}

/// One rule of `sourceRepos`, ready to match.
#[derive(Debug, Clone)]
pub(super) struct RepositoryRule<'a> {
    pub(super) written: &'a str,
    pub(super) denies: bool,
    /// `None` for `*`, which also takes what is no URL.
    glob: Option<Glob>,
}

// === impl RepositoryRule ===

impl<'a> RepositoryRule<'a> {
    pub(super) fn parse(written: &'a str) -> Result<Self, InvalidRepositoryPattern> {
        let denied = written.trim().strip_prefix('!');
        let text = denied.unwrap_or(written).trim();
        let denies = denied.is_some();
        if text.is_empty() {
            return Err(InvalidRepositoryPattern::Empty);
        }
        if text == "*" || text == "**" {
            let rule = Self { written, denies, glob: None };
            return if denies { Err(InvalidRepositoryPattern::DeniesEverything) } else { Ok(rule) };
        }
        let address = Address::of(text);
        if address.is_http() && address.authority.contains('@') {
            return Err(InvalidRepositoryPattern::Credentials);
        }
        if !address.authority.is_ascii() {
            return Err(InvalidRepositoryPattern::Host);
        }
        if address.path.split('/').any(|part| part == "..") {
            return Err(InvalidRepositoryPattern::Climbs);
        }
        let glob = Glob::gobwas(&address.normalised(Text::Pattern), Some('/'))?;
        Ok(Self { written, denies, glob: Some(glob) })
    }

    /// `address` is normalised.
    pub(super) fn hits(&self, address: &str) -> bool {
        self.glob.as_ref().is_none_or(|glob| glob.is_match(address))
    }
}

/// Whether rules permit the repository at `fetched`, which is the address as the git engine will dial it; if not, why. A rule that denies permits whatever it
/// does not deny, as in Argo CD.
pub(super) fn refuses(rules: &[String], fetched: &str) -> Option<Refusal> {
    let address = normalise(fetched);
    let mut permitted = false;
    for written in rules {
        // A rule that cannot be read permits nothing, and denies everything if it denies.
        let Ok(rule) = RepositoryRule::parse(written) else {
            if written.starts_with('!') {
                return Some(Refusal::DeniedBy(written.clone()));
            }
            continue;
        };
        match (rule.denies, rule.hits(&address)) {
            (true, true) => return Some(Refusal::DeniedBy(rule.written.to_owned())),
            (true, false) | (false, true) => permitted = true,
            (false, false) => {}
        }
    }
    (!permitted).then_some(Refusal::NotListed)
}

/// Why a repository is not permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    DeniedBy(String),
    NotListed,
}

/// The spelling in which two addresses of one repository are equal.
///
/// Argo CD lower-cases both sides, cuts `.git`, and writes `git@host:path` and `ssh://git@host/path` alike. On top of it: no default port, no dot behind the
/// host, no user information of HTTP, no query, no doubled slash, no `.` or `..`, and no percent-encoding of what needs none; a server may read each of them
/// as the repository that a rule denies. Paths of this machine keep their case: there it makes another directory.
pub(super) fn normalise(address: &str) -> String {
    Address::of(address.trim()).normalised(Text::Address)
}

/// In a pattern a `?` is any character; in an address it begins a query.
#[derive(Clone, Copy)]
enum Text {
    Pattern,
    Address,
}

struct Address<'a> {
    scheme: String,
    authority: &'a str,
    path: std::borrow::Cow<'a, str>,
}

// === impl Address ===

impl<'a> Address<'a> {
    fn of(text: &'a str) -> Self {
        if let Some((scheme, rest)) = text.split_once("://") {
            let scheme = scheme.to_lowercase();
            // Browsers and HTTP clients read a backslash as a slash; in a glob it is an escape, and none is needed in a URL.
            let end = rest.find(['/', '\\']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            return Self { scheme, authority, path: path.replace('\\', "/").into() };
        }
        if text.starts_with('/') {
            return Self { scheme: "file".into(), authority: "", path: text.into() };
        }
        // git@host:path; a pattern such as `*.example/x` has no colon, and is compared as it is.
        match text.split_once(':').filter(|(host, _)| host.contains('@') && !host.contains('/')) {
            Some((authority, path)) => Self { scheme: "ssh".into(), authority, path: format!("/{path}").into() },
            None => Self { scheme: String::new(), authority: "", path: text.into() },
        }
    }

    fn is_http(&self) -> bool {
        self.scheme == "http" || self.scheme == "https"
    }

    fn normalised(&self, text: Text) -> String {
        let (local, http) = (self.scheme == "file", self.is_http());
        let authority = self.authority.to_lowercase();
        let authority = match authority.rsplit_once('@') {
            Some((_, host)) if http => host,
            _ => &authority,
        };
        let path = match text {
            Text::Address if http => self.path.split(['?', '#']).next().unwrap_or_default(),
            Text::Address | Text::Pattern => &self.path,
        };
        let path = tidy(&decode(path));
        let path = if local { path } else { path.to_lowercase() };
        let path = path.strip_suffix(".git").unwrap_or(&path).trim_end_matches('/');
        let host = without_default_port(&self.scheme, authority);
        match self.scheme.as_str() {
            // As in Argo CD: both ways of writing an SSH address are one.
            "" | "ssh" => format!("{host}{path}"),
            scheme => format!("{scheme}://{host}{path}"),
        }
    }
}

fn without_default_port(scheme: &str, authority: &str) -> String {
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        "ssh" => ":22",
        _ => return authority.to_owned(),
    };
    authority.strip_suffix(port).unwrap_or(authority).trim_end_matches('.').to_owned()
}

/// Without doubled slashes, `.` and `..`. A text that begins with a slash still does.
fn tidy(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// Decodes what RFC 3986 §2.3 says never needs encoding, and the slash, which servers take for one all the same; writes the rest in upper case.
fn decode(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let code = rest.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) => out.push(char::from(byte)),
            Some(byte) => out.push_str(&format!("%{byte:02X}")),
            None => {
                out.push('%');
                continue;
            }
        }
        rest = &rest[2..];
    }
    out + rest
}

#[cfg(test)]
mod tests;
