//! Drift detection from one object's own `metadata.managedFields`, without a call to the apiserver.
//!
//! What we own is written down by the server at every apply. That set of fields, projected on the apply *response* and hashed, is the
//! [`Baseline`] of an object; every later event of the object is projected with the same, stored set and [compared](Baseline::compare).
//! Nothing is normalised, because nothing has to be: response and event are both the server's own words.
//!
//! This module knows how sets are written and what counts as a difference. It does not know when to apply, how often, or whom to tell.
//! The rules were tested against a real apiserver (docs/adr/0002); the numbers in the comments are the rules' numbers in `tests.rs`.

mod baseline;
mod before;
mod element;
mod entry;
mod field_set;
mod fingerprint;
mod path;
mod paths;
mod places;
mod project;
mod soft;
mod taken;
mod tree;

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests;

pub use baseline::{Baseline, Comparison};
pub use before::{changed_by_apply, differs_before_first_apply, differs_ignoring};
pub use entry::{Entry, entry};
pub use field_set::FieldSet;
pub use fingerprint::Fingerprint;
pub use paths::differing_paths;
pub use places::{owns_whole, places_of_manager};
pub use project::projection_of;
pub use soft::{SoftLeaf, SoftValue};
pub use taken::{TakenField, taken_from};

/// The field manager that Windlass applies as.
pub const MANAGER: &str = "windlass";

/// Why an object has no baseline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// The field set has a member that is none of `f:`, `k:`, `v:`, `i:` and `.`, or whose text is not what its prefix says.
    #[error("the field set has a member {member:?}: expected {wanted}")]
    Member {
        /// The member as written.
        member: String,
        /// What it should have been.
        wanted: &'static str,
    },
    /// The object has no such text; every object that an apiserver returns has one.
    #[error("the apply response has no {field}")]
    Field {
        /// The field's path.
        field: &'static str,
    },
}

// === impl ProjectionError ===

impl ProjectionError {
    /// Never: the same object gives the same error.
    pub fn is_retryable(&self) -> bool {
        false
    }
}
