//! One target's state: what is wanted, what was done, what is under way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use windlass_domain::bundle::Bundle;
use windlass_domain::customization::Customizations;
use windlass_domain::digest::Digest;
use windlass_domain::hook::Phase;
use windlass_domain::ignore::{Rules, Selection};
use windlass_domain::inventory::Inventory;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::name::ApplicationName;
use windlass_domain::operation::OperationPhase;
use windlass_domain::ownership::Owner;
use windlass_domain::status::{Condition, OperationState};
use windlass_domain::sync::heal::{Conflict, Heals};
use windlass_domain::target::{TargetRow, TargetSettings};
use windlass_domain::time::Timestamp;
use windlass_domain::traits::TraitsMap;

use super::blocked::Blocked;
use super::running::{Recorded, Running};
use crate::desired::Change;
use crate::script::judge::{Lens, Script};

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
    pub running: Option<Box<Running>>,
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
    /// Contents that it waits for.
    pub lacks: BTreeSet<Digest>,
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
    /// What was healed lately.
    pub heals: Heals,
    /// Conditions last reported, for their `since`.
    pub conditions: Vec<Condition>,
    /// What was last reported, by its digest, and when.
    pub reported: Option<(Option<Digest>, Timestamp)>,
    /// Why nothing may be begun.
    pub blocked: Option<Blocked>,
    /// Whoever keeps writing against git.
    pub conflicts: Vec<Conflict>,
    /// Whose fields were taken when an object was last healed.
    pub writers: BTreeMap<ResourceKey, String>,
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
    /// What its manifests say of themselves.
    pub traits: Arc<TraitsMap>,
    /// The commit it was rendered from.
    pub revision: String,
    /// What the installation says of kinds.
    pub customizations: Arc<Customizations>,
    /// Differences that are ignored: the application's and the installation's.
    pub rules: Arc<Rules>,
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
    /// The inventory was lost, or never was here: what is ours is known only by its marks, until the cluster was swept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// The default namespace, for the time when the row no longer has it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The running operation, where it cannot simply be planned again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<Box<Recorded>>,
    /// A person's operation that failed and is tried again: its id, its tries so far, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<(Uuid, u32, Timestamp)>,
    /// What that operation brings with each try: (bundle, settings, commit).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again_to: Option<(Digest, Digest, String)>,
    /// The last phase of a removal that was brought to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<Phase>,
    /// Jobs that finished and that their time to live removes, with the manifest they were made from and whether they completed: they are not run again.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(with = "by_key")]
    pub finished: BTreeMap<ResourceKey, (Digest, bool)>,
    /// What a person stopped: (bundle, settings). It is not begun again by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted: Option<(Digest, Digest)>,
    /// Objects of `synced` that cannot be changed in place: they wait until git or the options change.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub stuck: BTreeSet<ResourceKey>,
}

// === impl Complete ===

impl Complete {
    /// Every content that it needs, itself and its settings among them.
    pub fn members(&self) -> impl Iterator<Item = Digest> {
        let own = [Some(self.digest), Some(self.settings_digest), self.settings.customizations];
        self.bundle.entries.iter().map(|entry| entry.digest).chain(own.into_iter().flatten())
    }

    /// Whether anything is ignored, or judged by scripts, at all.
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty() || !self.customizations.health.is_empty()
    }

    /// What is ignored of an object, and whose script judges it.
    pub fn lens(&self, key: &ResourceKey) -> Lens {
        let script = |(key, source): (&str, &str)| Arc::new(Script { key: key.to_owned(), source: source.to_owned() });
        let selection = if self.rules.is_empty() { Selection::default() } else { self.rules.for_object(key) };
        Lens { selection, health: self.customizations.health_of(&key.group, &key.kind).map(script) }
    }
}

// === impl Record ===

impl Record {
    /// The bundles that it names, whose contents must stay: (bundle, settings, commit).
    pub fn kept_bundles(&self) -> impl Iterator<Item = &(Digest, Digest, String)> {
        self.desired.iter().chain(&self.synced).chain(&self.again_to)
    }
}

// === impl Target ===

impl Target {
    /// The user as whom it is written, where its project names one.
    pub fn write_as(&self) -> Option<&str> {
        self.desired.as_ref()?.settings.write_as.as_deref()
    }

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
            looking: BTreeSet::new(),
            resting: BTreeSet::new(),
            doubted: BTreeSet::new(),
            unknown_since: None,
            fetch_at: None,
            lacks: BTreeSet::new(),
            asked: None,
            fetches_failed: 0,
            look_at: None,
            wake_at: None,
            retry_at: None,
            kinds_changed: false,
            heals: Heals::default(),
            conditions: Vec::new(),
            reported: None,
            blocked: None,
            conflicts: Vec::new(),
            writers: BTreeMap::new(),
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
            TargetRow::Removing(_) => self.record.namespace.clone(),
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

    /// The operation that nobody asked for and that a restart cut off before it had a record of its own: it goes on under its id, planned anew.
    pub fn interrupted(&self) -> Option<Uuid> {
        let manual = self.record.manual.as_ref().map(|manual| manual.id);
        let is_cut_off = |op: &&OperationState| op.phase == OperationPhase::Running && Some(op.id) != manual;
        self.record.operation.as_ref().filter(is_cut_off).map(|op| op.id)
    }

    /// Asks to be evaluated no later than `at`.
    pub fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// The wall clock stepped back by `by`: what was a while off is as long a while off from now.
    pub fn stepped_back(&mut self, by: jiff::SignedDuration) {
        let earlier = |at: &mut Timestamp| *at = at.saturating_sub(by).unwrap_or(*at);
        let times =
            [&mut self.unknown_since, &mut self.fetch_at, &mut self.look_at, &mut self.wake_at, &mut self.retry_at];
        times.into_iter().flatten().for_each(earlier);
        // What it counts lies in the future now, and would hold heals up.
        self.heals = Heals::default();
        self.asked.iter_mut().for_each(|(_, deadline)| earlier(deadline));
        self.reported.iter_mut().for_each(|(_, at)| earlier(at));
        if let Some(running) = &mut self.running {
            running.wakes = running.wakes.iter().map(|at| at.saturating_sub(by).unwrap_or(*at)).collect();
        }
    }

    /// Its durable records.
    ///
    /// # Errors
    /// The record cannot be written down: the last one that could stays.
    pub fn records(&self, application: Uuid) -> Result<Vec<Change>, serde_json::Error> {
        let record = serde_json::to_vec(&self.record)?;
        Ok(vec![
            (record_name(application), Some(Bytes::from(record))),
            (inventory_name(application), Some(Bytes::from(self.inventory.to_bytes()))),
        ])
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

/// A map whose keys are no strings, as a list of pairs.
mod by_key {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use windlass_domain::digest::Digest;
    use windlass_domain::manifest::ResourceKey;

    type Map = BTreeMap<ResourceKey, (Digest, bool)>;

    pub(super) fn serialize<S: Serializer>(map: &Map, serializer: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map, D::Error> {
        Ok(Vec::<(ResourceKey, (Digest, bool))>::deserialize(deserializer)?.into_iter().collect())
    }
}
