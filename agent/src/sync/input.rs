//! What reaches the engine.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::discovery::Discovery;
use windlass_domain::ignore::Ignored;
use windlass_domain::live::{DryRun, Observed};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::operation::Checked;
use windlass_domain::projection::TakenField;
use windlass_domain::target::TargetRow;

use super::client::Error;
use super::facts::Facts;
pub use super::lens::Rebased;
use super::recover::Managed;
use super::said::Said;
use crate::observe;
use crate::script::judge::Verdict;

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
        /// Nothing was ever taken before: what this state directory does not know may be in the cluster all the same.
        first: bool,
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
    /// The cluster's resource list.
    Discovered(Discovery),
    /// The namespaces that an operator paused.
    Paused(observe::Pauses),
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
    /// What people's own scripts and expressions say of an object.
    Judged(Verdict),
    /// What a baseline under other ignore rules is made of.
    Rebased {
        /// The target.
        application: Uuid,
        /// The object.
        key: ResourceKey,
        /// The manifest.
        digest: Digest,
        /// The answer, or why there is none.
        result: Result<Box<Rebased>, String>,
    },
    /// Every object with our label, or why that is not known.
    Swept(Result<Vec<Managed>, String>),
    /// An answer to whether something is in use.
    Proved {
        /// The object.
        key: ResourceKey,
        /// The one that was asked about.
        uid: String,
        /// Whether it is empty or unused, or why that is not known.
        unused: Result<bool, String>,
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
        result: Result<Done, Failure>,
    },
    /// What the server would say to an action.
    Checked {
        /// The target.
        application: Uuid,
        /// The operation.
        operation: Uuid,
        /// Index of the action in its plan.
        action: usize,
        /// Its answer.
        answer: Checked,
    },
    /// Records that were to be durable are, or why not.
    Kept(Result<(), String>),
    /// A hook was given free or deleted.
    Cleaned {
        /// The target.
        application: Uuid,
        /// The operation.
        operation: Uuid,
        /// Index of the action in its plan.
        action: usize,
        /// Why it could not be.
        result: Result<(), String>,
    },
    /// Somebody compares what git says of a target.
    Manifests {
        /// The target.
        application: Uuid,
        /// Every object that is kept, as it would be applied.
        reply: oneshot::Sender<Vec<(ResourceKey, Value)>>,
    },
    /// Somebody answers a question about a target.
    Facts {
        /// The target.
        application: Uuid,
        /// What is known of it; `None` for one that is not here.
        reply: oneshot::Sender<Option<Facts>>,
    },
    /// Somebody is about to change an object beside git.
    Said {
        /// The target.
        application: Uuid,
        /// The object.
        key: ResourceKey,
        /// What git and people say of it; `None` for a target that is not here.
        reply: oneshot::Sender<Option<Said>>,
    },
}

/// Why an action was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For people.
    pub why: String,
    /// A field cannot be changed: trying again is in vain until git or the options change.
    pub immutable: bool,
}

/// What a look found.
#[allow(clippy::large_enum_variant)] // it lives for a moment
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
        /// Whose fields were taken.
        overridden: Overridden,
        /// What of the response is ignored.
        ignored: Ignored,
        /// Why that is not known.
        blind: Option<String>,
    },
    /// A hook is there.
    Hooked {
        /// As it is.
        object: Box<Value>,
    },
    /// An object was made under a name that the server completed.
    Created {
        /// The name.
        name: String,
    },
    /// A deletion was accepted.
    Deleted,
    /// The inventory may forget the object.
    Forgotten,
    /// Nothing: it is as git says.
    Nothing,
}

/// What of others an apply took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overridden {
    /// Fields with another value than git's, and whose they were.
    pub fields: Vec<TakenField>,
    /// Appliers from whom the whole object was taken over.
    pub appliers: Vec<String>,
}

// === impl Failure ===

impl Failure {
    /// Of a write.
    pub fn of(error: &Error) -> Self {
        let immutable = error.is_immutable();
        let why = match immutable {
            true => format!(
                "{error}; it cannot be changed in place: sync option Replace=true replaces it, Force=true deletes it and makes it again"
            ),
            false => error.to_string(),
        };
        Self { why, immutable }
    }
}
