//! The hub's git engine: a commit becomes a lazy, recorded [`SourceTree`](windlass_domain::source::SourceTree).
//!
//! ```text
//! targetRevision -> Target -> ask the remote for those refs -> commit here? -> no: one pack -> mirror -> Resolved -> GitTree
//! ```
//!
//! libgit2 is used for objects and packs only: it opens no socket, runs no program, checks nothing out and reads no configuration but a
//! repository's own. The wire protocol is ours (`protocol`), over reqwest (`http`), so that certificates, credentials, redirects, sizes and times
//! are decided here. A [`GitCache`] is a cache: its directory may be deleted while no hub runs.
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod cache;
mod commit;
mod credentials;
mod error;
mod http;
mod libgit2;
mod local;
mod mirror;
mod options;
mod protocol;
mod proxy;
mod repository;
mod similar;
mod spool;
mod target;
mod tree;
mod url;

pub use cache::{GitCache, References, Resolved};
pub use commit::CommitInfo;
pub use credentials::{ClientCertificate, Credentials};
pub use error::{Error, Result};
pub use options::Options;
pub use proxy::Proxy;
pub use repository::Repository;
pub use tree::GitTree;
pub use url::RepositoryUrl;
