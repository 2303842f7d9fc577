//! Clusters.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use windlass_domain::health::HealthStatus;
use windlass_domain::history::{Freeze, FreezeScope};
use windlass_domain::identity::record::{Alert, AlertKind, IdentityRecord};
use windlass_domain::identity::standing::{Standing, TrustState};
use windlass_domain::identity::{JoinFile, SpiffeId};
use windlass_domain::status::SyncStatus;
use windlass_domain::time::Timestamp;
use windlass_store::{ClusterView, IssuedCertificate};

use super::FreshnessView;
use crate::api::clusters::upgrade::ClusterUpgradeOf;

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
    /// Who its agent proves to be; only where one cluster is asked for, and once it has joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<CertificateView>,
    /// Expiry of a join token that was not used yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) join_token_expires_at: Option<Timestamp>,
    /// Whether its agent has told what the cluster serves.
    pub(crate) inventoried: bool,
    /// When the manifest that installs its agent was fetched last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) install_fetched_at: Option<Timestamp>,
    /// Where its agent is told to connect, when that is a word of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agents_address: Option<String>,
    /// What its agent said that the hub could not take, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    pub(crate) revision: u64,
    /// Who stopped all writes here, and why; freezes of projects and applications are shown with these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frozen: Option<String>,
    /// What its agent keeps although the hub does not list it there: left as it is. Only where one cluster is asked for, and while its session is up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) frozen_targets: Vec<FrozenTargetView>,
    /// How far it is trusted.
    pub(crate) identity: IdentityView,
    /// Who wants it gone, once its objects are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) removing: Option<String>,
    /// The last upgrade of its agent; in lists only the newest upgrade, where it is not done there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upgrade: Option<ClusterUpgradeOf>,
}

/// A target that was missing from the list that the agent got.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FrozenTargetView {
    /// The application's uid.
    pub(crate) uid: Uuid,
    /// namespace/name, as the agent knows it.
    pub(crate) application: String,
}

impl From<windlass_domain::exchange::FrozenTarget> for FrozenTargetView {
    fn from(frozen: windlass_domain::exchange::FrozenTarget) -> Self {
        Self { uid: frozen.application, application: frozen.name }
    }
}

/// How far a cluster is trusted, and what somebody should look at.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IdentityView {
    /// `Trusted`, `NotJoined`, `Expired`, `ReportOnly`, `Replaced`, `Quarantined` or `Revoked`.
    #[schema(value_type = String)]
    pub(crate) state: TrustState,
    /// Why; absent where all is well.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    /// What a person may do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) next_step: String,
    /// Where the last session came from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) from: String,
    /// The agent's installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<Uuid>,
    /// Uid of the cluster's namespace `kube-system`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) kube_system_uid: String,
    /// A certificate that was issued and is not used yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_serial: Option<String>,
    /// What was refused, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) alerts: Vec<AlertView>,
}

/// Something that was refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertView {
    /// `SupersededCertificate`, `ClonedIdentity`, `RevokedCertificate`, `OtherCluster` or `JoinToken`.
    #[schema(value_type = String)]
    pub(crate) kind: AlertKind,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) serial: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) from: String,
    /// How often; what repeats within ten minutes counts once.
    pub(crate) count: u32,
}

/// The certificate that a cluster's agent uses.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CertificateView {
    /// The only name in it: `spiffe://<trust domain>/cluster/<uid>`.
    pub(crate) identity: String,
    /// Lower-case hex.
    pub(crate) serial: String,
    /// When the agent joined or last renewed.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) issued_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) not_after: Timestamp,
    /// Whole days until its end; negative once it has ended.
    pub(crate) days_left: i64,
    pub(crate) revoked: bool,
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
    /// Only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) install: Option<Installation>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}

/// How the agent is installed. Both parts hold the join token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Installation {
    /// Gives the manifest out, once.
    pub(crate) url: String,
    /// The manifest, as YAML.
    pub(crate) manifest: String,
}

// === impl ClusterObject ===

impl ClusterObject {
    /// With what people froze.
    pub(crate) fn frozen_by(mut self, freezes: &[Freeze]) -> Self {
        let here = freezes.iter().filter(|freeze| match &freeze.scope {
            FreezeScope::All => true,
            FreezeScope::Cluster(name) => *name == self.name,
            FreezeScope::Project(_) | FreezeScope::Application(_) => false,
        });
        let widest = here.min_by_key(|freeze| &freeze.scope);
        self.frozen = widest.map(|freeze| format!("{} is frozen by {}: {}", freeze.scope, freeze.by, freeze.reason));
        self
    }

    pub(crate) fn of(view: ClusterView, now: Timestamp) -> Self {
        let ClusterView { cluster, connected, connection_changed_at, verified_at, position, acked, .. } = view;
        let facts = cluster.facts.unwrap_or_default();
        let connection = match (connected, connection_changed_at) {
            (true, _) => Connection::Connected,
            (false, Some(_)) => Connection::Disconnected,
            (false, None) => Connection::Pending,
        };
        let identity = IdentityView::of(view.identity, &cluster.name, view.certificate_not_after, now);
        let removing = view.removal.map(|removal| {
            format!("it goes when its objects have gone; {} asked for it at {}", removal.by, removal.at)
        });
        Self {
            identity,
            removing,
            upgrade: None,
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
            certificate: None,
            join_token_expires_at: view.join_token_expires_at,
            inventoried: view.inventoried,
            install_fetched_at: view.install_fetched_at,
            agents_address: view.agents_address,
            problem: view.problem,
            created_at: cluster.created_at,
            revision: cluster.revision,
            frozen: None,
            frozen_targets: vec![],
        }
    }
}

// === impl IdentityView ===

impl IdentityView {
    fn of(record: IdentityRecord, name: &str, not_after: Option<Timestamp>, now: Timestamp) -> Self {
        let Standing { state, reason, next_step } = record.standing(name, not_after, now);
        let alert = |alert: Alert| {
            let Alert { kind, at, serial, from, count } = alert;
            AlertView { kind, at, serial, from, count }
        };
        Self {
            state,
            reason,
            next_step,
            from: record.from,
            instance: record.instance,
            kube_system_uid: record.kube_system_uid,
            next_serial: record.next.filter(|_| record.current.is_some()),
            alerts: record.alerts.into_iter().map(alert).collect(),
        }
    }
}

// === impl CertificateView ===

impl CertificateView {
    pub(crate) fn of(certificate: IssuedCertificate, trust_domain: &str, now: Timestamp) -> Self {
        let identity = SpiffeId { trust_domain: trust_domain.to_owned(), cluster: certificate.cluster };
        Self {
            identity: identity.to_string(),
            serial: certificate.serial,
            issued_at: certificate.issued_at,
            not_after: certificate.not_after,
            days_left: certificate.not_after.duration_since(now).as_secs().div_euclid(86_400),
            revoked: certificate.revoked,
        }
    }
}
