//! One application on one cluster: the unit of everything below rendering.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::application::{Application, Cascade};
use crate::digest::Digest;
use crate::manifest::{ResourceKey, canonical_bytes};
use crate::name::ApplicationName;
use crate::time::Timestamp;

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
}

/// How a target is kept: content-addressed, shared by every target with the same settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TargetSettings {
    /// Commits are applied as they come.
    pub automated: bool,
    /// Objects that left git are deleted by automated operations.
    pub prune: bool,
    /// Drift is corrected.
    pub self_heal: bool,
    /// A render of zero objects may delete everything.
    pub allow_empty: bool,
    /// The default namespace is created when it is missing.
    pub create_namespace: bool,
    /// Objects that left git are never deleted (`Prune=false`).
    pub keep: bool,
    /// The server's field validation is switched off (`Validate=false`).
    pub skip_validation: bool,
}

/// A manual operation, as a record: written in the API call's transaction, kept until its result is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationRequest {
    /// UUID v7; an agent never runs an id twice.
    pub id: Uuid,
    /// The bundle to sync to; a newer desired bundle does not change it.
    pub bundle: Digest,
    /// Whether objects that left git are deleted.
    pub prune: bool,
    /// Who asked.
    pub by: String,
    /// When.
    pub requested_at: Timestamp,
    /// When it is over, finished or not.
    pub deadline: Timestamp,
    /// Whether it was asked to stop.
    pub terminate: bool,
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

// === impl TargetSettings ===

impl TargetSettings {
    /// What an application's spec asks for.
    pub fn of(application: &Application) -> Self {
        let spec = &application.spec;
        let automated = spec.automated();
        Self {
            automated: automated.is_some(),
            prune: automated.is_some_and(|a| a.prune),
            self_heal: automated.is_some_and(|a| a.self_heal),
            allow_empty: automated.is_some_and(|a| a.allow_empty),
            create_namespace: spec.has_option("CreateNamespace=true"),
            keep: spec.has_option("Prune=false") || spec.has_option("Prune=confirm"),
            skip_validation: spec.has_option("Validate=false"),
        }
    }

    /// The bytes that are hashed, stored and sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical_bytes(&serde_json::to_value(self).unwrap_or_default())
    }

    /// Their address.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Reads [`to_bytes`](Self::to_bytes) back; fields of a newer hub are ignored.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
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
        canonical_bytes(&serde_json::to_value(row).unwrap_or_default())
    }
}
