//! What reaches the engine.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::discovery::Discovery;
use windlass_domain::live::{DryRun, Observed};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::target::TargetRow;

use crate::observe;

/// One thing that happened.
pub enum Input {
    /// Rows became durable.
    Rows {
        /// New and changed rows.
        changed: Vec<TargetRow>,
        /// Rows that are gone, because the hub knows that their removal is finished.
        finished: Vec<Uuid>,
        /// Rows that the hub's full list no longer has: kept, and reported.
        frozen: BTreeSet<Uuid>,
    },
    /// A verified content arrived ahead of its asking.
    Content {
        /// Its address.
        digest: Digest,
        /// Its canonical bytes.
        bytes: Bytes,
    },
    /// An answer to a fetch.
    Fetched {
        /// What was asked for.
        asked: Vec<Digest>,
        /// What came, verified; or why nothing did.
        result: Result<Vec<(Digest, Bytes)>, String>,
    },
    /// Something was seen in the cluster.
    Observed(observe::Event),
    /// The cluster's resource list.
    Discovered(Discovery),
    /// An answer to a look.
    Looked {
        /// The object.
        key: ResourceKey,
        /// What is known of it now.
        found: Found,
    },
    /// An answer to a dry run.
    DryRan {
        /// The manifest.
        digest: Digest,
        /// The live object's uid.
        uid: String,
        /// What it said.
        answer: DryRun,
    },
    /// An action of an operation ended.
    Outcome {
        /// The target.
        application: Uuid,
        /// The operation.
        operation: Uuid,
        /// Index of the action in its plan.
        action: usize,
        /// What came of it.
        result: Result<Done, String>,
    },
}

/// What a look found.
pub enum Found {
    /// The metadata of an object that has no baseline, its absence, or why it is not known.
    Observed(Observed),
    /// The whole object, to be compared with its baseline.
    Object(Box<Value>),
}

/// What an action achieved.
pub enum Done {
    /// A namespace exists.
    Ensured,
    /// An apply was answered.
    Applied {
        /// What was sent.
        sent: Box<Value>,
        /// What the server made of it.
        response: Box<Value>,
        /// The manifest's address.
        digest: Digest,
    },
    /// A deletion was accepted.
    Deleted,
    /// The inventory may forget the object.
    Forgotten,
}
