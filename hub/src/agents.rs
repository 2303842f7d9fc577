//! The agents' side of the hub: sessions, contents by digest, renewing and joining.
//!
//! | file | idea |
//! |---|---|
//! | `server` | the agents listener: TLS connections with their peers' names |
//! | `service` | what may be called there, and by whom |
//! | `session` | one task per agent: drives [`windlass_domain::exchange::hub::step`] over the store |
//! | `statuses`, `ahead` | which statuses are stored when; which contents are sent before they are asked for |
//! | `calls`, `serve` | what the rest of the hub asks an agent; the streams on which agents answer |
//! | `fetch`, `certificates`, `join` | contents; renewed and first certificates |
//! | `door` | who is let in, asked at every call |
//! | `outside` | keeps the list of revocations outside the database |
//! | `failures` | who tried to join in vain too often |
//! | `registry` | how the rest of the hub wakes or ends a session |
//! | `follow` | wakes sessions for what other hubs committed |
//!
//! Wire types stay in this module.

mod ahead;
mod calls;
mod certificates;
mod door;
mod failures;
mod fetch;
mod follow;
mod join;
pub mod outside;
mod registry;
mod serve;
mod server;
mod service;
mod session;
mod statuses;
pub mod upgrades;

pub use calls::{AgentCalls, Answer, CallError, Calls};
pub use door::REPORT_ONLY_AFTER;
pub(crate) use failures::Failures;
pub use follow::follow;
pub use join::join_routes;
pub use registry::Registry;
pub use server::serve;
pub use service::Agents;
