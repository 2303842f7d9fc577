//! The pure core of Windlass: types and decisions.
//!
//! ```text
//! git commit -> SourceTree -> render -> admit -> target -> DesiredState -> stream -> plan -> apply
//!    cli / api <- store <- roll up <- report <- status <- health <- observe <-------------'
//! ```
//!
//! Every step of that pipeline is decided here, by a function of data, and carried out by a shell of the same name in the hub or the agent. Nothing in
//! this crate reads a clock, a file, a socket or the environment: `now` and entropy are arguments.
#![deny(missing_docs)]

pub mod access;
pub mod action;
pub mod application;
pub mod bundle;
pub mod canonical;
pub mod cluster;
pub mod customization;
pub mod dependency;
pub mod desired_state;
pub mod destination;
pub mod diff;
pub mod digest;
pub mod discovery;
pub mod duration;
pub mod exchange;
pub mod explain;
pub mod health;
pub mod history;
pub mod hook;
pub mod identity;
pub mod ignore;
pub mod install;
pub mod inventory;
pub mod live;
pub mod manifest;
pub mod name;
pub mod objects;
pub mod operation;
pub mod options;
pub mod ownership;
pub mod project;
pub mod projection;
pub mod prune_limits;
pub mod question;
pub mod render;
pub mod revision;
pub mod source;
pub mod status;
pub mod sync;
pub mod target;
pub mod time;
pub mod traits;
pub mod tree;
pub mod upgrade;
pub mod window;
