//! An operation begins.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tracing::info;
use uuid::Uuid;
use windlass_domain::digest::{Digest, hex};
use windlass_domain::inventory::InventoryEntry;
use windlass_domain::operation::{OperationPhase, SyncOperation};
use windlass_domain::status::OperationState;
use windlass_domain::sync::{SyncPlan, Verb};
use windlass_domain::time::Timestamp;

use super::engine::Engine;
use super::keep::Then;
use super::running::Running;
use super::target::Complete;

/// An operation that is about to begin.
pub(super) struct Begin {
    pub(super) id: Uuid,
    /// How often it was tried before.
    pub(super) attempt: u32,
    pub(super) by: String,
    /// Whether a person asked for it: its result is reported until the hub has it.
    pub(super) manual: bool,
    pub(super) deadline: Timestamp,
    /// What it syncs to; `None` for a removal.
    pub(super) to: Option<Complete>,
    /// Whether it brings all of what it syncs to: a selection and a trial do not.
    pub(super) whole: bool,
}

impl Engine {
    /// Begins an operation: its record and everything that it may create are durable before the first write.
    pub(super) fn start(&mut self, application: Uuid, begin: Begin, plan: SyncPlan) {
        let Begin { id, attempt, by, manual, deadline, to, whole } = begin;
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application) else { return };
        for action in &plan.actions {
            let served = self.parts.discovery.find(&action.api_version, &action.key.kind).is_some();
            if served && matches!(action.verb, Verb::Apply { .. }) {
                let entry = InventoryEntry { api_version: action.api_version.clone(), ..InventoryEntry::default() };
                target.inventory.entries.entry(action.key.clone()).or_insert(entry);
            }
        }
        if let Some(to) = to.as_ref().filter(|_| whole) {
            let synced = (to.digest, to.settings_digest, to.revision.clone());
            if target.record.synced.as_ref() != Some(&synced) {
                target.record.failures = 0;
                target.record.stuck.clear();
            }
            target.record.halted = None;
            target.record.synced = Some(synced);
        }
        let started_at = target.record.operation.as_ref().filter(|op| op.id == id).map_or(now, |op| op.started_at);
        target.record.operation = Some(OperationState {
            id,
            by: by.clone(),
            phase: OperationPhase::Running,
            message: format!("0 of {} actions carried out", plan.actions.len()),
            revision: to.as_ref().map(|to| to.revision.clone()).unwrap_or_default(),
            started_at,
            finished_at: None,
            results: vec![],
        });
        if manual {
            target.record.manual.clone_from(&target.record.operation);
        }
        (target.record.again, target.record.again_to) = (None, None);
        info!(application = %target.name(), operation = %id, attempt, by, actions = plan.actions.len(), held = plan.hold.is_some(), "operation begins");
        target.running = Some(Box::new(Running {
            id,
            attempt,
            manual,
            to,
            operation: SyncOperation::new(plan, deadline),
            resumed: false,
            begun: true,
            waiting: VecDeque::new(),
            told: BTreeMap::new(),
            wakes: BTreeSet::new(),
            awaiting_kind: BTreeMap::new(),
            superseded_by: None,
            blocked: None,
            confirmed: false,
        }));
        self.update_interest(application);
        self.keep(application, Then::Begin(id));
    }
}

/// The id of an operation that nobody asked for: from what it does, so that the same attempt has the same id.
pub(super) fn automated_id(application: Uuid, desired: &Complete, attempt: u32, now: Timestamp) -> Uuid {
    let mut what = desired.digest.to_bytes().to_vec();
    what.extend(desired.settings_digest.to_bytes());
    automated_id_of(application, &what, attempt, now)
}

pub(super) fn automated_id_of(application: Uuid, what: &[u8], attempt: u32, now: Timestamp) -> Uuid {
    let text = format!("{application} {} {attempt} {}", hex(what), now.as_millisecond());
    let digest = Digest::of(text.as_bytes()).to_bytes();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[1..17]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
