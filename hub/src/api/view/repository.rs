//! Repositories, without what opens them.

use serde::Serialize;
use utoipa::ToSchema;
use windlass_store::{RepositoryRecord, RepositorySettings};

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
    /// Whether a client certificate is among the credentials.
    pub(crate) has_client_certificate: bool,
    /// Whether the server's certificate is not checked.
    pub(crate) insecure: bool,
    /// The proxy's address, without user and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proxy: Option<String>,
    /// Hosts that are reached without it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) no_proxy: String,
    pub(crate) revision: u64,
}

// === impl RepositoryObject ===

impl From<RepositoryRecord> for RepositoryObject {
    fn from(record: RepositoryRecord) -> Self {
        let RepositoryRecord { url, name, has_credentials, ca_pem, settings, revision } = record;
        let RepositorySettings { proxy, no_proxy, insecure, client_certificate: has_client_certificate } = settings;
        Self { url, name, has_credentials, ca_pem, has_client_certificate, insecure, proxy, no_proxy, revision }
    }
}
