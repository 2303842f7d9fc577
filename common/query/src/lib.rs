//! The small languages that Argo CD's fields are written in: globs, version constraints and jq path expressions.
//!
//! Thin shims over `regex`, `semver` and `jaq`: only the reading of Argo CD's dialects is ours. Equal to the Go modules that Argo CD uses, shown by tables that
//! those modules wrote (`oracle/`). Pure: no I/O, no clock, no global state; bounded: every pattern has a size limit, and matching takes time linear in the text.
//! jq is the exception, see [`jq`].
#![deny(missing_docs)]

pub mod jq;

mod glob;
mod version;

pub use glob::{Glob, InvalidGlob, MAX_PATTERN};
pub use version::{Constraint, InvalidConstraint, MAX_CONSTRAINT, MAX_VERSION, Version};
