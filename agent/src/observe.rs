//! What the cluster says: which kinds it serves, and what becomes of the objects of the managed ones.
//!
//! Watches feed [`watch::Event`]s to the engine; [`look`] asks about one object; [`slim`] makes of an object what decisions need. Objects are parsed once and
//! not kept here. The types of `kube` stay in this module and in `sync`.

pub mod client;
pub mod discovery;
pub mod look;
pub mod slim;
pub mod watch;

mod answer;
mod budget;
mod definitions;
mod deployment;
mod frames;
mod owned;
pub(crate) mod page;
pub(crate) mod path;
mod pause;
mod pauses;
mod proofs;
mod stream;
mod union;

#[cfg(test)]
pub(crate) mod mock;
#[cfg(test)]
mod tests;

pub use client::Cluster;
pub use deployment::follow_deployment;
pub use owned::Owned;
pub use pauses::{PAUSE, Pauses};
pub use watch::{Event, WatchScope, Watches};
