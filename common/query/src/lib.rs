//! The small languages that Argo CD's fields are written in: globs and version constraints.
//!
//! Thin shims over `regex` and `semver`: only the reading of Argo CD's dialects is ours. Equal to the Go modules that Argo CD uses, shown by tables that
//! those modules wrote (`oracle/`). Pure: no I/O, no clock, no global state; bounded: every pattern has a size limit, and matching takes time linear in the text.
#![deny(missing_docs)]

mod glob;
mod version;

pub use glob::{Glob, InvalidGlob, MAX_PATTERN};
pub use version::{Constraint, InvalidConstraint, MAX_CONSTRAINT, MAX_VERSION, Version};
