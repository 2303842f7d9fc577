//! An operation under way, and its durable form.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::operation::{Action, Seen, SyncOperation};
use windlass_domain::time::Timestamp;

use super::target::Complete;

/// An operation under way.
pub struct Running {
    /// Its id.
    pub id: Uuid,
    /// How often it was tried before.
    pub attempt: u32,
    /// A person asked for it.
    pub manual: bool,
    /// What it syncs to; `None` for a removal.
    pub to: Option<Complete>,
    /// Its state.
    pub operation: SyncOperation,
    /// It was cut off by a restart: what was under way may have been done.
    pub resumed: bool,
    /// It was told that it begins, or goes on.
    pub begun: bool,
    /// What waits until its record is durable.
    pub waiting: VecDeque<Action>,
    /// What it was last told of each object that it waits for.
    pub told: BTreeMap<usize, Seen>,
    /// When it wants to be told the time: a target keeps only the first of these and of its own.
    pub wakes: BTreeSet<Timestamp>,
    /// Actions that wait until their kind is served, and until when.
    pub awaiting_kind: BTreeMap<usize, Timestamp>,
    /// The newer bundle that it was told of.
    pub superseded_by: Option<(Digest, Digest)>,
    /// Why nothing may be begun, as it was told.
    pub blocked: Option<String>,
    /// It was told that a person confirmed the deletions.
    pub confirmed: bool,
}

/// The durable form of an operation that cannot simply be planned again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    id: Uuid,
    #[serde(default)]
    attempt: u32,
    #[serde(default)]
    manual: bool,
    /// (bundle, settings, commit).
    to: Option<(Digest, Digest, String)>,
    operation: SyncOperation,
}

// === impl Running ===

impl Running {
    /// The operation and its attempt, as names and marks of hooks have it.
    pub fn run(&self) -> String {
        run_of(self.id, self.attempt)
    }

    /// Its durable form.
    pub fn recorded(&self) -> Recorded {
        Recorded {
            id: self.id,
            attempt: self.attempt,
            manual: self.manual,
            to: self.to.as_ref().map(|to| (to.digest, to.settings_digest, to.revision.clone())),
            operation: self.operation.clone(),
        }
    }
}

/// The operation and its attempt: the same after a restart, another one for each retry.
pub fn run_of(id: Uuid, attempt: u32) -> String {
    format!("{id}-{attempt}")
}

// === impl Recorded ===

impl Recorded {
    /// What it syncs to: (bundle, settings, commit).
    pub fn to(&self) -> Option<&(Digest, Digest, String)> {
        self.to.as_ref()
    }

    /// The operation, to be gone on with.
    pub fn resume(self, to: Option<Complete>) -> Running {
        Running {
            id: self.id,
            attempt: self.attempt,
            manual: self.manual,
            to,
            operation: self.operation,
            resumed: true,
            begun: false,
            waiting: VecDeque::new(),
            told: BTreeMap::new(),
            wakes: BTreeSet::new(),
            awaiting_kind: BTreeMap::new(),
            superseded_by: None,
            blocked: None,
            confirmed: false,
        }
    }
}
