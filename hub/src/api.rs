//! The HTTP API under `/api/v1`: JSON over TLS with bearer tokens, described by `/api/v1/openapi.json`.
//!
//! | module | idea |
//! |---|---|
//! | `route` | the table of every route with the permission it needs |
//! | `guard` | the one door: id, authentication, authorisation by the table, time limit, request log |
//! | `actions`, `applications`, `clusters`, `repositories`, `projects`, `operations`, `watch`, `health` | one handler an action |
//! | `view` | what is answered: types apart from the domain's and the store's |
//! | `error` | what callers are told when it does not work |
//!
//! Handlers decide nothing about desired state: they check, write through the store, and wake who must know.

mod actions;
mod applications;
mod caller;
mod clusters;
mod error;
mod explain;
mod freezes;
mod guard;
mod health;
mod input;
mod listing;
mod live;
mod named;
mod openapi;
mod operations;
mod projects;
mod repositories;
mod request_log;
mod route;
mod settings;
pub mod token;
mod view;
mod watch;
mod written;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::middleware;
use uuid::Uuid;
use windlass_runtime::clock::Clock;
use windlass_store::Store;

use crate::{agents, args, desired, pki};
pub use clusters::install::install_routes;
use request_log::RequestLog;

/// What the API works with. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Compiles what changed.
    pub desired: desired::Handle,
    /// Wakes sessions.
    pub registry: agents::Registry,
    /// Asks live clusters.
    pub calls: Arc<dyn agents::AgentCalls>,
    /// For the pins in join files.
    pub authority: Arc<pki::Authority>,
    /// Tells the time.
    pub clock: Clock,
    /// Addresses in join files.
    pub advertised: args::Advertised,
    /// What is revoked whatever the store says.
    pub revocations: pki::Revocations,
}

/// What every handler gets.
#[derive(Clone)]
struct Shared {
    state: State,
    log: RequestLog,
    watches: watch::Watches,
}

/// The whole API. Needs a tokio runtime: a background writer of the request log is started, which ends with the router.
///
/// It has no fallback of its own, so that the `Join` service can be merged; whatever is merged is not behind this API's guard. Put
/// `axum::extract::ConnectInfo<SocketAddr>` into each request's extensions, for the peer in the request log.
pub fn router(state: State) -> axum::Router {
    let log = RequestLog::start(Arc::clone(&state.store), state.clock.clone());
    let shared = Shared { state, log, watches: watch::Watches::default() };
    let (router, document) = openapi::documented().split_for_parts();
    router
        .merge(openapi::served(document))
        .layer(middleware::from_fn_with_state(shared.clone(), guard::guard))
        .layer(DefaultBodyLimit::max(input::BODY_LIMIT))
        .with_state(shared)
}

/// A new UUID v7 of this clock.
fn new_id(clock: &Clock) -> Uuid {
    let now = clock.now();
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
}
