//! Domain to wire by `From`, wire to domain by `TryFrom`, which reads everything once and names the field that is wrong.

mod desired_state;
mod discovery;
mod field;
mod hello;
mod message;
mod operation;
mod refusal;
mod resource;
mod status;
mod target;

pub use field::{digest, time, uuid};
pub use message::NotAMessage;

/// A message that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// Path of the field, such as `delta.rows[3].present.bundle`.
    pub field: String,
    /// What is wrong with it. Never holds the value.
    pub problem: String,
}

// === impl Invalid ===

impl Invalid {
    /// A problem with a field.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The same problem, seen from the message around it.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        Self { field: format!("{outer}.{}", self.field), problem: self.problem }
    }

    /// The same bytes will not read better another time.
    pub fn is_retryable(&self) -> bool {
        false
    }
}
