//! One file a verb: what it takes, and what it does.

pub(crate) mod app;
pub(crate) mod cluster;
pub(crate) mod completion;
pub(crate) mod context;
pub(crate) mod explain;
pub(crate) mod freeze;
pub(crate) mod listing;
pub(crate) mod login;
pub(crate) mod operation;
pub(crate) mod parse;
pub(crate) mod proj;
pub(crate) mod repo;
pub(crate) mod settings;
pub(crate) mod version;
pub(crate) mod watch;
