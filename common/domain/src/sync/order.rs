//! The order of a sync, Argo CD's (`sync_tasks.go`): phase, wave, kind, name. Kinds are matched on kind alone, unknown ones last.
//!
//! A Namespace or CustomResourceDefinition that would come after something that needs it is moved before it, into its phase and wave. Deletions come last in
//! their wave and in the reverse order of kinds: what replaces an object is there before it goes.

use std::collections::BTreeMap;

use super::plan::{SyncAction, Verb, WriteOptions};
use crate::hook::Phase;
use crate::manifest::ResourceKey;

/// Kinds in the order in which they are applied; deletion goes the other way.
const KINDS: &[&str] = &[
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
];

/// Something to do, with what ordering needs to know of it.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub action: SyncAction,
    /// Of a CustomResourceDefinition: group and kind that it defines.
    pub defines: Option<(String, String)>,
    /// Deleted after everything else.
    pub last: bool,
}

/// What makes a task come before another one of its phase and wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// The namespace that CreateNamespace makes.
    First,
    /// Written, by kind.
    Write(usize),
    /// Deleted, last kinds first.
    Delete(std::cmp::Reverse<usize>),
    /// Forgotten.
    Forget,
}

/// Puts the tasks of a sync in order and gives out the groups: those of one group may be done at the same time.
pub(super) fn arrange(mut tasks: Vec<Task>) -> Vec<SyncAction> {
    mirror_deletions(&mut tasks);
    put_last(&mut tasks);
    in_order(tasks)
}

/// The same of a removal, whose waves are reversed already; what is only forgotten goes with the last step.
pub(super) fn arrange_removal(mut tasks: Vec<Task>, forgotten: Vec<Task>, last: (Phase, i32)) -> Vec<SyncAction> {
    tasks.extend(forgotten.into_iter().map(|mut task| {
        (task.action.phase, task.action.wave) = last;
        task
    }));
    in_order(tasks)
}

fn in_order(mut tasks: Vec<Task>) -> Vec<SyncAction> {
    tasks.sort_by(|a, b| sort_key(&a.action).cmp(&sort_key(&b.action)));
    let tasks = before_dependants(
        tasks,
        |task| is_namespace(&task.action.key).then(|| task.action.key.name.clone()),
        |task| Some(task.action.key.namespace.clone()).filter(|namespace| !namespace.is_empty()),
    );
    let tasks = before_dependants(
        tasks,
        |task| task.defines.clone(),
        |task| Some((task.action.key.group.clone(), task.action.key.kind.clone())),
    );
    let mut actions: Vec<SyncAction> = tasks.into_iter().map(|task| task.action).collect();
    let mut group = 0;
    let mut before: Option<(Phase, i32, Place)> = None;
    for action in &mut actions {
        let this = (action.phase, action.wave, place(action));
        if before.is_some_and(|before| before != this) {
            group += 1;
        }
        (action.group, before) = (group, Some(this));
    }
    actions
}

fn sort_key(action: &SyncAction) -> (Phase, i32, Place, &str, &ResourceKey) {
    (action.phase, action.wave, place(action), &action.key.name, &action.key)
}

fn place(action: &SyncAction) -> Place {
    match action.verb {
        Verb::EnsureNamespace => Place::First,
        Verb::Delete { .. } => Place::Delete(std::cmp::Reverse(rank(&action.key.kind))),
        Verb::Forget => Place::Forget,
        _ => Place::Write(rank(&action.key.kind)),
    }
}

fn is_namespace(key: &ResourceKey) -> bool {
    key.kind == "Namespace" && key.group.is_empty()
}

/// What was made first is deleted last: the lowest wave of all deletions is swapped with the highest, and so on inwards.
fn mirror_deletions(tasks: &mut [Task]) {
    let mut waves: Vec<i32> = tasks.iter().filter(|task| task.is_deletion()).map(|task| task.action.wave).collect();
    waves.sort_unstable();
    waves.dedup();
    for task in tasks.iter_mut().filter(|task| task.is_deletion()) {
        if let Ok(at) = waves.binary_search(&task.action.wave) {
            task.action.wave = waves[waves.len() - 1 - at];
        }
    }
}

/// `PruneLast`: one wave after everything else of the phase.
fn put_last(tasks: &mut [Task]) {
    let sync = tasks.iter().filter(|task| task.action.phase == Phase::Sync && !(task.is_deletion() && task.last));
    let wave = sync.map(|task| task.action.wave).max().unwrap_or(0).max(0).saturating_add(1);
    for task in tasks.iter_mut().filter(|task| task.is_deletion() && task.last) {
        task.action.wave = wave;
    }
}

/// Moves each task that others depend on before the first of them, unless it is there already. It takes over that one's phase and wave.
fn before_dependants<K: Ord>(
    mut tasks: Vec<Task>,
    provides: impl Fn(&Task) -> Option<K>,
    needs: impl Fn(&Task) -> Option<K>,
) -> Vec<Task> {
    // Indices would have to follow every move: the tasks that must move are known after one pass, and so is where to.
    let mut first: BTreeMap<K, usize> = BTreeMap::new();
    let mut moves: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, task) in tasks.iter().enumerate() {
        if matches!(task.action.verb, Verb::Delete { .. } | Verb::Forget | Verb::EnsureNamespace) {
            continue;
        }
        match provides(task) {
            Some(key) => {
                if let Some(to) = first.get(&key) {
                    moves.insert(at, *to);
                }
            }
            None => {
                if let Some(key) = needs(task) {
                    first.entry(key).or_insert(at);
                }
            }
        }
    }
    if moves.is_empty() {
        return tasks;
    }
    for (from, to) in &moves {
        let (phase, wave) = (tasks[*to].action.phase, tasks[*to].action.wave);
        (tasks[*from].action.phase, tasks[*from].action.wave) = (phase, wave);
    }
    let mut order: Vec<(usize, bool, usize)> =
        (0..tasks.len()).map(|at| moves.get(&at).map_or((at, true, at), |to| (*to, false, at))).collect();
    order.sort_unstable();
    let mut left: Vec<Option<Task>> = tasks.into_iter().map(Some).collect();
    order.into_iter().filter_map(|(_, _, at)| left[at].take()).collect()
}

// === impl Task ===

impl Task {
    /// A plain one: in the phase Sync and wave 0.
    pub(super) fn new(key: &ResourceKey, api_version: &str, verb: Verb, reason: &str) -> Self {
        let action = SyncAction {
            group: 0,
            phase: Phase::Sync,
            wave: 0,
            verb,
            key: key.clone(),
            api_version: api_version.to_owned(),
            reason: reason.to_owned(),
            options: WriteOptions::default(),
            hook: None,
            confirm: false,
        };
        Self { action, defines: None, last: false }
    }

    fn is_deletion(&self) -> bool {
        matches!(self.action.verb, Verb::Delete { .. })
    }
}

/// Where a kind stands; equal numbers may be applied at the same time.
pub fn rank(kind: &str) -> usize {
    KINDS.iter().position(|k| *k == kind).unwrap_or(KINDS.len())
}
