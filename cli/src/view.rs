//! What the hub answers, as far as this command shows it. Unknown fields are ignored, so that a newer hub can be used.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Page {
    pub(crate) items: Vec<Value>,
    pub(crate) total: Option<u64>,
    pub(crate) next: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Application {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) project: String,
    pub(crate) source: Source,
    pub(crate) status: Status,
    /// All targets by state.
    pub(crate) target_counts: Vec<TargetCount>,
    /// In lists the worst twenty at most.
    pub(crate) targets: Vec<Target>,
    pub(crate) held: Option<Held>,
    pub(crate) deletion: Option<Deletion>,
}

/// What the sync windows of a target allow now.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SyncWindow {
    pub(crate) manual: bool,
    pub(crate) closed: Option<String>,
    pub(crate) until: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Project {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) revision: u64,
    pub(crate) not_enforced: Vec<String>,
    pub(crate) manifest: Value,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Source {
    #[serde(rename = "repoURL")]
    pub(crate) repo_url: String,
    pub(crate) path: String,
    pub(crate) target_revision: String,
    pub(crate) revision: Option<String>,
    pub(crate) resolved_ref: Option<String>,
    pub(crate) subject: String,
    pub(crate) checked_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    pub(crate) sync: String,
    pub(crate) health: String,
    pub(crate) freshness: Freshness,
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Freshness {
    pub(crate) verified_at: Option<Timestamp>,
    pub(crate) connected: bool,
    pub(crate) stale: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) message: String,
    pub(crate) last_transition_time: Option<Timestamp>,
    pub(crate) cluster: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Target {
    pub(crate) cluster: String,
    pub(crate) sync: String,
    pub(crate) health: String,
    pub(crate) health_message: String,
    pub(crate) freshness: Freshness,
    pub(crate) current: bool,
    pub(crate) desired_revision: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) hold: Option<Hold>,
    pub(crate) operation: Option<OperationState>,
    pub(crate) synced_revision: Option<String>,
    pub(crate) paused: Option<Paused>,
    pub(crate) sync_window: Option<SyncWindow>,
    pub(crate) removing: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Hold {
    pub(crate) reason: String,
    pub(crate) set: String,
    pub(crate) count: u64,
    pub(crate) keys: Vec<Key>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Deletion {
    pub(crate) cascade: String,
    pub(crate) by: String,
    pub(crate) requested_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Key {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Resource {
    pub(crate) cluster: String,
    #[serde(flatten)]
    pub(crate) key: Key,
    pub(crate) sync: String,
    pub(crate) health: Option<String>,
    pub(crate) health_message: String,
    pub(crate) requires_pruning: bool,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OperationState {
    pub(crate) id: String,
    pub(crate) by: String,
    pub(crate) phase: String,
    pub(crate) message: String,
    pub(crate) revision: String,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) results: Vec<ResourceResult>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ResourceResult {
    #[serde(flatten)]
    pub(crate) key: Key,
    pub(crate) status: String,
    pub(crate) message: String,
    pub(crate) hook: Option<HookResult>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct HookResult {
    pub(crate) phase: String,
    pub(crate) outcome: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) application: String,
    pub(crate) cluster: String,
    pub(crate) by: String,
    pub(crate) request: Option<OperationRequest>,
    pub(crate) state: Option<OperationState>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OperationRequest {
    pub(crate) prune: bool,
    pub(crate) requested_at: Option<Timestamp>,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) terminate: bool,
}

/// A commit that a person holds an application at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Held {
    pub(crate) revision: String,
    pub(crate) entry: Option<u64>,
    pub(crate) by: String,
    pub(crate) since: Option<Timestamp>,
    pub(crate) clusters: Vec<String>,
}

/// Why nothing is begun on a target.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Paused {
    pub(crate) kind: String,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct HistoryEntry {
    pub(crate) id: u64,
    pub(crate) cluster: String,
    pub(crate) revision: String,
    pub(crate) by: String,
    pub(crate) automated: bool,
    pub(crate) deployed_at: Option<Timestamp>,
    pub(crate) results: Vec<ResourceResult>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ApplicationEvent {
    pub(crate) at: Option<Timestamp>,
    pub(crate) by: String,
    pub(crate) kind: String,
    pub(crate) cluster: String,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Freeze {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) reason: String,
    pub(crate) by: String,
    pub(crate) since: Option<Timestamp>,
}

/// What a sync or a termination started.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Started {
    pub(crate) operations: Vec<StartedOne>,
    pub(crate) held: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StartedOne {
    pub(crate) cluster: String,
    pub(crate) id: Option<String>,
    pub(crate) revision: String,
    pub(crate) error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Refreshed {
    pub(crate) revision: Option<String>,
    pub(crate) changed: bool,
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Cluster {
    pub(crate) uid: String,
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) server_aliases: Vec<String>,
    pub(crate) connection: String,
    pub(crate) connection_changed_at: Option<Timestamp>,
    pub(crate) freshness: Freshness,
    pub(crate) kubernetes_version: String,
    pub(crate) agent_version: String,
    pub(crate) generation: u64,
    pub(crate) acked_generation: u64,
    pub(crate) frozen: Option<String>,
    pub(crate) frozen_targets: Vec<FrozenTarget>,
    pub(crate) targets: Vec<TargetCount>,
    pub(crate) certificate_not_after: Option<Timestamp>,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) identity: Identity,
    pub(crate) removing: Option<String>,
    pub(crate) upgrade: Option<UpgradeOf>,
    pub(crate) join_token_expires_at: Option<Timestamp>,
    pub(crate) inventoried: bool,
    pub(crate) install_fetched_at: Option<Timestamp>,
    pub(crate) agents_address: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
}

/// The last upgrade of a cluster's agent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct UpgradeOf {
    pub(crate) to: String,
    pub(crate) stage: String,
    pub(crate) message: String,
}

/// A target that an agent keeps although the hub does not list it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct FrozenTarget {
    pub(crate) uid: String,
    pub(crate) application: String,
}

/// How far a cluster is trusted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Identity {
    pub(crate) state: String,
    pub(crate) reason: String,
    pub(crate) next_step: String,
    pub(crate) from: String,
    pub(crate) next_serial: Option<String>,
    pub(crate) alerts: Vec<Alert>,
}

/// Something that was refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Alert {
    pub(crate) kind: String,
    pub(crate) at: Option<Timestamp>,
    pub(crate) serial: String,
    pub(crate) from: String,
    pub(crate) count: u64,
}

/// Who a cluster's agent proves to be.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Certificate {
    pub(crate) identity: String,
    pub(crate) serial: String,
    pub(crate) issued_at: Option<Timestamp>,
    pub(crate) not_after: Option<Timestamp>,
    pub(crate) days_left: i64,
    pub(crate) revoked: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TargetCount {
    pub(crate) sync: String,
    pub(crate) health: String,
    pub(crate) count: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Repository {
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) has_credentials: bool,
    pub(crate) ca_pem: Option<String>,
    pub(crate) has_client_certificate: bool,
    pub(crate) insecure: bool,
    pub(crate) proxy: Option<String>,
}

/// Why an application is as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Explained {
    pub(crate) targets: Vec<ExplainedTarget>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ExplainedTarget {
    pub(crate) cluster: Option<String>,
    pub(crate) verdict: String,
    pub(crate) sentence: String,
    pub(crate) since: Option<Timestamp>,
    pub(crate) next: Option<String>,
}

// === impl Application ===

impl Application {
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// How many clusters it is on.
    pub(crate) fn clusters(&self) -> usize {
        let counted: u64 = self.target_counts.iter().map(|count| count.count).sum();
        usize::try_from(counted).unwrap_or(usize::MAX).max(self.targets.len())
    }
}

// === impl Key ===

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.group.is_empty() {
            write!(f, "{}/", self.group)?;
        }
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

// === impl Resource ===

impl Resource {
    /// Nothing to look at.
    pub(crate) fn is_fine(&self) -> bool {
        self.sync == "Synced"
            && self.health.as_deref().is_none_or(|health| health == "Healthy")
            && self.message.is_empty()
    }

    /// What there is to say, each thing once: sync and health often have the same reason.
    pub(crate) fn words(&self) -> String {
        let pruning = if self.requires_pruning { "no longer in git: a sync that prunes deletes it" } else { "" };
        let mut said: Vec<&str> = Vec::new();
        for part in [pruning, &self.health_message, &self.message] {
            if !part.is_empty() && !said.iter().any(|before| before.contains(part)) {
                said.retain(|before| !part.contains(before));
                said.push(part);
            }
        }
        said.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_said_once() {
        let words = |requires_pruning, health: &str, message: &str| {
            let (health_message, message) = (health.to_owned(), message.to_owned());
            Resource { requires_pruning, health_message, message, ..Resource::default() }.words()
        };
        assert_eq!(words(true, "", "no longer in git"), "no longer in git: a sync that prunes deletes it");
        assert_eq!(words(false, "not in the cluster", "not in the cluster"), "not in the cluster");
        assert_eq!(words(false, "", ""), "");
        assert_eq!(words(false, "1 of 3 ready", "changed in the cluster"), "1 of 3 ready; changed in the cluster");
        assert_eq!(words(false, "changed", "changed in the cluster"), "changed in the cluster");
    }
}
