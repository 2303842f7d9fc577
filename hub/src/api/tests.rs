//! The API against the real store: what is refused, what is answered, what is told to whom.

mod actions;
mod applications;
mod clusters;
mod decisions;
mod explain;
mod harness;
mod projects;
mod routes;
mod targets;
mod trust;
mod watch;
