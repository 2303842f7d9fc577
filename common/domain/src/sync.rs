//! What stands between a target's desired bundle and its cluster: assessed per object, and planned as a list of actions.
//!
//! [`assess`] says how every object stands and what must be asked before more can be said; [`plan()`] turns that into actions. Both are functions of what is
//! known. The rules are Argo CD's (`docs/sync.md`), with ownership and held deletions on top.

use std::collections::{BTreeMap, BTreeSet};

use crate::bundle::{Bundle, BundleEntry};
use crate::digest::Digest;
use crate::discovery::Discovery;
use crate::health::{Health, HealthStatus};
use crate::inventory::Inventory;
use crate::live::{Drift, DryRun, LiveObject, LiveState, Observed};
use crate::manifest::{ResourceKey, version_of};
use crate::options::Keep;
use crate::ownership::{Claim, Owner};
use crate::status::{Hold, ResourceStatus, SyncStatus};
use crate::target::{Adoption, Approval, TargetSettings};
use crate::traits::TraitsMap;

pub mod heal;
mod hooks;
pub mod order;
pub mod plan;
pub mod prune;
pub mod removal;

pub use plan::{DryRunStage, HookTask, Intent, SyncAction, SyncPlan, Verb, WriteOptions, plan};
pub use removal::{RemovalFacts, plan_removal};

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
    /// What the bundle's manifests say of themselves.
    pub traits: &'a TraitsMap,
    /// A person confirmed the deletions of this bundle.
    pub deletion_confirmed: bool,
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
    /// Objects that another application of this installation claims too, and whose (`FailOnSharedResource=false`).
    pub shared: Vec<(ResourceKey, String)>,
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
    /// Its health counts for nothing in the whole, by its own wish.
    pub health_ignored: bool,
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
    /// Its project does not permit it; the rule.
    Fenced(String),
    /// Being deleted; it is applied again once it is gone.
    Deleting,
    /// Git no longer has it: a sync that prunes deletes it. Its uid.
    Extra(String),
    /// Git no longer has it; it is deleted once a person confirmed it (`Prune=confirm`). Its uid.
    Unconfirmed(String),
    /// Git no longer has it and it asks to be kept; by which option.
    Kept(String),
    /// Git no longer has it and it is gone: the inventory may forget it.
    Gone,
    /// The cluster does not serve its kind.
    NotServed,
    /// The cluster does not serve its kind yet: its CustomResourceDefinition is in the same bundle.
    Awaited,
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
    /// A forced server-side dry run of an applied manifest, for a baseline under the ignore rules of now.
    Rebase {
        /// The object.
        key: ResourceKey,
        /// The manifest.
        digest: Digest,
    },
}

/// Compares a target's bundle and inventory with what is known of its cluster.
pub fn assess(facts: &Facts<'_>) -> Assessment {
    let mut assessment = Assessment::default();
    let (mut released, defined) = (BTreeSet::new(), defined(facts));
    for entry in &facts.bundle.entries {
        let served = facts.discovery.find(&entry.api_version, &entry.key.kind).map(|r| r.namespaced);
        let comes = defined.get(&(entry.key.group.as_str(), entry.key.kind.as_str())).copied();
        let key = scoped(facts, &entry.key, served.or(comes));
        if !facts.traits.get(&entry.digest).is_kept() {
            released.insert(key);
            continue;
        }
        let fence = |namespaced| facts.settings.fence.as_ref().and_then(|fence| fence.refuses(&key, namespaced));
        let state = match (served, comes) {
            (Some(namespaced), _) => match fence(namespaced) {
                Some(rule) => ObjectState::Fenced(rule),
                None => wanted(facts, &key, entry, &mut assessment),
            },
            (None, Some(namespaced)) => fence(namespaced).map_or(ObjectState::Awaited, ObjectState::Fenced),
            (None, None) => ObjectState::NotServed,
        };
        let (health, health_ignored) = health_of(facts, &key);
        let (api_version, digest) = (entry.api_version.clone(), Some(entry.digest));
        assessment.objects.insert(key, Standing { api_version, digest, state, health, health_ignored });
    }
    let mut set = Vec::new();
    for (key, owned) in &facts.inventory.entries {
        if !assessment.objects.contains_key(key) {
            let state = if released.contains(key) {
                // It became a hook, or is passed over by its own wish: nothing is kept of it, and it is not deleted for it.
                ObjectState::Gone
            } else {
                unwanted(facts, key, &owned.api_version, &mut assessment.needs)
            };
            if let ObjectState::Extra(uid) | ObjectState::Unconfirmed(uid) = &state {
                set.push((key.clone(), uid.clone()));
            }
            let (health, health_ignored) = health_of(facts, key);
            let api_version = owned.api_version.clone();
            let standing = Standing { api_version, digest: None, state, health, health_ignored };
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

/// Kinds that the bundle itself defines, and whether their objects live in a namespace.
fn defined<'a>(facts: &Facts<'a>) -> BTreeMap<(&'a str, &'a str), bool> {
    let in_bundle = |digest: &Digest| facts.bundle.entries.iter().any(|entry| entry.digest == *digest);
    let defines = facts.traits.iter().filter_map(|(digest, traits)| Some((digest, traits.defines.as_ref()?)));
    defines
        .filter(|(digest, _)| in_bundle(digest))
        .map(|(_, defines)| ((defines.group.as_str(), defines.kind.as_str()), defines.namespaced))
        .collect()
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
        replaced: prune::replaced(set, facts.bundle.entries.iter().map(|entry| &entry.key)),
        allow_empty: facts.settings.allow_empty,
        limits: facts.settings.prune_limits.unwrap_or_default(),
    };
    let hold = prune::hold(set, &in_use, circumstances)?;
    let approved = facts.approval.is_some_and(|approval| {
        // An incomplete render is never pruned for, whatever anybody said.
        facts.bundle.complete && approval.set == hold.set && approval.bundle == facts.bundle_digest
    });
    if approved { None } else { Some(hold) }
}

/// An object that git names and whose kind is served.
fn wanted(facts: &Facts<'_>, key: &ResourceKey, entry: &BundleEntry, assessment: &mut Assessment) -> ObjectState {
    let owned = facts.inventory.entries.get(key);
    let applied = owned.and_then(|owned| owned.digest);
    match facts.live.get(key) {
        Observed::Absent => ObjectState::Missing,
        Observed::Unknown(why) => {
            // A managed kind's watch answers by itself; a key that no watch covers yet is looked at once.
            if applied.is_none() {
                assessment.needs.push(Need::Look { key: key.clone(), api_version: entry.api_version.clone() });
            }
            ObjectState::Unknown(why)
        }
        Observed::Present(live) if live.deleting => ObjectState::Deleting,
        Observed::Present(live) => match whose(facts, key, &live, applied.is_some()) {
            Whose::Theirs(owner) => ObjectState::Refused(owner),
            Whose::Shared(owner) => {
                assessment.shared.push((key.clone(), owner));
                compared(facts, key, entry, &live, applied, &mut assessment.needs)
            }
            Whose::Ours => compared(facts, key, entry, &live, applied, &mut assessment.needs),
        },
    }
}

/// There, and ours to write.
fn compared(
    facts: &Facts<'_>,
    key: &ResourceKey,
    entry: &BundleEntry,
    live: &LiveObject,
    applied: Option<Digest>,
    needs: &mut Vec<Need>,
) -> ObjectState {
    match applied {
        Some(digest) if digest == entry.digest => match &live.drift {
            Drift::None => ObjectState::Synced,
            Drift::Drifted(paths) => ObjectState::Drifted(paths.clone()),
            Drift::NoBaseline => ObjectState::Outdated,
            Drift::OtherRules => {
                needs.push(Need::Rebase { key: key.clone(), digest: entry.digest });
                ObjectState::Unknown("being compared under its ignore rules".into())
            }
            Drift::Incomparable(why) => ObjectState::Incomparable(why.clone()),
        },
        Some(_) => dry_run(facts, key, entry, live, ObjectState::Outdated, needs),
        None => dry_run(facts, key, entry, live, ObjectState::Unadopted, needs),
    }
}

/// Whose an object is, as far as writing it goes.
enum Whose {
    Ours,
    /// Another application of this installation claims it too, and both said that they share.
    Shared(String),
    Theirs(String),
}

/// Of an object that we applied our own tracking-id without an installation-id is no takeover: somebody removed a mark, which is drift. Whoever else took it
/// over, by adoption or by force, keeps it: two owners that both insist would fight for ever.
fn whose(facts: &Facts<'_>, key: &ResourceKey, live: &LiveObject, applied: bool) -> Whose {
    let own_mark = live.tracking_id.as_deref() == Some(&facts.owner.tracking_id(key));
    if applied && live.installation_id.is_none() && own_mark {
        return Whose::Ours;
    }
    let adopted = facts.adoption.is_some_and(|adoption| adoption.keys.contains(key));
    match facts.owner.claim(key, live) {
        Claim::Ours => Whose::Ours,
        Claim::Sibling(owner) if facts.settings.share => Whose::Shared(owner),
        Claim::Sibling(_) | Claim::Refused(_) if adopted => Whose::Ours,
        Claim::Sibling(owner) | Claim::Refused(owner) => Whose::Theirs(owner),
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
            let namespaced = !key.namespace.is_empty();
            let fence = facts.settings.fence.as_ref().and_then(|fence| fence.refuses(key, namespaced));
            match (live.kept_on_prune.or_else(|| kept_by_application(facts.settings)), fence) {
                (Some(Keep::Kept(option)), _) => ObjectState::Kept(option),
                (_, Some(rule)) => ObjectState::Kept(rule),
                (Some(Keep::Confirm), None) => ObjectState::Unconfirmed(live.uid),
                (Some(Keep::Deletable) | None, None) => ObjectState::Extra(live.uid),
            }
        }
    }
}

fn kept_by_application(settings: &TargetSettings) -> Option<Keep> {
    if settings.keep {
        Some(Keep::Kept("syncPolicy.syncOptions: Prune=false".to_owned()))
    } else {
        settings.confirm_prune.then_some(Keep::Confirm)
    }
}

fn health_of(facts: &Facts<'_>, key: &ResourceKey) -> (Option<Health>, bool) {
    match facts.live.get(key) {
        Observed::Present(live) => (live.health, live.health_ignored),
        Observed::Absent | Observed::Unknown(_) => (None, false),
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

    /// Whether a sync that prunes would delete something now.
    pub fn is_prunable(&self, deletion_confirmed: bool) -> bool {
        self.hold.is_none()
            && self.objects.values().any(|standing| match standing.state {
                ObjectState::Extra(_) => true,
                ObjectState::Unconfirmed(_) => deletion_confirmed,
                _ => false,
            })
    }

    /// Objects that the project does not permit, and the rule.
    pub fn fenced(&self) -> impl Iterator<Item = (&ResourceKey, &str)> {
        self.objects.iter().filter_map(|(key, standing)| match &standing.state {
            ObjectState::Fenced(rule) => Some((key, rule.as_str())),
            _ => None,
        })
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
            requires_pruning: matches!(
                self.state,
                ObjectState::Extra(_) | ObjectState::Unconfirmed(_) | ObjectState::Kept(_)
            ),
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
            Self::Fenced(rule) => (None, format!("not applied: {rule}")),
            Self::Deleting => (None, "being deleted".into()),
            Self::Extra(_) => (None, "no longer in git".into()),
            Self::Unconfirmed(_) => {
                (None, "no longer in git; Prune=confirm: its deletion waits for a confirmation".into())
            }
            Self::Kept(option) => (None, format!("no longer in git; {option} keeps it")),
            Self::NotServed => (
                Some(HealthStatus::Missing),
                "the cluster does not serve this kind; install its CustomResourceDefinition".into(),
            ),
            Self::Awaited => (
                Some(HealthStatus::Missing),
                "its kind comes with the CustomResourceDefinition of this application".into(),
            ),
            Self::Incomparable(why) => (None, why.clone()),
            Self::Unknown(why) => (Some(HealthStatus::Unknown), why.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
