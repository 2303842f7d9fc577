//! Hooks: objects that are not kept but run, at one moment of a sync or of a removal. Argo CD's annotations, and Helm's read as Argo CD reads them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::manifest::annotation;

/// Argo CD's annotation: when the hook runs; several, separated by commas.
pub const HOOK: &str = "argocd.argoproj.io/hook";
/// Argo CD's annotation: when the hook is deleted.
pub const DELETE_POLICY: &str = "argocd.argoproj.io/hook-delete-policy";
/// Helm's annotation.
pub const HELM_HOOK: &str = "helm.sh/hook";
/// Helm's annotation: the hook's wave.
pub const HELM_WEIGHT: &str = "helm.sh/hook-weight";
/// Helm's annotation.
pub const HELM_DELETE_POLICY: &str = "helm.sh/hook-delete-policy";

/// Our finalizer: a hook cannot vanish before its outcome is durable.
pub const FINALIZER: &str = "windlass.dev/hook";
/// Our annotation on a hook: which run of which operation made it ([`crate::sync::HookTask::mark`]). A hook with the mark is never made again.
pub const MARK: &str = "windlass.dev/hook-run";

/// When something happens in an operation. Argo CD's names; their order is the order in which they run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Before a removal.
    PreDelete,
    /// Before the objects are applied.
    PreSync,
    /// With the objects.
    #[default]
    Sync,
    /// After every object is applied and healthy.
    PostSync,
    /// After a failure, instead of what was left.
    SyncFail,
    /// After a removal.
    PostDelete,
}

/// When a hook is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DeletePolicy {
    /// Before it is made again; the default.
    BeforeHookCreation,
    /// At the end of a sync that succeeded.
    HookSucceeded,
    /// At the end of a sync that failed.
    HookFailed,
}

/// What an object's annotations make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// An object that is kept.
    Object,
    /// A hook of these phases.
    Hook(Vec<Phase>),
    /// Neither applied nor looked at: `Skip`, or a Helm hook that no sync runs (test, rollback).
    Ignored,
}

/// What an object's annotations make of it. Argo CD's annotation hides Helm's.
pub fn role(object: &Value) -> Role {
    if let Some(csv) = annotation(object, HOOK) {
        return argo_cd(csv);
    }
    match annotation(object, HELM_HOOK) {
        Some(csv) => helm(csv),
        None => Role::Object,
    }
}

fn argo_cd(csv: &str) -> Role {
    let given: Vec<&str> = words(csv).collect();
    let phases = given.iter().filter_map(|name| {
        Some(match *name {
            "PreSync" => Phase::PreSync,
            "Sync" => Phase::Sync,
            "PostSync" => Phase::PostSync,
            "SyncFail" => Phase::SyncFail,
            "PreDelete" => Phase::PreDelete,
            "PostDelete" => Phase::PostDelete,
            _ => return None,
        })
    });
    match ordered(phases) {
        phases if !phases.is_empty() => Role::Hook(phases),
        // An annotation that names no hook at all is none: Argo CD keeps such an object as any other.
        _ if given.contains(&"Skip") => Role::Ignored,
        _ => Role::Object,
    }
}

fn helm(csv: &str) -> Role {
    let given: Vec<&str> = words(csv).collect();
    if given.contains(&"crd-install") {
        return Role::Object;
    }
    let phases = given.iter().filter_map(|name| {
        Some(match *name {
            "pre-install" | "pre-upgrade" => Phase::PreSync,
            "post-install" | "post-upgrade" => Phase::PostSync,
            "pre-delete" => Phase::PreDelete,
            "post-delete" => Phase::PostDelete,
            _ => return None,
        })
    });
    match ordered(phases) {
        phases if !phases.is_empty() => Role::Hook(phases),
        _ if given.is_empty() => Role::Object,
        _ => Role::Ignored,
    }
}

/// When a hook is deleted; never empty.
pub fn delete_policies(object: &Value) -> Vec<DeletePolicy> {
    let argo_cd = annotation(object, DELETE_POLICY).into_iter().flat_map(words).filter_map(|name| match name {
        "BeforeHookCreation" => Some(DeletePolicy::BeforeHookCreation),
        "HookSucceeded" => Some(DeletePolicy::HookSucceeded),
        "HookFailed" => Some(DeletePolicy::HookFailed),
        _ => None,
    });
    let helm = annotation(object, HELM_DELETE_POLICY).into_iter().flat_map(words).filter_map(|name| match name {
        "before-hook-creation" => Some(DeletePolicy::BeforeHookCreation),
        "hook-succeeded" => Some(DeletePolicy::HookSucceeded),
        "hook-failed" => Some(DeletePolicy::HookFailed),
        _ => None,
    });
    let mut policies = ordered(argo_cd.chain(helm));
    if policies.is_empty() {
        policies.push(DeletePolicy::BeforeHookCreation);
    }
    policies
}

fn ordered<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}

fn words(csv: &str) -> impl Iterator<Item = &str> {
    csv.split(',').map(str::trim).filter(|word| !word.is_empty())
}

// === impl Phase ===

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PreDelete => "PreDelete",
            Self::PreSync => "PreSync",
            Self::Sync => "Sync",
            Self::PostSync => "PostSync",
            Self::SyncFail => "SyncFail",
            Self::PostDelete => "PostDelete",
        })
    }
}
