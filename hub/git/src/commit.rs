//! What people want to know about a commit.

use git2::Oid;

use crate::error::Result;
use crate::mirror::Handle;

/// Most bytes of a message that are kept.
const MESSAGE: usize = 4 << 10;

/// What people want to know about a commit. Texts are as the author wrote them, made UTF-8: escape them where they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// `Name <email>`.
    pub author: String,
    /// When it was written, in seconds since 1970, as the author's clock said.
    pub date: i64,
    /// The first 4 KiB of the message.
    pub message: String,
}

// === impl CommitInfo ===

impl CommitInfo {
    pub(crate) fn read(handle: &Handle, id: Oid) -> Result<Self> {
        let commit = handle.find_commit(id).map_err(|error| handle.mirror().error(&error))?;
        let author = commit.author();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut message = text(commit.message_bytes());
        message.truncate(message.floor_char_boundary(MESSAGE));
        Ok(Self {
            author: format!("{} <{}>", text(author.name_bytes()), text(author.email_bytes())),
            date: author.when().seconds(),
            message,
        })
    }
}
