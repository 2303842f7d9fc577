//! The parts of git's wire protocol that reading needs, as pure functions of bytes: version 2, and versions 0 and 1 where a server speaks no newer.
//!
//! References: gitprotocol-http(5), gitprotocol-v2(5), gitprotocol-pack(5).

pub(crate) mod advertisement;
pub(crate) mod fetch;
pub(crate) mod ls_refs;
pub(crate) mod pkt_line;

/// A ref as a remote shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteRef {
    pub(crate) name: String,
    /// What it points at: a commit, or an annotated tag.
    pub(crate) id: git2::Oid,
    /// What the annotated tag points at in the end, where the remote says so.
    pub(crate) peeled: Option<git2::Oid>,
    /// The ref that it stands for, where the remote says so.
    pub(crate) symref: Option<String>,
}

/// Which refs a question is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ask<'a> {
    /// These, by full name.
    Exact(&'a [String]),
    /// Those whose full name begins with one of these.
    Under(&'a [String]),
    /// Every branch and tag.
    All,
}

/// What is wrong with a server's answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{0}")]
    Malformed(String),
    #[error("it said {0:?}")]
    Refused(String),
    #[error("it lists more than {0} refs")]
    TooManyRefs(usize),
    #[error("it uses object format {0:?}; only sha1 is supported")]
    ObjectFormat(String),
}

// === impl Ask ===

impl Ask<'_> {
    pub(crate) fn covers(&self, name: &str) -> bool {
        match self {
            Self::Exact(names) => names.iter().any(|n| n == name),
            Self::Under(beginnings) => beginnings.iter().any(|beginning| name.starts_with(beginning)),
            Self::All => name.starts_with("refs/heads/") || name.starts_with("refs/tags/"),
        }
    }
}

// === impl Fault ===

impl Fault {
    pub(crate) fn malformed(cause: impl Into<String>) -> Self {
        Self::Malformed(cause.into())
    }
}

/// A SHA-1 object id in hex.
fn object_id(text: &str) -> Result<git2::Oid, Fault> {
    let valid = text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let id = valid.then(|| git2::Oid::from_str(text).ok()).flatten();
    id.ok_or_else(|| Fault::malformed(format!("{:?} is not an object id", crate::error::quote(text))))
}
