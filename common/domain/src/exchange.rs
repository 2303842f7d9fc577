//! The session between hub and agent as two state machines. What the wire carries is in this file; [`hub`] and [`agent`] say what each end does with it.
//!
//! What flows is state, newest value per fact, bounded by the number of targets: nothing is queued, nothing dropped. Operations are part of the rows;
//! everything can be said again after a reconnect, and digests tell whether it must be.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cluster::ClusterFacts;
use crate::desired_state::{Delta, Position};
use crate::digest::Digest;
use crate::discovery::Discovery;
use crate::status::StatusDelta;
use crate::time::Timestamp;

pub mod agent;
pub mod hub;

/// The protocol version that this build speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// What [`Hello::rows`] says when the agent does not trust the rows it holds: the whole list is sent, whatever their generation.
pub fn distrusted_rows() -> Digest {
    Digest::of(b"windlass: the rows that are held are not trusted")
}

/// The agent's first message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Random per agent installation: a reconnect has the same one.
    pub instance: Uuid,
    /// Protocol version.
    pub protocol: u32,
    /// What the cluster is.
    pub facts: ClusterFacts,
    /// Digest of the cluster's resource list.
    pub discovery: Digest,
    /// Where the agent stands; `None` when it never took any state.
    pub position: Option<Position>,
    /// Digest of the rows it holds.
    pub rows: Digest,
    /// Digest of what it last reported (see [`crate::status::reported_digest`]).
    pub reported: Digest,
}

/// The periodic proof: what both ends hold is the same, and the watches behind it are live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compare {
    /// The agent's clock when it was sent; echoed, never compared with the hub's clock.
    pub sent_at: Timestamp,
    /// Generation of the rows.
    pub generation: u64,
    /// Digest of the rows.
    pub rows: Digest,
    /// Digest of the reports.
    pub reported: Digest,
    /// Whether every managed kind's watch is live; `false` makes the cluster's facts stale however well the session is.
    pub watches_live: bool,
    /// What the agent keeps although the hub's list lacks it; at most [`MAX_FROZEN`] of them.
    #[serde(default)]
    pub frozen: Vec<FrozenTarget>,
}

/// The most frozen targets that a comparison names.
pub const MAX_FROZEN: usize = 1000;

/// A target that was missing from a whole list: it is left as it is until the hub lists it again, or says that it is to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenTarget {
    /// The application's uid.
    pub application: Uuid,
    /// Its name, as the hub said it last: `namespace/name`.
    pub name: String,
}

/// What an agent says.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentMessage {
    /// First, and once.
    Hello(Hello),
    /// The cluster's resource list, when the hub does not know its digest, and when it changed.
    Discovery(Discovery),
    /// The rows of this generation are durable.
    Ack {
        /// The generation.
        generation: u64,
    },
    /// Every content of this bundle is durable: it is the target's desired one.
    Held {
        /// The application's uid.
        application: Uuid,
        /// The bundle.
        bundle: Digest,
    },
    /// A target's status changed.
    Status(Box<StatusDelta>),
    /// The periodic proof.
    Compare(Compare),
}

/// What a hub says.
#[derive(Debug, Clone, PartialEq)]
pub enum HubMessage {
    /// The session is open.
    Welcome {
        /// The session's epoch; greater than every earlier one of this cluster.
        epoch: u64,
        /// Whether the resource list must be sent.
        want_discovery: bool,
        /// Whether every status must be sent again, whole.
        want_reports: bool,
    },
    /// Rows changed.
    Delta(Box<Delta>),
    /// A content that the agent is known to need, sent ahead of its asking.
    Content {
        /// Its address.
        digest: Digest,
        /// Its canonical bytes, zstd-compressed.
        compressed: Vec<u8>,
    },
    /// The answer to a comparison.
    Compared {
        /// The agent's sending time, echoed.
        sent_at: Timestamp,
        /// Whether every status must be sent again, whole.
        want_reports: bool,
    },
    /// The hub's authorities change: the agent renews its certificate now.
    RenewCertificate,
    /// There is a question, to be answered by opening `Serve` ([`crate::question`]).
    Request {
        /// Names it.
        id: Uuid,
        /// How long the whole answer may take, in milliseconds.
        deadline_ms: u64,
    },
    /// The session is refused or ends.
    Refused {
        /// Why, for the agent's log.
        reason: String,
        /// How long to wait before dialling again, in milliseconds; 0 leaves it to the agent.
        retry_after_ms: u64,
    },
}
