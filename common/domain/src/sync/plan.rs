//! From how a target stands to what is done about it.

use serde::{Deserialize, Serialize};

use super::prune::takes_others_along;
use super::{Assessment, Facts, ObjectState, assess, order};
use crate::application::Cascade;
use crate::digest::Digest;
use crate::discovery::Discovery;
use crate::inventory::Inventory;
use crate::live::{LiveState, Observed};
use crate::manifest::ResourceKey;
use crate::ownership::Owner;
use crate::status::Hold;
use crate::target::Removing;

/// What a sync is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    /// Whether objects that left git are deleted.
    pub prune: bool,
    /// Only what was changed or deleted in the cluster is restored; what git changed waits for a sync.
    pub heal_only: bool,
}

/// Actions in the order in which they are carried out; those of one group may run at the same time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyncPlan {
    /// What is done.
    pub actions: Vec<SyncAction>,
    /// Deletions that were left out, because they wait for a person.
    pub hold: Option<Hold>,
    /// Objects that were left alone: key and why.
    pub skipped: Vec<(ResourceKey, String)>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncAction {
    /// Groups run one after the other.
    pub group: u32,
    /// What is done.
    pub verb: Verb,
    /// To what, the namespace filled in.
    pub key: ResourceKey,
    /// `group/version`.
    pub api_version: String,
    /// Why, for people.
    pub reason: String,
}

/// What is done to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verb {
    /// Made when missing; claims nothing (CreateNamespace).
    EnsureNamespace,
    /// Server-side apply.
    Apply {
        /// The manifest.
        digest: Digest,
        /// Whether the object is there without being ours yet: its previous owner's fields are taken over.
        adopt: bool,
    },
    /// Deleted, when its uid is still this one, and forgotten once it is proved gone.
    Delete {
        /// The object that was assessed.
        uid: String,
        /// How the garbage collector treats dependants.
        propagation: Cascade,
    },
    /// Dropped from the inventory: it is proved gone, or somebody else's.
    Forget,
}

/// Plans a sync of what [`assess`] finds.
pub fn plan(facts: &Facts<'_>, intent: Intent) -> (Assessment, SyncPlan) {
    let assessment = assess(facts);
    let mut plan = SyncPlan::default();
    for (key, standing) in &assessment.objects {
        match (apply_reason(&standing.state, intent), standing.digest) {
            (Some(reason), Some(digest)) => {
                let adopt = matches!(standing.state, ObjectState::Unadopted | ObjectState::Incomparable(_));
                let group = 1 + order::rank(&key.kind) as u32;
                plan.push(group, Verb::Apply { digest, adopt }, key, &standing.api_version, reason);
            }
            _ => plan.skip(key, &standing.state),
        }
    }
    if facts.settings.create_namespace {
        ensure_namespace(facts, &mut plan);
    }
    for (key, standing) in &assessment.objects {
        match &standing.state {
            ObjectState::Gone => plan.push(LAST, Verb::Forget, key, &standing.api_version, "gone"),
            ObjectState::Extra(uid) if intent.prune && !intent.heal_only && assessment.hold.is_none() => {
                let verb = Verb::Delete { uid: uid.clone(), propagation: Cascade::Foreground };
                plan.push(delete_group(key), verb, key, &standing.api_version, "no longer in git");
            }
            _ => {}
        }
    }
    plan.hold = assessment.hold.clone().filter(|_| intent.prune && !intent.heal_only);
    plan.actions.sort_by(|a, b| (a.group, &a.key).cmp(&(b.group, &b.key)));
    (assessment, plan)
}

/// Plans a target's removal: everything that is ours goes, last kinds first; with [`Cascade::Orphan`] it is only forgotten. A kind that a complete discovery
/// no longer has took its objects along. Where nobody asked for the removal, what takes other objects along is left (promise P2): a mistyped label must not
/// delete a namespace.
pub fn plan_removal(
    inventory: &Inventory,
    live: &LiveState,
    owner: &Owner,
    discovery: &Discovery,
    removing: &Removing,
) -> SyncPlan {
    let cascade = removing.cascade;
    let mut plan = SyncPlan::default();
    for (key, owned) in &inventory.entries {
        let forget = |plan: &mut SyncPlan, why: &str| plan.push(LAST, Verb::Forget, key, &owned.api_version, why);
        let is_served = discovery.find_kind(&key.group, &key.kind).is_some();
        match live.get(key) {
            _ if cascade == Cascade::Orphan => forget(&mut plan, "left in place"),
            _ if !is_served && discovery.failed_groups.contains(&key.group) => {
                plan.skipped.push((key.clone(), "the discovery of its API group fails".into()));
            }
            _ if !is_served => forget(&mut plan, "its kind is gone"),
            Observed::Absent => forget(&mut plan, "gone"),
            Observed::Unknown(why) => plan.skipped.push((key.clone(), why)),
            Observed::Present(object) if !owner.owns(key, &object, inventory.applied_uid(key)) => {
                forget(&mut plan, "never applied, or somebody else's by now");
            }
            Observed::Present(_) if removing.unasked && takes_others_along(key) => {
                forget(&mut plan, "left in place: nobody asked for it to be deleted with what is in it");
            }
            Observed::Present(object) if object.kept_on_delete.is_some() => forget(&mut plan, "it asks to be kept"),
            Observed::Present(object) => {
                let verb = Verb::Delete { uid: object.uid, propagation: cascade };
                plan.push(delete_group(key), verb, key, &owned.api_version, "the application is being removed");
            }
        }
    }
    plan.actions.sort_by(|a, b| (a.group, &a.key).cmp(&(b.group, &b.key)));
    plan
}

/// After every apply.
const LAST: u32 = 10_000;

/// Deletions come after all applies, in the reverse order of kinds.
fn delete_group(key: &ResourceKey) -> u32 {
    LAST - 1 - order::rank(&key.kind) as u32
}

fn apply_reason(state: &ObjectState, intent: Intent) -> Option<&'static str> {
    match state {
        ObjectState::Missing => Some("missing"),
        ObjectState::Drifted(_) => Some("changed in the cluster"),
        ObjectState::Outdated if !intent.heal_only => Some("git has a newer version"),
        ObjectState::Unadopted if !intent.heal_only => Some("first apply"),
        // Somebody asked for a sync: the answer of a comparison is not waited for, an apply of the same changes nothing.
        ObjectState::Incomparable(_) if !intent.heal_only => Some("not compared"),
        _ => None,
    }
}

/// Only where something is about to be created in it: an existing namespace is not asked about.
fn ensure_namespace(facts: &Facts<'_>, plan: &mut SyncPlan) {
    let namespace = &facts.owner.default_namespace;
    let creates = plan.actions.iter().any(|action| action.key.namespace == *namespace && action.reason == "missing");
    let declared = facts
        .bundle
        .entries
        .iter()
        .any(|e| e.key.kind == "Namespace" && e.key.group.is_empty() && e.key.name == *namespace);
    if creates && !declared && !namespace.is_empty() {
        let key = ResourceKey {
            group: String::new(),
            kind: "Namespace".into(),
            namespace: String::new(),
            name: namespace.clone(),
        };
        plan.push(0, Verb::EnsureNamespace, &key, "v1", "CreateNamespace=true");
    }
}

// === impl SyncPlan ===

impl SyncPlan {
    fn push(&mut self, group: u32, verb: Verb, key: &ResourceKey, api_version: &str, reason: &str) {
        self.actions.push(SyncAction {
            group,
            verb,
            key: key.clone(),
            api_version: api_version.to_owned(),
            reason: reason.to_owned(),
        });
    }

    fn skip(&mut self, key: &ResourceKey, state: &ObjectState) {
        let why = match state {
            ObjectState::Refused(owner) => format!("belongs to {owner}"),
            ObjectState::Deleting => "is being deleted".to_owned(),
            // Whether it lives in a namespace is not known either. The cluster's next resource list leads back here.
            ObjectState::NotServed => {
                "waits for its kind: the cluster does not serve it; install its CustomResourceDefinition".to_owned()
            }
            ObjectState::Unknown(why) => why.clone(),
            _ => return,
        };
        self.skipped.push((key.clone(), why));
    }
}
