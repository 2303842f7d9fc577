//! Clusters.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use windlass_domain::health::HealthStatus;
use windlass_domain::identity::JoinFile;
use windlass_domain::status::SyncStatus;
use windlass_domain::time::Timestamp;
use windlass_store::ClusterView;

use super::FreshnessView;

/// A cluster with its session.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClusterObject {
    /// Its identity.
    pub(crate) uid: Uuid,
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// Addresses by which `destination.server` may mean it.
    pub(crate) server_aliases: Vec<String>,
    /// `Pending` until the first session, then `Connected` or `Disconnected`.
    pub(crate) connection: Connection,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) connection_changed_at: Option<Timestamp>,
    pub(crate) freshness: FreshnessView,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) kubernetes_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) agent_version: String,
    /// The newest generation of its desired state.
    pub(crate) generation: u64,
    /// The last one that is durable at the agent.
    pub(crate) acked_generation: u64,
    pub(crate) targets: Vec<TargetCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) certificate_not_after: Option<Timestamp>,
    /// Expiry of a join token that was not used yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) join_token_expires_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    pub(crate) revision: u64,
}

/// How the agent's session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) enum Connection {
    /// No agent has joined yet.
    Pending,
    /// A session is up.
    Connected,
    /// There was one.
    Disconnected,
}

/// Targets in one state.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetCount {
    #[schema(value_type = String)]
    pub(crate) sync: SyncStatus,
    #[schema(value_type = String)]
    pub(crate) health: HealthStatus,
    pub(crate) count: u64,
}

/// A cluster that an agent may join. `join` holds a secret that is shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Joining {
    pub(crate) cluster: ClusterObject,
    /// What `windlass-agent --join` reads: {version, hub, agents, cluster, token, pins}.
    #[schema(value_type = Object)]
    pub(crate) join: JoinFile,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}

// === impl ClusterObject ===

impl ClusterObject {
    pub(crate) fn of(view: ClusterView, now: Timestamp) -> Self {
        let ClusterView { cluster, connected, connection_changed_at, verified_at, position, acked, .. } = view;
        let facts = cluster.facts.unwrap_or_default();
        let connection = match (connected, connection_changed_at) {
            (true, _) => Connection::Connected,
            (false, Some(_)) => Connection::Disconnected,
            (false, None) => Connection::Pending,
        };
        Self {
            uid: cluster.uid,
            name: cluster.name,
            labels: cluster.labels,
            server_aliases: cluster.server_aliases,
            connection,
            connection_changed_at,
            freshness: FreshnessView::at(verified_at, connected, now),
            kubernetes_version: facts.kubernetes_version,
            agent_version: facts.agent_version,
            generation: position.generation,
            acked_generation: acked,
            targets: view
                .targets
                .into_iter()
                .map(|(sync, health, count)| TargetCount { sync, health, count })
                .collect(),
            certificate_not_after: view.certificate_not_after,
            join_token_expires_at: view.join_token_expires_at,
            created_at: cluster.created_at,
            revision: cluster.revision,
        }
    }
}
