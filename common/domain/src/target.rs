//! One application on one cluster: the unit of everything below rendering.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::application::Cascade;
use crate::digest::Digest;
use crate::manifest::{ResourceKey, canonical_bytes_of};
use crate::name::ApplicationName;

mod request;
mod settings;

pub use request::{NotASelector, OperationOptions, OperationRequest, PauseKind, Paused, Selector};
pub use settings::{IgnoreDifference, NamespaceMetadata, Retry, TargetSettings};

/// What a cluster should have of one application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetSpec {
    /// The application's uid; with the cluster's, the target's identity.
    pub application: Uuid,
    /// The application's name, for tracking ids and people.
    pub name: ApplicationName,
    /// Address of the [`Bundle`](crate::bundle::Bundle).
    pub bundle: Digest,
    /// Address of the [`TargetSettings`].
    pub settings: Digest,
    /// The commit that the bundle was rendered from.
    pub revision: String,
    /// Namespace for namespaced objects that name none.
    pub default_namespace: String,
    /// An operation that a person asked for and that is not finished.
    pub operation: Option<OperationRequest>,
    /// A person's word that one exact set of objects may be deleted.
    pub approval: Option<Approval>,
    /// A person's word that objects of another owner may be taken over.
    pub adoption: Option<Adoption>,
    /// Nothing is begun: a freeze, or an application that this one waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// A person confirmed the deletions of this bundle (`deletion-approved`): set by the hub only where the word is not older than the bundle.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deletion_confirmed: bool,
}

/// Approval of one held deletion: valid for exactly this bundle and this set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The bundle that was desired when it was given; another bundle voids it.
    pub bundle: Digest,
    /// Digest of the sorted (key, uid) set that was shown.
    pub set: Digest,
    /// Who approved.
    pub by: String,
}

/// Permission to take over objects that another owner's tracking-id names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Adoption {
    /// Exactly these objects.
    pub keys: Vec<ResourceKey>,
    /// Who allowed it.
    pub by: String,
}

/// A target on its way out: kept until the agent reports that it is finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Removing {
    /// The application's uid.
    pub application: Uuid,
    /// The application's name.
    pub name: ApplicationName,
    /// What happens to its objects.
    pub cascade: Cascade,
    /// Who asked.
    pub by: String,
    /// Nobody asked for it: a label, a selector or a destination changed. What takes other objects along (Namespace, CRD, PV, PVC) is then left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unasked: bool,
    /// A person confirmed the deletions (`deletion-approved`), after they were asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deletion_confirmed: bool,
    /// Deletions wait for that confirmation (`Delete=confirm` of the application).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
    /// Nothing is deleted meanwhile: a freeze.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
}

/// One row of a cluster's desired state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::large_enum_variant)] // nearly every row is the large one
pub enum TargetRow {
    /// To be kept.
    Present(TargetSpec),
    /// To be removed.
    Removing(Removing),
}

// === impl TargetSpec ===

impl TargetSpec {
    /// A row that says what should be there, and nothing that a person said beside it.
    pub fn of(application: Uuid, name: ApplicationName, bundle: Digest, settings: Digest) -> Self {
        Self {
            application,
            name,
            bundle,
            settings,
            revision: String::new(),
            default_namespace: String::new(),
            operation: None,
            approval: None,
            adoption: None,
            paused: None,
            deletion_confirmed: false,
        }
    }
}

// === impl TargetRow ===

impl TargetRow {
    /// The application's uid.
    pub fn application(&self) -> Uuid {
        match self {
            Self::Present(spec) => spec.application,
            Self::Removing(removing) => removing.application,
        }
    }

    /// The bytes that the chain and the comparison digest cover: everything but operations.
    pub fn chained_bytes(&self) -> Vec<u8> {
        let mut row = self.clone();
        if let Self::Present(spec) = &mut row {
            spec.operation = None;
        }
        canonical_bytes_of(&row)
    }
}
