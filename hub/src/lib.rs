//! The hub: tracks repositories and applications, renders them, decides which cluster gets what, and streams it.
//!
//! | module | carries out |
//! |---|---|
//! | [`desired`] | commit, render, admit, target, desired state: one pass per application that changed |
//! | [`agents`] | the agents listener: sessions, `Fetch`, `Join` |
//! | [`pki`] | the hub's own certificate authority |
//! | [`api`] | the HTTP API under `/api/v1` |
//! | [`app`] | the only wiring |

pub mod agents;
pub mod api;
pub mod app;
pub mod args;
pub mod desired;
pub mod housekeeping;
pub mod in_cluster;
pub mod pki;
