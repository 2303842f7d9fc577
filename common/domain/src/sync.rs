//! What stands between a target's desired bundle and its cluster: assessed per object, and planned as a list of actions.
//!
//! [`assess`] says how every object stands and what must be asked before more can be said; [`plan()`] turns that into actions. Both are functions of what is
//! known. The rules are Argo CD's (`docs/sync.md`), with ownership and held deletions on top.

use std::collections::BTreeMap;

use crate::bundle::{Bundle, BundleEntry};
use crate::digest::Digest;
use crate::discovery::Discovery;
use crate::health::{Health, HealthStatus};
use crate::inventory::Inventory;
use crate::live::{Drift, DryRun, LiveObject, LiveState, Observed};
use crate::manifest::{ResourceKey, version_of};
use crate::ownership::{Claim, Owner};
use crate::status::{Hold, ResourceStatus, SyncStatus};
use crate::target::{Adoption, Approval, TargetSettings};

pub mod order;
pub mod plan;
pub mod prune;

pub use plan::{Intent, SyncAction, SyncPlan, Verb, plan, plan_removal};

/// Everything a decision about one target looks at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The complete bundle that live is compared with.
    pub bundle: &'a Bundle,
    /// Its address.
    pub bundle_digest: Digest,
    /// How the target is kept.
    pub settings: &'a TargetSettings,
    /// What a person allowed to be deleted.
    pub approval: Option<&'a Approval>,
    /// What a person allowed to be taken over.
    pub adoption: Option<&'a Adoption>,
    /// Who we are.
    pub owner: &'a Owner,
    /// What the cluster serves.
    pub discovery: &'a Discovery,
    /// What is known of the objects.
    pub live: &'a LiveState,
    /// What we own.
    pub inventory: &'a Inventory,
}

/// How a target stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assessment {
    /// Every object that git names, and every one that it no longer does, by key.
    pub objects: BTreeMap<ResourceKey, Standing>,
    /// What must be asked of the cluster before more can be said.
    pub needs: Vec<Need>,
    /// Deletions that wait for a person, whether or not a prune was asked for.
    pub hold: Option<Hold>,
}

/// How one object stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// `group/version`.
    pub api_version: String,
    /// Address of its manifest; `None` for an object that git no longer has.
    pub digest: Option<Digest>,
    /// What it is like.
    pub state: ObjectState,
    /// Its health, where it is there and its kind has a check.
    pub health: Option<Health>,
}

/// What an object is like, compared with git.
#[derive(Debug, Clone, PartialEq)]
pub enum ObjectState {
    /// As git says.
    Synced,
    /// Not there.
    Missing,
    /// There, ours, and applied from another manifest.
    Outdated,
    /// There, and not ours yet: a first apply would change it.
    Unadopted,
    /// There, and changed by somebody since our apply; where.
    Drifted(Vec<String>),
    /// Somebody else's; whose.
    Refused(String),
    /// Being deleted; it is applied again once it is gone.
    Deleting,
    /// Git no longer has it: a sync that prunes deletes it. Its uid.
    Extra(String),
    /// Git no longer has it and it asks to be kept; by which option.
    Kept(String),
    /// Git no longer has it and it is gone: the inventory may forget it.
    Gone,
    /// The cluster does not serve its kind.
    NotServed,
    /// It is there, and not compared (yet); why.
    Incomparable(String),
    /// Not even whether it is there can be said; why.
    Unknown(String),
}

/// A question to the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A GET of an object's metadata: the first touch of a key, or a proof of absence.
    Look {
        /// The object.
        key: ResourceKey,
        /// `group/version`.
        api_version: String,
    },
    /// A forced server-side dry run of a manifest, once per (manifest, uid).
    DryRun {
        /// The object.
        key: ResourceKey,
        /// The manifest.
        digest: Digest,
        /// The live object.
        uid: String,
    },
}

/// Compares a target's bundle and inventory with what is known of its cluster.
pub fn assess(facts: &Facts<'_>) -> Assessment {
    let mut assessment = Assessment::default();
    for entry in &facts.bundle.entries {
        let namespaced = facts.discovery.find(&entry.api_version, &entry.key.kind).map(|r| r.namespaced);
        let key = scoped(facts, &entry.key, namespaced);
        let state = match namespaced {
            None => ObjectState::NotServed,
            Some(_) => wanted(facts, &key, entry, &mut assessment.needs),
        };
        let health = health_of(facts, &key);
        assessment.objects.insert(
            key,
            Standing { api_version: entry.api_version.clone(), digest: Some(entry.digest), state, health },
        );
    }
    let mut set = Vec::new();
    for (key, owned) in &facts.inventory.entries {
        if !assessment.objects.contains_key(key) {
            let state = unwanted(facts, key, &owned.api_version, &mut assessment.needs);
            if let ObjectState::Extra(uid) = &state {
                set.push((key.clone(), uid.clone()));
            }
            let standing =
                Standing { api_version: owned.api_version.clone(), digest: None, state, health: health_of(facts, key) };
            assessment.objects.insert(key.clone(), standing);
        }
    }
    assessment.hold = held(facts, &set);
    assessment
}

/// The key with its namespace. Of a kind that is not served (any more) only the inventory can tell whether it lives in one.
fn scoped(facts: &Facts<'_>, key: &ResourceKey, namespaced: Option<bool>) -> ResourceKey {
    let filled = key.clone().in_namespace(&facts.owner.default_namespace, true);
    match namespaced {
        Some(namespaced) => key.clone().in_namespace(&facts.owner.default_namespace, namespaced),
        None if facts.inventory.entries.contains_key(&filled) => filled,
        None => key.clone(),
    }
}

fn held(facts: &Facts<'_>, set: &prune::PruneSet) -> Option<Hold> {
    let in_use: Vec<ResourceKey> = set
        .iter()
        .filter(|(key, _)| prune::takes_others_along(key) && !facts.live.unused.contains(key))
        .map(|(key, _)| key.clone())
        .collect();
    let circumstances = prune::Circumstances {
        complete: facts.bundle.complete,
        bundled: facts.bundle.entries.len(),
        owned: facts.inventory.entries.len(),
        allow_empty: facts.settings.allow_empty,
    };
    let hold = prune::hold(set, &in_use, circumstances)?;
    let approved = facts.approval.is_some_and(|approval| {
        // An incomplete render is never pruned for, whatever anybody said.
        facts.bundle.complete && approval.set == hold.set && approval.bundle == facts.bundle_digest
    });
    if approved { None } else { Some(hold) }
}

/// An object that git names and whose kind is served.
fn wanted(facts: &Facts<'_>, key: &ResourceKey, entry: &BundleEntry, needs: &mut Vec<Need>) -> ObjectState {
    let owned = facts.inventory.entries.get(key);
    let applied = owned.and_then(|owned| owned.digest);
    match facts.live.get(key) {
        Observed::Absent => ObjectState::Missing,
        Observed::Unknown(why) => {
            // A managed kind's watch answers by itself; a key that no watch covers yet is looked at once.
            if applied.is_none() {
                needs.push(Need::Look { key: key.clone(), api_version: entry.api_version.clone() });
            }
            ObjectState::Unknown(why)
        }
        Observed::Present(live) if live.deleting => ObjectState::Deleting,
        // Somebody took it over, by adoption or by force: two owners that both insist would fight for ever.
        Observed::Present(live) if applied.is_some() && taken_over(facts, key, &live).is_some() => {
            ObjectState::Refused(taken_over(facts, key, &live).unwrap_or_default())
        }
        Observed::Present(live) => match applied {
            Some(digest) if digest == entry.digest => match live.drift {
                Drift::None => ObjectState::Synced,
                Drift::Drifted(paths) => ObjectState::Drifted(paths),
                Drift::NoBaseline => ObjectState::Outdated,
            },
            Some(_) => dry_run(facts, key, entry, &live, ObjectState::Outdated, needs),
            None => unclaimed(facts, key, entry, &live, needs),
        },
    }
}

/// There, and not (or not provably) ours.
fn unclaimed(
    facts: &Facts<'_>,
    key: &ResourceKey,
    entry: &BundleEntry,
    live: &LiveObject,
    needs: &mut Vec<Need>,
) -> ObjectState {
    match refusal(facts, key, live) {
        Some(owner) => ObjectState::Refused(owner),
        None => dry_run(facts, key, entry, live, ObjectState::Unadopted, needs),
    }
}

/// Who took over an object that we applied. Our own tracking-id without an installation-id is no takeover: somebody removed a mark, which is drift.
fn taken_over(facts: &Facts<'_>, key: &ResourceKey, live: &LiveObject) -> Option<String> {
    let unmarked = live.installation_id.is_none() && live.tracking_id.as_deref() == Some(&facts.owner.tracking_id(key));
    if unmarked { None } else { refusal(facts, key, live) }
}

/// Who else owns an object, unless a person said that it may be taken.
fn refusal(facts: &Facts<'_>, key: &ResourceKey, live: &LiveObject) -> Option<String> {
    let adopted = facts.adoption.is_some_and(|adoption| adoption.keys.contains(key));
    match facts.owner.claim(key, live) {
        Claim::Refused(owner) if !adopted => Some(owner),
        _ => None,
    }
}

/// An automated target is about to apply: asking first would only cost time. Any other is compared by one cached dry run.
fn dry_run(
    facts: &Facts<'_>,
    key: &ResourceKey,
    entry: &BundleEntry,
    live: &LiveObject,
    otherwise: ObjectState,
    needs: &mut Vec<Need>,
) -> ObjectState {
    if facts.settings.automated {
        return otherwise;
    }
    match facts.live.dry_runs.get(&(entry.digest, live.uid.clone())) {
        Some(DryRun::Same) => ObjectState::Synced,
        Some(DryRun::Differs) => otherwise,
        Some(DryRun::Impossible(why)) => ObjectState::Incomparable(format!("it could not be compared: {why}")),
        None => {
            needs.push(Need::DryRun { key: key.clone(), digest: entry.digest, uid: live.uid.clone() });
            ObjectState::Incomparable("being compared by a dry run".into())
        }
    }
}

/// An object that git no longer names.
fn unwanted(facts: &Facts<'_>, key: &ResourceKey, api_version: &str, needs: &mut Vec<Need>) -> ObjectState {
    if facts.discovery.find_kind(&key.group, &key.kind).is_none() {
        // A group whose discovery failed, or a CRD that went away: nothing is concluded from it.
        return ObjectState::Unknown("the cluster does not serve its kind; it is kept in the inventory".into());
    }
    match facts.live.get(key) {
        Observed::Absent => ObjectState::Gone,
        Observed::Unknown(why) => {
            needs.push(Need::Look { key: key.clone(), api_version: api_version.to_owned() });
            ObjectState::Unknown(why)
        }
        // It was never applied, or somebody took it over or made it again: it is theirs.
        Observed::Present(live) if !facts.owner.owns(key, &live, facts.inventory.applied_uid(key)) => ObjectState::Gone,
        Observed::Present(live) if live.deleting => ObjectState::Deleting,
        Observed::Present(live) => {
            let by_application = || facts.settings.keep.then(|| "syncPolicy.syncOptions: Prune=false".to_owned());
            live.kept_on_prune.or_else(by_application).map_or(ObjectState::Extra(live.uid), ObjectState::Kept)
        }
    }
}

fn health_of(facts: &Facts<'_>, key: &ResourceKey) -> Option<Health> {
    match facts.live.get(key) {
        Observed::Present(live) => live.health,
        Observed::Absent | Observed::Unknown(_) => None,
    }
}

// === impl Assessment ===

impl Assessment {
    /// What is reported of each object. `Gone` ones are not reported.
    pub fn statuses(&self) -> Vec<ResourceStatus> {
        let reported = self.objects.iter().filter(|(_, standing)| standing.state != ObjectState::Gone);
        reported.map(|(key, standing)| standing.status(key)).collect()
    }

    /// The worst of all objects: OutOfSync before Unknown, because what is known to differ is known.
    pub fn sync(&self) -> SyncStatus {
        let of = |wanted: SyncStatus| {
            self.objects.iter().any(|(_, s)| s.state != ObjectState::Gone && s.state.sync() == wanted)
        };
        if of(SyncStatus::OutOfSync) {
            SyncStatus::OutOfSync
        } else if of(SyncStatus::Unknown) {
            SyncStatus::Unknown
        } else {
            SyncStatus::Synced
        }
    }

    /// Objects that somebody else owns.
    pub fn refused(&self) -> impl Iterator<Item = (&ResourceKey, &str)> {
        self.objects.iter().filter_map(|(key, standing)| match &standing.state {
            ObjectState::Refused(owner) => Some((key, owner.as_str())),
            _ => None,
        })
    }
}

// === impl Standing ===

impl Standing {
    fn status(&self, key: &ResourceKey) -> ResourceStatus {
        let (health, message) = self.state.words();
        ResourceStatus {
            key: key.clone(),
            version: version_of(&self.api_version).to_owned(),
            sync: self.state.sync(),
            health: health.map(|status| Health { status, message: String::new() }).or_else(|| self.health.clone()),
            requires_pruning: matches!(self.state, ObjectState::Extra(_) | ObjectState::Kept(_)),
            message,
        }
    }
}

// === impl ObjectState ===

impl ObjectState {
    /// Argo CD's sync status of it.
    pub fn sync(&self) -> SyncStatus {
        match self {
            Self::Synced | Self::Gone => SyncStatus::Synced,
            Self::Unknown(_) | Self::Incomparable(_) => SyncStatus::Unknown,
            _ => SyncStatus::OutOfSync,
        }
    }

    /// Health that the state itself implies, and its sentence.
    fn words(&self) -> (Option<HealthStatus>, String) {
        match self {
            Self::Synced | Self::Gone => (None, String::new()),
            Self::Missing => (Some(HealthStatus::Missing), "not in the cluster".into()),
            Self::Outdated => (None, "git has a newer version".into()),
            Self::Unadopted => (None, "in the cluster, not applied by this application yet".into()),
            Self::Drifted(paths) if paths.is_empty() => (None, "changed in the cluster".into()),
            Self::Drifted(paths) => (None, format!("changed in the cluster: {}", paths.join(", "))),
            Self::Refused(owner) => (None, format!("belongs to {owner}; `windlass app adopt` takes it over")),
            Self::Deleting => (None, "being deleted".into()),
            Self::Extra(_) => (None, "no longer in git".into()),
            Self::Kept(option) => (None, format!("no longer in git; {option} keeps it")),
            Self::NotServed => (
                Some(HealthStatus::Missing),
                "the cluster does not serve this kind; install its CustomResourceDefinition".into(),
            ),
            Self::Incomparable(why) => (None, why.clone()),
            Self::Unknown(why) => (Some(HealthStatus::Unknown), why.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
