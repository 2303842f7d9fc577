//! What is recorded of an application beside its spec: what was deployed, what it is held at, what people stopped, and who did what.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::digest::Digest;
use crate::manifest::ResourceKey;
use crate::name::ApplicationName;
use crate::operation::OperationPhase;
use crate::status::{OperationState, ResourceResult};
use crate::target::{OperationOptions, PauseKind, Paused};
use crate::time::Timestamp;

/// How many deployments of a target are kept where `revisionHistoryLimit` says nothing (Argo CD's default).
pub const DEFAULT_LIMIT: u64 = 10;
/// The most that `revisionHistoryLimit` keeps: each keeps its contents.
pub const MOST: u64 = 100;

/// One deployment on one target: an operation that succeeded, whole and not as a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// Number within the application. Targets that deployed the same share it.
    pub id: u64,
    /// The cluster.
    pub cluster: Uuid,
    /// The cluster's name.
    pub cluster_name: String,
    /// The commit.
    pub revision: String,
    /// What was applied, byte for byte: kept as long as the entry is.
    pub bundle: Digest,
    /// The sources of the spec at that time.
    pub sources: Value,
    /// Who or what asked for it.
    pub by: String,
    /// Whether nobody asked: a commit came.
    pub automated: bool,
    /// The operation.
    pub operation: Uuid,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was done.
    pub deployed_at: Timestamp,
    /// What it did to each object.
    pub results: Vec<ResourceResult>,
}

/// A person's word that an application stays at a commit, whatever git says, until it is resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionHold {
    /// The commit.
    pub revision: String,
    /// What is desired meanwhile.
    pub bundle: Digest,
    /// The history entry that it was rolled back to; `None` for a sync to a named commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// Only on these clusters; on all, also those to come, when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<Uuid>,
    /// Who.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
}

/// A stop of all writes, by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Freeze {
    /// What is stopped.
    pub scope: FreezeScope,
    /// Why, for people.
    pub reason: String,
    /// Who.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
}

/// What a freeze stops. Names, not uids: what is made again under a frozen name is frozen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "name")]
pub enum FreezeScope {
    /// Everything.
    All,
    /// Applications of a project.
    Project(String),
    /// Everything on a cluster.
    Cluster(String),
    /// One application.
    Application(ApplicationName),
}

/// Something that a person did, or that happened, to an application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationEvent {
    /// When.
    pub at: Timestamp,
    /// Who or what.
    pub by: String,
    /// What kind of thing.
    pub kind: EventKind,
    /// The application; `None` for what is about more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationName>,
    /// The cluster's name, where it is about one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// One sentence.
    pub message: String,
    /// Objects that it is about; the first thousand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ResourceKey>,
}

/// Kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// Held at an earlier commit.
    RolledBack,
    /// Follows git again.
    Resumed,
    /// Writes were stopped.
    Frozen,
    /// Writes go on.
    Thawed,
    /// Held deletions were approved.
    Approved,
    /// Deletions that ask for it were confirmed.
    DeletionConfirmed,
    /// Its deletion was asked for.
    DeletionRequested,
    /// A target was given up: what is listed was left where it is.
    Abandoned,
    /// A branch no longer leads over the commit that was deployed.
    HistoryRewritten,
    /// An action was run on one of its objects.
    ActionRan,
}

/// Whether what an operation did is a deployment, and so belongs into the history: it succeeded, was whole and no trial; and either a person asked for it or
/// it brought another bundle than the one before (what only healed drift is no deployment). Argo CD's rule.
pub fn is_deployment(
    state: &OperationState,
    asked: Option<&OperationOptions>,
    bundle: Digest,
    last: Option<Digest>,
) -> bool {
    let is_done = state.phase == OperationPhase::Succeeded && state.finished_at.is_some();
    is_done && asked.map_or_else(|| last != Some(bundle), |options| !options.leaves_no_history())
}

/// How many deployments of each target are kept: `revisionHistoryLimit`, at most [`MOST`].
pub fn limit(revision_history_limit: Option<i64>) -> u64 {
    revision_history_limit.map_or(DEFAULT_LIMIT, |limit| u64::try_from(limit).unwrap_or(0).min(MOST))
}

/// The freeze that stops a target: the widest that covers it.
pub fn frozen<'a>(
    freezes: &'a [Freeze],
    application: &ApplicationName,
    project: &str,
    cluster: &str,
) -> Option<&'a Freeze> {
    freezes
        .iter()
        .filter(|freeze| freeze.scope.covers(application, project, cluster))
        .min_by_key(|freeze| &freeze.scope)
}

// === impl RevisionHold ===

impl RevisionHold {
    /// Whether it holds the target on a cluster.
    pub fn covers(&self, cluster: Uuid) -> bool {
        self.clusters.is_empty() || self.clusters.contains(&cluster)
    }

    /// One sentence: what, by whom, how it ends.
    pub fn sentence(&self, application: &ApplicationName) -> String {
        let commit: String = self.revision.chars().take(7).collect();
        let how = match self.entry {
            Some(entry) => format!("rolled back to {entry} (commit {commit}) by {}", self.by),
            None => format!("synced to commit {commit} by {}", self.by),
        };
        let place = match self.clusters.len() {
            0 => String::new(),
            1 => " on one cluster".to_owned(),
            count => format!(" on {count} clusters"),
        };
        format!("{how}, and held there{place}: newer commits wait until `windlass app resume {application}`")
    }
}

// === impl Freeze ===

impl Freeze {
    /// What a target's row says of it.
    pub fn pause(&self) -> Paused {
        let message = format!("{} is frozen: {}", self.scope, self.reason);
        Paused { kind: PauseKind::Freeze, by: self.by.clone(), message, since: self.since }
    }
}

// === impl FreezeScope ===

impl FreezeScope {
    /// Whether a target is in it.
    pub fn covers(&self, application: &ApplicationName, project: &str, cluster: &str) -> bool {
        match self {
            Self::All => true,
            Self::Project(name) => name == project,
            Self::Cluster(name) => name == cluster,
            Self::Application(name) => name == application,
        }
    }

    /// Its kind, as people write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Project(_) => "project",
            Self::Cluster(_) => "cluster",
            Self::Application(_) => "application",
        }
    }

    /// The name; empty for everything.
    pub fn name(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Project(name) | Self::Cluster(name) => name.clone(),
            Self::Application(name) => name.to_string(),
        }
    }

    /// The command that ends it.
    pub fn thaw_command(&self) -> String {
        match self {
            Self::All => "windlass thaw --all".to_owned(),
            Self::Project(name) => format!("windlass thaw --project {name}"),
            Self::Cluster(name) => format!("windlass thaw --cluster {name}"),
            Self::Application(name) => format!("windlass thaw {name}"),
        }
    }
}

impl std::fmt::Display for FreezeScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("everything"),
            scope => write!(f, "{} {}", scope.kind(), scope.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::from_millis;

    fn name(text: &str) -> ApplicationName {
        ApplicationName::parse(text).expect("a name")
    }

    #[test]
    fn the_widest_freeze_answers() {
        let freeze = |scope| Freeze { scope, reason: "incident".into(), by: "ann".into(), since: from_millis(0) };
        let web = FreezeScope::Application(name("web"));
        let scopes = [web, FreezeScope::Cluster("eu-1".into()), FreezeScope::Project("shop".into())];
        let all: Vec<Freeze> = scopes.into_iter().map(freeze).collect();
        let of = |app: &str, project: &str, cluster: &str| {
            frozen(&all, &name(app), project, cluster).map(|freeze| freeze.scope.to_string())
        };
        assert_eq!(of("web", "shop", "eu-1").as_deref(), Some("project shop"));
        assert_eq!(of("web", "other", "eu-1").as_deref(), Some("cluster eu-1"));
        assert_eq!(of("web", "other", "us-1").as_deref(), Some("application argocd/web"));
        assert_eq!(of("api", "other", "us-1"), None);
        assert_eq!(of("team/web", "other", "us-1"), None);
    }

    #[test]
    fn what_counts_as_a_deployment() {
        let state = |phase, done: bool| OperationState {
            id: Uuid::nil(),
            by: "x".into(),
            phase,
            message: String::new(),
            revision: "abc".into(),
            started_at: from_millis(0),
            finished_at: done.then(|| from_millis(1)),
            results: vec![],
        };
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        let whole = OperationOptions::default();
        let trial = OperationOptions { dry_run: true, ..Default::default() };
        let part = OperationOptions { resources: vec![Default::default()], ..Default::default() };
        use OperationPhase::{Failed, Running, Succeeded};
        for (phase, done, asked, last, want) in [
            (Succeeded, true, None, None, true),
            (Succeeded, true, None, Some(old), true),
            (Succeeded, true, None, Some(new), false),
            (Succeeded, true, Some(&whole), Some(new), true),
            (Succeeded, true, Some(&trial), None, false),
            (Succeeded, true, Some(&part), None, false),
            (Failed, true, None, None, false),
            (Running, false, Some(&whole), None, false),
            (Succeeded, false, None, None, false),
        ] {
            assert_eq!(
                is_deployment(&state(phase, done), asked, new, last),
                want,
                "{phase:?} {done} {asked:?} {last:?}"
            );
        }
    }

    #[test]
    fn a_history_has_a_limit() {
        assert_eq!([None, Some(3), Some(0), Some(-1), Some(9999)].map(limit), [10, 3, 0, 0, 100]);
    }
}
