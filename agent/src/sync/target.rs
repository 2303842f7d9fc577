//! One target's state: what is wanted, what was done, what is under way.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use windlass_domain::bundle::Bundle;
use windlass_domain::digest::Digest;
use windlass_domain::inventory::Inventory;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::name::ApplicationName;
use windlass_domain::operation::{OperationPhase, SyncOperation};
use windlass_domain::ownership::Owner;
use windlass_domain::status::{Condition, OperationState, TargetReport};
use windlass_domain::target::{TargetRow, TargetSettings};
use windlass_domain::time::Timestamp;

use crate::desired::Change;

/// One target.
pub struct Target {
    /// What the hub wants.
    pub row: TargetRow,
    /// The hub's list no longer has it.
    pub frozen: bool,
    /// The complete bundle that live is compared with.
    pub desired: Option<Complete>,
    /// Contents of the desired bundle that are not durable yet; `Some` until the write that makes the bundle the desired one.
    pub unwritten: Option<Vec<Change>>,
    /// What survives a restart, inventory aside.
    pub record: Record,
    /// What we own.
    pub inventory: Inventory,
    /// The operation under way.
    pub running: Option<Running>,
    /// The durable inventory could not be read: what is ours is known only by its marks.
    pub inventory_lost: bool,
    /// Objects whose look is under way.
    pub looking: BTreeSet<ResourceKey>,
    /// Objects whose next look is a while off; an event brings it forward, a mere evaluation does not.
    pub resting: BTreeSet<ResourceKey>,
    /// Objects that were doubted again while their look was under way: its answer may be older than the doubt.
    pub doubted: BTreeSet<ResourceKey>,
    /// Since when some object is not known; `None` while all are.
    pub unknown_since: Option<Timestamp>,
    /// When missing contents are asked for: a moment after their row, because they often follow it unasked.
    pub fetch_at: Option<Timestamp>,
    /// The person's operation that was last seen, and its deadline by this agent's clock.
    pub asked: Option<(Uuid, Timestamp)>,
    /// How often in a row the hub did not have what it named.
    pub fetches_failed: u32,
    /// When unwatched objects are looked at again.
    pub look_at: Option<Timestamp>,
    /// When it must be evaluated again.
    pub wake_at: Option<Timestamp>,
    /// When the current automated bundle may be tried again.
    pub retry_at: Option<Timestamp>,
    /// The cluster's resource list changed while an operation was running.
    pub kinds_changed: bool,
    /// Times of the last heals, newest last.
    pub heals: Vec<Timestamp>,
    /// Conditions last reported, for their `since`.
    pub conditions: Vec<Condition>,
    /// What was last reported, and when.
    pub reported: Option<(TargetReport, Timestamp)>,
    /// A durable write that failed, for people.
    pub storage_error: Option<String>,
}

/// A bundle with everything that it names at hand.
#[derive(Clone)]
pub struct Complete {
    /// Its address.
    pub digest: Digest,
    /// The bundle.
    pub bundle: Arc<Bundle>,
    /// Address of the settings.
    pub settings_digest: Digest,
    /// How the target is kept.
    pub settings: Arc<TargetSettings>,
    /// The commit it was rendered from.
    pub revision: String,
}

/// An operation under way.
pub struct Running {
    /// Its id.
    pub id: Uuid,
    /// What it syncs to; `None` for a removal.
    pub to: Option<Complete>,
    /// Its state.
    pub operation: SyncOperation,
}

/// The durable form of a target, inventory aside.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// Format; 1.
    pub v: u32,
    /// The bundle that live is compared with: (bundle, settings, commit).
    pub desired: Option<(Digest, Digest, String)>,
    /// The bundle of the last operation that was started: (bundle, settings, commit).
    pub synced: Option<(Digest, Digest, String)>,
    /// The running or last operation.
    pub operation: Option<OperationState>,
    /// The running or last operation that a person asked for: an id is never run twice, and its result is kept until the hub has it.
    pub manual: Option<OperationState>,
    /// Failures in a row at syncing to `synced`.
    pub failures: u32,
}

// === impl Target ===

impl Target {
    /// A target as its row first appears.
    pub fn new(row: TargetRow) -> Self {
        Self {
            row,
            frozen: false,
            desired: None,
            unwritten: None,
            record: Record { v: 1, ..Record::default() },
            inventory: Inventory::default(),
            running: None,
            inventory_lost: false,
            looking: BTreeSet::new(),
            resting: BTreeSet::new(),
            doubted: BTreeSet::new(),
            unknown_since: None,
            fetch_at: None,
            asked: None,
            fetches_failed: 0,
            look_at: None,
            wake_at: None,
            retry_at: None,
            kinds_changed: false,
            heals: Vec::new(),
            conditions: Vec::new(),
            reported: None,
            storage_error: None,
        }
    }

    /// The application's name.
    pub fn name(&self) -> &ApplicationName {
        match &self.row {
            TargetRow::Present(spec) => &spec.name,
            TargetRow::Removing(removing) => &removing.name,
        }
    }

    /// Who we are, for this target.
    pub fn owner(&self, installation: &str) -> Owner {
        let default_namespace = match &self.row {
            TargetRow::Present(spec) => spec.default_namespace.clone(),
            TargetRow::Removing(_) => String::new(),
        };
        Owner { installation: installation.to_owned(), application: self.name().clone(), default_namespace }
    }

    /// Whether the last operation brought the desired bundle and settings all the way.
    pub fn is_settled(&self) -> bool {
        let Some(desired) = &self.desired else { return false };
        let synced = self
            .record
            .synced
            .as_ref()
            .is_some_and(|(bundle, settings, _)| *bundle == desired.digest && *settings == desired.settings_digest);
        // What a person's own operation came to does not call for another one.
        let manual = |op: &OperationState| self.record.manual.as_ref().is_some_and(|manual| manual.id == op.id);
        synced
            && self.record.operation.as_ref().is_none_or(|op| {
                op.phase == OperationPhase::Succeeded || (manual(op) && op.phase != OperationPhase::Running)
            })
    }

    /// Whether a person's operation with this id ended already. One that was cut off by a restart is carried on under its id.
    pub fn knows_operation(&self, id: Uuid) -> bool {
        self.record.manual.as_ref().is_some_and(|op| op.id == id && op.phase != OperationPhase::Running)
    }

    /// Asks to be evaluated no later than `at`.
    pub fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Its durable records: (name, bytes).
    pub fn records(&self, application: Uuid) -> Vec<(String, Option<Bytes>)> {
        let record = serde_json::to_vec(&self.record).unwrap_or_default();
        vec![
            (record_name(application), Some(Bytes::from(record))),
            (inventory_name(application), Some(Bytes::from(self.inventory.to_bytes()))),
        ]
    }

    /// Reads its durable records back.
    pub fn restore(&mut self, record: &[u8], inventory: &[u8]) -> Result<(), String> {
        self.record = serde_json::from_slice(record).map_err(|e| format!("the durable record is unreadable: {e}"))?;
        self.inventory = Inventory::from_bytes(inventory).map_err(|e| e.to_string())?;
        Ok(())
    }
}

/// Name of a target's record.
pub fn record_name(application: Uuid) -> String {
    format!("target/{application}")
}

/// Name of a target's inventory.
pub fn inventory_name(application: Uuid) -> String {
    format!("inventory/{application}")
}

/// Name of a row.
pub fn row_name(application: Uuid) -> String {
    format!("row/{application}")
}
