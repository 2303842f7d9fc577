//! Why a repository could not be read, in words that name the repository, the cause and the next step.
//!
//! No variant ever holds a credential: URLs are redacted before they get here, and servers' words are cut and stripped of control characters.

use std::time::Duration;

use git2::{ErrorClass, ErrorCode};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a repository could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The repository URL is not acceptable.
    #[error("invalid repository URL {url}: {cause}")]
    InvalidUrl {
        /// The URL, redacted.
        url: String,
        /// What is wrong with it, and what to write instead.
        cause: String,
    },
    /// The revision asked for cannot name a commit.
    #[error("invalid revision {revision:?}: {cause}")]
    InvalidRevision {
        /// The revision as given.
        revision: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The revision asked for is in the repository, and is no commit.
    #[error(
        "repository {url} has no commit under {name:?}: {what} stands there; name a branch, a tag of a commit, or a commit"
    )]
    NotACommit {
        /// The repository.
        url: String,
        /// The revision asked for.
        name: String,
        /// What stands there.
        what: &'static str,
    },
    /// One of a repository's settings cannot be used. Never repeats a secret.
    #[error("the repository's `{setting}` setting: {cause}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What is wrong with it, and what to write instead.
        cause: String,
    },
    /// The proxy in between does not answer, or does not reach the server.
    #[error(
        "repository {url} cannot be reached through its proxy {proxy}: {cause}; check the repository's `proxy` and `noProxy` settings, and the proxy"
    )]
    ProxyUnreachable {
        /// The repository.
        url: String,
        /// The proxy, without user information.
        proxy: String,
        /// The network's words.
        cause: String,
    },
    /// The proxy in between wants to know who we are.
    #[error(
        "the proxy {proxy} of repository {url} refused the hub: {hint}; give them with `windlass repo add --proxy-username ... --proxy-password-file ...`"
    )]
    ProxyRefused {
        /// The repository.
        url: String,
        /// The proxy, without user information.
        proxy: String,
        /// What it wants.
        hint: &'static str,
    },
    /// Understood, but not available in this version.
    #[error("{what} is not supported yet")]
    Unsupported {
        /// What was asked for, and what to use instead.
        what: String,
    },
    /// The server did not answer, or said that it is unwell.
    #[error("repository {url} is unreachable: {cause}; check the address, DNS and network policies from the hub")]
    Unreachable {
        /// The repository.
        url: String,
        /// The network's words.
        cause: String,
    },
    /// The server refused the credentials, or wants some.
    #[error("repository {url} refused access (HTTP {status}): {hint}")]
    Authentication {
        /// The repository.
        url: String,
        /// 401 or 403.
        status: u16,
        /// What to check.
        hint: &'static str,
    },
    /// There is no such repository, or these credentials may not know of it.
    #[error(
        "repository {url} does not exist, or its credentials may not see it: {cause}; check the URL and the credentials"
    )]
    NotFound {
        /// The repository.
        url: String,
        /// What was found instead.
        cause: String,
    },
    /// The repository has no such branch, tag or commit.
    #[error("repository {url} has no branch, tag or commit {name:?}{}", similar(available))]
    RefNotFound {
        /// The repository.
        url: String,
        /// The revision asked for.
        name: String,
        /// Up to five names that look like it.
        available: Vec<String>,
    },
    /// No tag has a version that satisfies a constraint.
    #[error("repository {url} has no tag {}{}{}", wanted(constraint, prefix), nearest_tags(nearest), held_back(prerelease.as_deref()))]
    NoMatchingTag {
        /// The repository.
        url: String,
        /// The version constraint.
        constraint: String,
        /// What tags have to begin with; empty where all count.
        prefix: String,
        /// Up to five tags with a version, nearest to the constraint first.
        nearest: Vec<String>,
        /// The highest tag that would match if the constraint allowed prereleases.
        prerelease: Option<String>,
    },
    /// The server's certificate is not trusted, or the handshake failed.
    #[error("TLS to repository {url} failed: {cause}; {}", tls_hint(cause))]
    Tls {
        /// The repository.
        url: String,
        /// The TLS engine's words.
        cause: String,
    },
    /// The server took too long, in total.
    #[error("repository {url} did not finish within {} s; raise the time limit if it is merely large", limit.as_secs_f32())]
    Timeout {
        /// The repository.
        url: String,
        /// The limit that passed.
        limit: Duration,
    },
    /// The server sent more than allowed.
    #[error("repository {url} sent more than {limit} {unit}; raise the limit if this is expected")]
    TooLarge {
        /// The repository.
        url: String,
        /// The limit.
        limit: u64,
        /// What is limited.
        unit: &'static str,
    },
    /// The server redirects to another place; credentials never follow.
    #[error(
        "repository {url} redirects to {target}, which is refused: redirects stay on the same scheme, host and port; give the new URL instead"
    )]
    RedirectRefused {
        /// The repository.
        url: String,
        /// Where it points: scheme, host and port only.
        target: String,
    },
    /// The server does not speak git's smart HTTP protocol properly.
    #[error("repository {url} does not speak git properly: {cause}")]
    Protocol {
        /// The repository.
        url: String,
        /// What was wrong.
        cause: String,
    },
    /// The local mirror is damaged. It is evicted and rebuilt once before this is reported.
    #[error("the local mirror of {url} is damaged: {cause}; it is rebuilt at the next attempt")]
    Corrupt {
        /// The repository.
        url: String,
        /// libgit2's words.
        cause: String,
    },
    /// The cache's file system is full.
    #[error("no space left for the mirror of {url}: {cause}; enlarge the hub's repository cache volume")]
    DiskFull {
        /// The repository.
        url: String,
        /// The system's words.
        cause: String,
    },
    /// The cache's file system failed otherwise.
    #[error("the repository cache failed for {url}: {cause}; check the hub's repository cache volume")]
    Cache {
        /// The repository, or the cache directory.
        url: String,
        /// The system's words.
        cause: String,
    },
}

// === impl Error ===

impl Error {
    /// Whether the same request may succeed later without anybody changing a setting.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::ProxyUnreachable { .. }
                | Self::Timeout { .. }
                | Self::Protocol { .. }
                | Self::Corrupt { .. }
                | Self::DiskFull { .. }
                | Self::Cache { .. }
        )
    }

    /// libgit2 failed on the local mirror of `url`.
    pub(crate) fn mirror(url: &str, error: &git2::Error) -> Self {
        let (url, cause) = (url.to_owned(), error.message().to_owned());
        if cause.contains("No space left") || cause.contains("Disk quota") {
            return Self::DiskFull { url, cause };
        }
        // What the machine lacks just now says nothing about the mirror, and must not evict it.
        let machine = match error.class() {
            ErrorClass::Os | ErrorClass::Filesystem => error.code() != ErrorCode::NotFound,
            ErrorClass::NoMemory | ErrorClass::Thread | ErrorClass::Callback => true,
            _ => error.code() == ErrorCode::Locked,
        };
        if machine { Self::Cache { url, cause } } else { Self::Corrupt { url, cause } }
    }

    /// The cache's file system failed.
    pub(crate) fn disk(url: &str, error: &std::io::Error) -> Self {
        let (url, cause) = (url.to_owned(), error.to_string());
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull { url, cause },
            _ => Self::Cache { url, cause },
        }
    }

    pub(crate) fn protocol(url: &str, cause: impl Into<String>) -> Self {
        Self::Protocol { url: url.to_owned(), cause: cause.into() }
    }
}

/// A server's words, fit for a one-line message.
pub(crate) fn quote(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(200).collect()
}

fn wanted(constraint: &str, prefix: &str) -> String {
    match prefix {
        "" => format!("with a version that satisfies {constraint:?}"),
        prefix => format!("{prefix:?} followed by a version that satisfies {constraint:?}"),
    }
}

/// An alert is the server's word about us; everything else is our word about the server.
fn tls_hint(cause: &str) -> &'static str {
    match cause {
        cause if cause.contains("CertificateRequired") => {
            "the server demands a client certificate: `windlass repo add --tls-client-cert-path ... --tls-client-cert-key-path ...`"
        }
        cause if cause.contains("fatal alert") => {
            "the server refused the handshake: check the repository's client certificate, if the server wants one"
        }
        _ => "a private certificate authority is given with the repository's `ca` setting",
    }
}

fn nearest_tags(nearest: &[String]) -> String {
    match nearest {
        [] => "; none of its tags there is a version".to_owned(),
        tags => format!("; the nearest are {}", tags.join(", ")),
    }
}

fn held_back(prerelease: Option<&str>) -> String {
    let hint = |tag| format!("; {tag} is a prerelease: append -0 to a version of the constraint to allow those");
    prerelease.map(hint).unwrap_or_default()
}

fn similar(available: &[String]) -> String {
    match available {
        [] => "; check the name, and that it was pushed".to_owned(),
        names => format!("; did you mean {}?", names.join(", ")),
    }
}
