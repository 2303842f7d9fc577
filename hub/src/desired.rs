//! From applications to each cluster's desired state: commit, render, admit, target, store, tell the sessions.
//!
//! [`Service`] owns the set of applications to look at (newest wins, nothing queued twice, nothing dropped) and works on a few at once, each in a task
//! of its own, one task per application. Everything else holds a [`Handle`]. A failure at any step becomes a condition on the application; what was
//! committed last stays as it is.

mod access;
mod at;
mod commit;
mod compile;
mod conditions;
mod follow;
mod gate;
mod gather;
mod inbox;
pub(crate) mod pause;
mod renderers;
mod schedule;
pub mod service;
mod source;
mod targets;
mod turns;
mod waits;

use std::sync::Arc;

use windlass_domain::name::ApplicationName;
use windlass_domain::status::Condition;

pub use access::Access;
pub use at::RenderedAt;
pub use service::{Handle, Service, Settings};

/// What a refresh led to. It is committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Refreshed {
    /// The commit that the current bundle was rendered from; `None` before the first.
    pub revision: Option<String>,
    /// Whether anything was written.
    pub changed: bool,
    /// The hub's own conditions of the application after it; a failed render is here, not in [`Error`].
    pub conditions: Vec<Condition>,
}

/// Why an application could not be looked at. A source that does not render is no such reason: it is a condition.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// There is no such application.
    #[error("application {0} does not exist")]
    NotFound(ApplicationName),
    /// It is on its way out.
    #[error("application {0} is being deleted")]
    Deleting(ApplicationName),
    /// The commit that was asked for cannot be rendered.
    #[error("{0}")]
    Source(String),
    /// The store did not take the answer; the hub tries again by itself.
    #[error("the store failed: {0}")]
    Store(Arc<windlass_store::Error>),
    /// The application was changed again and again while it was looked at.
    #[error("application {0} keeps changing while it is compiled; try again")]
    Contended(ApplicationName),
    /// The hub is shutting down.
    #[error("the hub is shutting down")]
    Stopped,
}

// === impl Error ===

impl Error {
    /// Whether the same request may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Contended(_) | Self::Stopped)
    }
}
