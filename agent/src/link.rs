//! The agent's end of the session with the hub: it dials, drives [`windlass_domain::exchange::agent`], and dials again.
//!
//! A slow or absent hub never stands before the engine: what the engine says is taken at once and kept, the newest value per target.

mod content;
pub mod fetch;
mod held;
mod outbox;
mod second;
pub mod serve;
mod session;
#[cfg(test)]
pub(crate) mod test_hub;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::desired_state::{Delta, Position};
use windlass_domain::digest::Digest;
use windlass_domain::discovery::Discovery;
use windlass_domain::exchange::FrozenTarget;
use windlass_domain::exchange::agent::Reported;
use windlass_domain::status::TargetReport;
use windlass_domain::time::Timestamp;
use windlass_runtime::backoff::{self, Backoff};
use windlass_runtime::clock::Clock;

use crate::identity::Credentials;
use outbox::Outbox;
use second::Second;
use serve::{Answers, Server};

pub use fetch::{Fetched, Fetcher};

/// What the engine says. Of each target the newest value counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A target's status was computed anew.
    Reported(Box<TargetReport>),
    /// Every content of a target's bundle is durable.
    Completed {
        /// The application's uid.
        application: Uuid,
        /// The bundle.
        bundle: Digest,
    },
    /// The cluster's resource list changed.
    Discovered(Discovery),
    /// A target's removal was acknowledged by the hub: it is no longer reported.
    Forgotten {
        /// The application's uid.
        application: Uuid,
    },
}

/// What the link asks of the agent's durable copy and of its watches.
#[async_trait]
pub trait Desired: Send + Sync + 'static {
    /// Where the copy stands now.
    async fn standing(&self) -> Standing;
    /// Takes a delta. It is durable when this returns `Ok`; an error ends the session and everything held stays in force.
    async fn take(&self, delta: Delta) -> Result<(), String>;
    /// Keeps a content that was sent ahead, already verified. Failing is allowed: it will be fetched.
    async fn keep(&self, digest: Digest, bytes: Vec<u8>);
    /// The cluster's resource list, whose digest [`standing`](Self::standing) gives.
    async fn discovery(&self) -> Discovery;
    /// Whether every managed kind's watch is live.
    fn watches_live(&self) -> bool;
}

/// Where a durable copy stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The position last taken; `None` when it never took any state.
    pub position: Option<Position>,
    /// Digest of the rows held ([`windlass_domain::desired_state::DesiredState::digest`]).
    pub rows: Digest,
    /// Digest of the resource list.
    pub discovery: Digest,
    /// What the cluster is.
    pub facts: ClusterFacts,
    /// Targets that are kept although the hub's list lacks them; at most [`windlass_domain::exchange::MAX_FROZEN`].
    pub frozen: Vec<FrozenTarget>,
}

/// How the link is, for readiness, metrics and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// No session.
    Down {
        /// Since when.
        since: Timestamp,
        /// Why; empty before the first attempt.
        reason: String,
    },
    /// The hub said Welcome.
    Up {
        /// Since when.
        since: Timestamp,
    },
}

/// The link, before it runs.
pub struct Service<D> {
    link: Link<D>,
    inbox: mpsc::Receiver<Input>,
}

/// What every session uses.
struct Link<D> {
    credentials: Credentials,
    clock: Clock,
    desired: Arc<D>,
    outbox: Arc<Outbox>,
    connection: watch::Sender<Connection>,
    in_sync: watch::Sender<bool>,
    second: Second,
    server: Server,
}

/// What survives a session.
#[derive(Default)]
struct Memory {
    reported: Reported,
    pending: Reported,
}

/// How a session ended.
struct Ended {
    /// Whether the hub had answered a comparison: then the next dial comes soon.
    healthy: bool,
    reason: String,
    /// What the hub asked for.
    retry_after: Option<Duration>,
    /// Its connection, where it works and only gives way to one with a renewed certificate.
    line: Option<session::Line>,
}

// === impl Service ===

impl<D: Desired> Service<D> {
    /// A link that hears the engine through `inbox`. Bound the channel as you like: it is emptied whether or not the hub is there.
    pub fn new(credentials: Credentials, clock: Clock, inbox: mpsc::Receiver<Input>, desired: Arc<D>) -> Self {
        let down = Connection::Down { since: clock.now(), reason: String::new() };
        let connection = watch::Sender::new(down);
        let second = Second::new(credentials.clone(), clock.clone());
        let server = Server::new(second.clone(), clock.clone());
        let (outbox, in_sync) = (Arc::default(), watch::Sender::new(false));
        Self { link: Link { credentials, clock, desired, outbox, connection, in_sync, second, server }, inbox }
    }

    /// Has the hub's questions answered by `answers`; without, they are left.
    #[must_use]
    pub fn answering(self, answers: Arc<dyn Answers>) -> Self {
        self.link.server.answer_by(answers);
        self
    }

    /// How the link is, from now on.
    pub fn connection(&self) -> watch::Receiver<Connection> {
        self.link.connection.subscribe()
    }

    /// Whether the hub has once found that it knows what this agent knows, while every watch was live.
    pub fn in_sync(&self) -> watch::Receiver<bool> {
        self.link.in_sync.subscribe()
    }

    /// What fetches contents, over a connection of its own.
    pub fn fetcher(&self) -> Fetcher {
        Fetcher::new(self.link.second.clone(), self.link.clock.clone())
    }

    /// Dials, holds sessions and dials again, until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { link, mut inbox } = self;
        let outbox = Arc::clone(&link.outbox);
        // A task of its own, so that the engine does not wait while a session writes to disk.
        let _drain = AbortOnDropHandle::new(tokio::spawn(async move {
            while let Some(input) = inbox.recv().await {
                outbox.put(input);
            }
        }));
        tokio::select! {
            () = Box::pin(link.run()) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

// === impl Link ===

impl<D: Desired> Link<D> {
    async fn run(&self) {
        let (mut memory, mut backoff, mut line) = (Memory::default(), Backoff::new(), None);
        let mut renewed = self.credentials.subscribe();
        loop {
            renewed.mark_unchanged();
            let mut ended = session::run(self, &mut memory, line.take()).await;
            if ended.healthy {
                backoff.reset();
            }
            line = ended.line.take();
            if line.is_some() {
                tracing::info!("the session goes over to the renewed certificate");
                continue;
            }
            let wait = match ended.retry_after {
                Some(asked) => backoff::after(asked, backoff::entropy()),
                None => backoff.next(backoff::entropy()),
            };
            tracing::warn!(reason = %ended.reason, ?wait, "no session with the hub");
            self.connection.send_replace(Connection::Down { since: self.clock.now(), reason: ended.reason });
            tokio::select! {
                () = self.clock.sleep(wait) => {}
                // The sender is in `self`, so that this is a renewal: what was refused may be taken now.
                _ = renewed.changed() => {}
            }
        }
    }
}
