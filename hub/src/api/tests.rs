//! The API against the real store: what is refused, what is answered, what is told to whom.

mod applications;
mod clusters;
mod explain;
mod harness;
mod routes;
mod targets;
mod watch;
