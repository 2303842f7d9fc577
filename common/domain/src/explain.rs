//! Why a target is as it is, in one sentence: the first thing that stands between a commit and a healthy cluster.
//!
//! ```text
//! target -> fence -> source -> freeze -> hold -> cluster -> dependencies -> bundle -> operation -> owner -> window -> comparison -> health -> held -> fine
//! ```
//!
//! The rules are asked in the order of the pipeline and the first that applies answers: what comes behind it cannot move before it is settled. An
//! explanation never holds more than the status that it is made of; its text is for people, its [`Verdict`] for programs.

mod application;
mod objects;
mod target;
mod words;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::application::Application;
use crate::cluster::Cluster;
use crate::dependency::Wait;
use crate::destination;
use crate::digest::Digest;
use crate::history::{Freeze, RevisionHold};
use crate::status::{Condition, Freshness, ResourceStatus, TargetSummary};
use crate::target::{Removing, TargetSpec};
use crate::time::Timestamp;

/// What the hub knows of an application.
#[derive(Debug, Clone, Copy)]
pub struct ApplicationFacts<'a> {
    /// The record.
    pub application: &'a Application,
    /// The commit of the current bundle; `None` before the first.
    pub revision: Option<&'a str>,
    /// The hub's own conditions.
    pub conditions: &'a [Condition],
    /// What people froze.
    pub freezes: &'a [Freeze],
    /// A commit that a person holds it at.
    pub hold: Option<&'a RevisionHold>,
    /// Every cluster there is.
    pub clusters: &'a [Cluster],
    /// The time at which it is explained.
    pub now: Timestamp,
}

/// What the hub knows of one of its targets.
#[derive(Debug, Clone, Copy)]
pub struct TargetFacts<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// Whether an agent ever said which cluster it is in.
    pub is_joined: bool,
    /// The row, when the target is to be kept.
    pub spec: Option<&'a TargetSpec>,
    /// The row, when the target is on its way out.
    pub removing: Option<&'a Removing>,
    /// What the agent last reported.
    pub summary: Option<&'a TargetSummary>,
    /// The last bundle that is complete at the agent.
    pub held: Option<Digest>,
    /// What the report is worth.
    pub freshness: Freshness,
    /// Its objects that are not in sync and healthy, as far as they are at hand; they only make the sentence more precise.
    pub objects: &'a [ResourceStatus],
    /// What it waits for, when its row says that it waits for other applications.
    pub waits: &'a [Wait],
}

/// Which rule answered, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// It is on its way out.
    Removing,
    /// The destination names no cluster.
    NoCluster,
    /// The destination does not name the cluster that was asked about.
    NotATarget,
    /// The spec cannot be acted on, or a project forbids it.
    InvalidSpec,
    /// The source could not be made into a bundle.
    SourceFailed,
    /// Nothing was made of the source yet.
    NotCompiled,
    /// A person stopped all writes.
    WritesFrozen,
    /// Deletions wait for a person.
    Held,
    /// No agent has joined the cluster.
    NotJoined,
    /// The cluster's agent is not connected.
    Offline,
    /// The agent is connected, and what it said is old.
    Stale,
    /// The agent is connected, and nothing it said is proven yet.
    NotVerified,
    /// The agent's own copy could not be kept.
    StorageError,
    /// The agent believes that the hub no longer lists the target.
    Frozen,
    /// Another application must be ready first.
    DependencyWait,
    /// The agent works on an older bundle.
    OnItsWay,
    /// A person's sync has not begun.
    SyncRequested,
    /// An operation runs.
    Syncing,
    /// The last operation failed.
    SyncFailed,
    /// An object belongs to somebody else.
    NotOurs,
    /// A sync window keeps the agent from writing.
    OutsideWindow,
    /// A manual application differs from git.
    WaitsForSync,
    /// Objects left git, and the application does not prune.
    PruneOff,
    /// Objects were changed in the cluster, and the application does not heal.
    HealOff,
    /// Live differs from git, and the agent is about to change it.
    OutOfSync,
    /// It cannot be said whether live is what git says.
    Unknown,
    /// The health of an object cannot be judged.
    HealthUnknown,
    /// An object failed.
    Degraded,
    /// An object is not there.
    Missing,
    /// An object is not healthy yet.
    Progressing,
    /// An object is told not to work.
    Suspended,
    /// In sync with an earlier commit, at which a person holds it.
    HeldAtRevision,
    /// In sync with the last commit that is known, and git could not be asked for a newer one.
    SourceStale,
    /// In sync and healthy.
    InSync,
}

/// Why something is as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Which rule answered.
    pub verdict: Verdict,
    /// One sentence on one line, without a full stop: the thing, the cause and what is waited for.
    pub sentence: String,
    /// Since when it is so, where that is known.
    pub since: Option<Timestamp>,
    /// The command that looks closer or settles it.
    pub next: Option<String>,
}

type ApplicationRule = fn(&ApplicationFacts<'_>) -> Option<Explanation>;
type TargetRule = fn(&ApplicationFacts<'_>, &TargetFacts<'_>) -> Option<Explanation>;

/// What holds for every target of an application.
const APPLICATION_RULES: &[ApplicationRule] =
    &[application::destination, application::spec, application::source, application::leavers];

/// What holds for one target, in the order of the pipeline.
const TARGET_RULES: &[TargetRule] = &[
    target::fence,
    target::frozen_by_person,
    target::hold,
    target::offline,
    target::unproven,
    target::storage,
    target::frozen,
    target::dependencies,
    target::on_its_way,
    target::requested,
    target::syncing,
    target::failed,
    objects::not_ours,
    target::window,
    objects::differing,
    objects::unknown,
    objects::unhealthy,
    target::held_at_revision,
];

/// Why a target is as it is; without a target, why the application has none.
///
/// Always answers; equal facts give equal answers.
pub fn why(facts: &ApplicationFacts<'_>, target: Option<&TargetFacts<'_>>) -> Explanation {
    let removal = match target {
        Some(target) => target::removal(facts, target),
        None => application::deletion(facts),
    };
    removal
        .or_else(|| APPLICATION_RULES.iter().find_map(|rule| rule(facts)))
        .or_else(|| target.and_then(|target| TARGET_RULES.iter().find_map(|rule| rule(facts, target))))
        .unwrap_or_else(|| match target {
            Some(target) => objects::fine(facts, target),
            None => application::not_compiled(facts),
        })
}

/// Why an application has no target on a cluster. `cluster` is `None` when there is none of that name, or none that the asker may see.
pub fn why_not_on(facts: &ApplicationFacts<'_>, name: &str, cluster: Option<&Cluster>) -> Explanation {
    let destination = &facts.application.spec.destination;
    let matches = |cluster: &Cluster| {
        destination::targets(destination, facts.clusters).is_ok_and(|targets| targets.contains(&cluster.uid))
    };
    if cluster.is_some_and(matches) || destination.name == name || facts.application.deletion.is_some() {
        // It is to be a target, and is not (any more): the application says why.
        return why(facts, None);
    }
    application::not_a_target(facts, name)
}

/// Why a cluster still has objects of an application that the hub does not list there: its agent says so.
pub fn kept_on(cluster: &str) -> Explanation {
    let sentence = format!(
        "it is frozen on cluster {cluster}: the agent still has its objects, and the hub does not list it there; nothing is synced or deleted until the application goes there again"
    );
    Explanation::new(Verdict::Frozen, sentence).next(format!("windlass cluster get {cluster}"))
}

// === impl TargetFacts ===

impl TargetFacts<'_> {
    /// Whether the report is about what is desired now.
    fn is_current(&self) -> bool {
        let reported = self.summary.and_then(|summary| summary.bundle);
        self.spec.is_some_and(|spec| reported == Some(spec.bundle))
    }

    /// The agent's first condition of a kind.
    fn condition(&self, kind: crate::status::ConditionKind) -> Option<&Condition> {
        self.summary?.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// The commit that it should be at.
    fn desired(&self) -> String {
        words::commit(self.spec.map(|spec| spec.revision.as_str()))
    }
}

// === impl Explanation ===

impl Explanation {
    fn new(verdict: Verdict, sentence: impl Into<String>) -> Self {
        let sentence = words::flat(&sentence.into());
        Self { verdict, sentence, since: None, next: None }
    }

    fn since(mut self, since: impl Into<Option<Timestamp>>) -> Self {
        self.since = since.into();
        self
    }

    fn next(mut self, command: impl Into<String>) -> Self {
        self.next = Some(command.into());
        self
    }
}

impl Verdict {
    /// Whether there is nothing that somebody should look at.
    pub fn is_fine(self) -> bool {
        matches!(self, Self::InSync | Self::Suspended)
    }
}
