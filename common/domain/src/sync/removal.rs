//! What removing a target does.

use super::order::{self, Task};
use super::plan::{SyncPlan, Verb};
use super::{hooks, prune::takes_others_along};
use crate::application::Cascade;
use crate::bundle::Bundle;
use crate::discovery::Discovery;
use crate::hook::Phase;
use crate::inventory::Inventory;
use crate::live::{LiveObject, LiveState, Observed};
use crate::manifest::ResourceKey;
use crate::options::Keep;
use crate::ownership::Owner;
use crate::project::Fence;
use crate::target::Removing;
use crate::traits::TraitsMap;

/// Everything a removal looks at.
#[derive(Debug, Clone, Copy)]
pub struct RemovalFacts<'a> {
    /// What we own.
    pub inventory: &'a Inventory,
    /// What is known of the objects.
    pub live: &'a LiveState,
    /// Who we are, with the default namespace that the target had.
    pub owner: &'a Owner,
    /// What the cluster serves.
    pub discovery: &'a Discovery,
    /// What was asked.
    pub removing: &'a Removing,
    /// The last bundle that was desired, for its PreDelete and PostDelete hooks; `None` when it is not known (any more).
    pub bundle: Option<&'a Bundle>,
    /// What its manifests say of themselves.
    pub traits: &'a TraitsMap,
    /// As [`Intent::run`](super::Intent::run).
    pub run: &'a str,
    /// What the project permits; what it does not is left in place.
    pub fence: Option<&'a Fence>,
    /// The last phase that earlier operations of this removal brought to its end: its hooks do not run again.
    pub passed: Option<Phase>,
}

/// What becomes of one object.
enum Fate {
    Forgotten(String),
    Deleted { uid: String, wave: i32, confirm: bool },
    Skipped(String),
}

/// Plans a target's removal: PreDelete hooks, then everything that is ours, last waves first and one at a time, last kinds first, then PostDelete hooks. With
/// [`Cascade::Orphan`] it is only forgotten. A kind that a complete discovery no longer has took its objects along. A CustomResourceDefinition is left: its
/// deletion would delete every object of its kind, whoever made it. Where nobody asked for the removal, whatever takes other objects along is left (promise
/// P2): a mistyped label must not delete a namespace.
pub fn plan_removal(facts: &RemovalFacts<'_>) -> SyncPlan {
    let (mut plan, mut tasks) = (SyncPlan::default(), Vec::new());
    let mut forgotten = Vec::new();
    for (key, owned) in &facts.inventory.entries {
        match fate(facts, key) {
            Fate::Forgotten(why) => forgotten.push(Task::new(key, &owned.api_version, Verb::Forget, &why)),
            Fate::Skipped(why) => plan.skipped.push((key.clone(), why)),
            Fate::Deleted { uid, wave, confirm } => {
                let verb = Verb::Delete { uid, propagation: facts.removing.cascade };
                let mut task = Task::new(key, &owned.api_version, verb, "the application is being removed");
                (task.action.wave, task.action.confirm) = (wave, confirm);
                tasks.push(task);
            }
        }
    }
    if facts.removing.cascade != Cascade::Orphan {
        tasks.extend(hooks::of_removal(facts));
    }
    // An entry is forgotten in the last step: it must not make a step of its own.
    let last = tasks.iter().map(|task| (task.action.phase, task.action.wave)).max().unwrap_or_default();
    plan.actions = order::arrange_removal(tasks, forgotten, last);
    plan
}

fn fate(facts: &RemovalFacts<'_>, key: &ResourceKey) -> Fate {
    let RemovalFacts { inventory, live, owner, discovery, removing, .. } = *facts;
    let forgotten = |why: &str| Fate::Forgotten(why.to_owned());
    let resource = discovery.find_kind(&key.group, &key.kind);
    match live.get(key) {
        _ if removing.cascade == Cascade::Orphan => forgotten("left in place"),
        _ if resource.is_none() && discovery.failed_groups.contains(&key.group) => {
            Fate::Skipped("the discovery of its API group fails".into())
        }
        _ if resource.is_none() => forgotten("its kind is gone"),
        Observed::Absent => forgotten("gone"),
        Observed::Unknown(why) => Fate::Skipped(why),
        Observed::Present(object) if !owner.owns(key, &object, inventory.applied_uid(key)) => {
            forgotten("never applied, or somebody else's by now")
        }
        Observed::Present(_) if removing.unasked && takes_others_along(key) => {
            forgotten("left in place: nobody asked for it to be deleted with what is in it")
        }
        Observed::Present(_) if key.kind == "CustomResourceDefinition" => {
            forgotten("left in place: with it every object of its kind would go")
        }
        Observed::Present(object) => match &object.kept_on_delete {
            Some(Keep::Kept(option)) => Fate::Forgotten(format!("left in place: {option}")),
            keep => {
                let fence = resource.and_then(|resource| facts.fence?.refuses(key, resource.namespaced));
                fence.map_or_else(
                    || deleted(removing, &object, keep.as_ref()),
                    |rule| Fate::Forgotten(format!("left in place: {rule}")),
                )
            }
        },
    }
}

fn deleted(removing: &Removing, object: &LiveObject, keep: Option<&Keep>) -> Fate {
    let asks = match keep {
        Some(Keep::Deletable) => false,
        Some(_) => true,
        None => removing.confirm,
    };
    // Reverse waves: what was made last goes first.
    let wave = object.wave.saturating_neg();
    Fate::Deleted { uid: object.uid.clone(), wave, confirm: asks && !removing.deletion_confirmed }
}
