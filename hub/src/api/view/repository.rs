//! Repositories, without what opens them.

use serde::Serialize;
use utoipa::ToSchema;
use windlass_store::RepositoryRecord;

/// A repository's settings.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RepositoryObject {
    /// Normalised.
    pub(crate) url: String,
    pub(crate) name: String,
    /// Whether credentials are stored; they are never answered.
    pub(crate) has_credentials: bool,
    /// CA certificates for this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_pem: Option<String>,
    pub(crate) revision: u64,
}

// === impl RepositoryObject ===

impl From<RepositoryRecord> for RepositoryObject {
    fn from(record: RepositoryRecord) -> Self {
        let RepositoryRecord { url, name, has_credentials, ca_pem, revision } = record;
        Self { url, name, has_credentials, ca_pem, revision }
    }
}
