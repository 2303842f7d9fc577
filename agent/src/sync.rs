//! The engine: what is desired against what is there, per target, and what is done about it.
//!
//! One task, [`engine::Engine`], owns every target's state. It gathers facts, asks `windlass_domain::sync` and `windlass_domain::operation` what they mean,
//! and has the answers carried out by tasks that come back with an outcome. Nothing here decides by itself whether an object may be written or deleted.
//!
//! | file | what |
//! |---|---|
//! | [`engine`] | the loop: inputs in, dirty targets evaluated |
//! | [`target`] | one target's state, and its durable form |
//! | [`evaluate`] | completes the desired bundle, assesses, starts operations |
//! | [`execute`] | carries out one action, one question |
//! | [`outcome`] | what an answer of the cluster changes |
//! | [`watched`] | live objects of interest, and who is interested |
//! | [`contents`] | contents by address: staged, durable, asked for |
//! | [`report`] | a target's report |

pub mod apply;
pub mod client;
pub mod contents;
pub mod delete;
pub mod dry_run;
pub mod engine;
pub mod evaluate;
pub mod execute;
pub mod input;
pub mod namespace;
pub mod outcome;
pub mod report;
pub mod target;
pub mod watched;
