//! Objects of a target.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::health::HealthStatus;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::status::{ResourceStatus, SyncStatus};

/// What names one object in one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Key {
    /// API group; empty for the core group.
    #[serde(default)]
    pub(crate) group: String,
    pub(crate) kind: String,
    /// Empty for cluster-scoped objects.
    #[serde(default)]
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// One object with its status.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResourceObject {
    /// The cluster's name.
    pub(crate) cluster: String,
    #[serde(flatten)]
    pub(crate) key: Key,
    /// Version in which it is managed.
    pub(crate) version: String,
    #[schema(value_type = String)]
    pub(crate) sync: SyncStatus,
    /// Absent for kinds that have no check.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) health: Option<HealthStatus>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) health_message: String,
    /// It left git, and a sync that prunes would delete it.
    pub(crate) requires_pruning: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
}

// === impl Key ===

impl From<&ResourceKey> for Key {
    fn from(key: &ResourceKey) -> Self {
        let ResourceKey { group, kind, namespace, name } = key.clone();
        Self { group, kind, namespace, name }
    }
}

impl From<Key> for ResourceKey {
    fn from(Key { group, kind, namespace, name }: Key) -> Self {
        Self { group, kind, namespace, name }
    }
}

// === impl ResourceObject ===

impl ResourceObject {
    pub(crate) fn of(cluster: &str, status: ResourceStatus) -> Self {
        Self {
            cluster: cluster.to_owned(),
            key: Key::from(&status.key),
            version: status.version,
            sync: status.sync,
            health: status.health.as_ref().map(|health| health.status),
            health_message: status.health.map(|health| health.message).unwrap_or_default(),
            requires_pruning: status.requires_pruning,
            message: status.message,
        }
    }
}
