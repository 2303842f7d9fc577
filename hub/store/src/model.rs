//! What the store takes and gives, where the domain has no type of its own for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use windlass_domain::application::Application;
use windlass_domain::cluster::Cluster;
use windlass_domain::desired_state::Position;
use windlass_domain::digest::{Digest, DigestKey};
use windlass_domain::health::HealthStatus;
use windlass_domain::history::RevisionHold;
use windlass_domain::identity::record::IdentityRecord;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::name::ApplicationName;
use windlass_domain::source::Reads;
use windlass_domain::status::{Condition, OperationState, StatusDelta, SyncStatus, TargetSummary};
use windlass_domain::target::{Adoption, Approval, OperationRequest, Removing, TargetSpec};
use windlass_domain::time::Timestamp;
use windlass_domain::upgrade::Upgrade;
use zeroize::Zeroizing;

/// Bytes that never reach a log, an error or an API body: no `Debug`, no `Serialize`.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Labels of a cluster.
pub type Labels = BTreeMap<String, String>;

/// Who this installation is.
#[derive(Clone)]
pub struct Installation {
    /// Written to every managed object (`argocd.argoproj.io/installation-id`).
    pub id: Uuid,
    /// Trust domain of SPIFFE ids.
    pub trust_domain: String,
    /// The incarnation of every cluster's desired state.
    pub incarnation: Uuid,
    /// Key under which Secrets are digested.
    pub digest_key: DigestKey,
}

/// The result of a create-or-replace.
#[derive(Debug, Clone, PartialEq)]
pub struct Put<T> {
    /// What is stored now.
    pub value: T,
    /// What happened.
    pub outcome: PutOutcome,
}

/// Settings of the whole installation, as people gave them: keys of Argo CD's `argocd-cm`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemSettings {
    /// By key.
    pub data: BTreeMap<String, String>,
    /// Revision of the last change; 0: there was none.
    pub revision: u64,
}

/// An upgrade of agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUpgrade {
    /// What is wanted, and how far it is.
    pub upgrade: Upgrade,
    /// Revision of the last change.
    pub revision: u64,
}

/// What the writer of a record expects to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is there.
    Anything,
    /// Nothing: it is created.
    Nothing,
    /// The record at the revision that was read.
    Revision(u64),
}

/// What a create-or-replace did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// It is new.
    Created,
    /// It replaced something else.
    Changed,
    /// It was there already, the same.
    Unchanged,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// At most the page size.
    pub items: Vec<T>,
    /// How many match the filter in all.
    pub total: u64,
    /// What to ask for the next page with; `None` at the end.
    pub next: Option<String>,
    /// The feed's revision that the page was read at: a watch may start from here.
    pub revision: u64,
}

/// Which page of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListQuery {
    /// Only names that contain this.
    pub search: String,
    /// Page size; 0 is 100, and 1000 is the most.
    pub limit: u32,
    /// [`Page::next`] of the page before.
    pub after: Option<String>,
}

/// Which page of the applications.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ApplicationQuery {
    /// Search, size and place.
    pub list: ListQuery,
    /// Only this project.
    pub project: Option<String>,
    /// Only this namespace.
    pub namespace: Option<String>,
    /// Only applications with a target on this cluster, by name.
    pub cluster: Option<String>,
    /// Only this roll-up.
    pub sync: Option<SyncStatus>,
    /// Only this roll-up.
    pub health: Option<HealthStatus>,
    /// Only with all of these labels.
    pub labels: Labels,
    /// What to sort by.
    pub sort: ApplicationSort,
}

/// Orders of the application list; ties are broken by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ApplicationSort {
    /// Namespace and name.
    #[default]
    Name,
    /// What needs attention first: worst health, then worst sync.
    Attention,
    /// Newest change first.
    Changed,
}

/// An application with its roll-up.
#[derive(Debug, Clone, PartialEq)]
pub struct ApplicationView {
    /// The record.
    pub application: Application,
    /// What it was last compiled from and what went wrong since.
    pub source: SourceState,
    /// A commit that it is held at by a person, whatever its source says.
    pub hold: Option<RevisionHold>,
    /// Worst over the targets.
    pub sync: SyncStatus,
    /// Worst over the targets.
    pub health: HealthStatus,
    /// How many targets are in which state, worst first.
    pub groups: Vec<TargetGroup>,
    /// Its targets by cluster name; in lists a few of them, worst first.
    pub targets: Vec<TargetView>,
}

/// Targets of an application that are in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroup {
    /// As it is shown: [`SyncStatus::OutOfSync`] also while a newer bundle is on its way.
    pub sync: SyncStatus,
    /// Their health.
    pub health: HealthStatus,
    /// Whether their clusters' sessions are up.
    pub connected: bool,
    /// How many.
    pub count: u64,
    /// The oldest proof among them; `None` where one was never proven.
    pub verified_at: Option<Timestamp>,
}

/// One target with its status.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetView {
    /// The cluster.
    pub cluster: Uuid,
    /// The cluster's name.
    pub cluster_name: String,
    /// The row, when the target is to be kept.
    pub spec: Option<TargetSpec>,
    /// The row, when the target is on its way out.
    pub removing: Option<Removing>,
    /// What the agent last reported, without its operation's results ([`crate::Store::operation`] has them); `None` before the first report.
    pub summary: Option<TargetSummary>,
    /// The last bundle that is complete at the agent.
    pub held: Option<Digest>,
    /// Sending time of the cluster's last verified comparison.
    pub verified_at: Option<Timestamp>,
    /// Whether the cluster's session is up.
    pub connected: bool,
}

/// How an application's source stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceState {
    /// The commit that the current bundle was rendered from.
    pub revision: Option<String>,
    /// The bundle.
    pub bundle: Option<Digest>,
    /// First line of the commit's message.
    pub subject: String,
    /// The full name of the branch, tag or other ref that led to the commit; `None` where a commit was named directly, or a detached HEAD.
    pub resolved: Option<String>,
    /// The hub's own conditions; the agents' are in each target's summary.
    pub conditions: Vec<Condition>,
    /// When the source was last looked at, with or without success.
    pub checked_at: Option<Timestamp>,
}

/// A cluster with its session.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterView {
    /// The record.
    pub cluster: Cluster,
    /// Whether a session is up.
    pub connected: bool,
    /// When that last changed.
    pub connection_changed_at: Option<Timestamp>,
    /// Sending time of the last verified comparison.
    pub verified_at: Option<Timestamp>,
    /// Where its desired state stands.
    pub position: Position,
    /// The last generation that is durable at the agent.
    pub acked: u64,
    /// Targets by (sync, health).
    pub targets: Vec<(SyncStatus, HealthStatus, u64)>,
    /// End of the newest certificate.
    pub certificate_not_after: Option<Timestamp>,
    /// Expiry of an unspent join token.
    pub join_token_expires_at: Option<Timestamp>,
    /// Whether its agent has told what the cluster serves.
    pub inventoried: bool,
    /// When an install manifest was fetched last.
    pub install_fetched_at: Option<Timestamp>,
    /// Where its agent is told to connect, when that is a word of its own.
    pub agents_address: Option<String>,
    /// What the agent said in its last session that the hub could not take: names the thing and the limit.
    pub problem: Option<String>,
    /// Its identity.
    pub identity: IdentityRecord,
    /// Who wants it gone, once its objects are.
    pub removal: Option<ClusterRemoval>,
}

/// A cluster goes when its objects have gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRemoval {
    /// Who wants it.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

/// Something that happens to an identity, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityEvent {
    /// What.
    pub event: windlass_domain::identity::record::Event,
    /// The caller's address, without its port; empty for a person's word.
    pub from: String,
}

/// A new cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCluster {
    /// Its identity.
    pub uid: Uuid,
    /// Its name.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// Addresses for `destination.server`.
    pub server_aliases: Vec<String>,
}

/// A new API token.
#[derive(Clone)]
pub struct NewToken {
    /// Public part.
    pub id: Uuid,
    /// SHA-256 of the secret part.
    pub hash: [u8; 32],
    /// Whose.
    pub principal: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// One call of the API, for the log.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestLogEntry {
    /// When.
    pub at: Timestamp,
    /// Id that the caller was given.
    pub request_id: Uuid,
    /// Who; empty when not authenticated.
    pub principal: String,
    /// From where.
    pub peer: String,
    /// HTTP method.
    pub method: String,
    /// Path, without query.
    pub path: String,
    /// HTTP status.
    pub status: u16,
    /// The permission it needed: `resource/action/object`; empty when none.
    pub permission: String,
}

/// A repository's settings, to be stored.
#[derive(Clone)]
pub struct NewRepository {
    /// Normalised URL.
    pub url: String,
    /// Display name.
    pub name: String,
    /// Serialised credentials, sealed at rest.
    pub credentials: Option<Secret>,
    /// CA certificates for this host, as PEM.
    pub ca_pem: Option<String>,
    /// How it is reached.
    pub settings: RepositorySettings,
}

/// How a repository is reached, as far as everybody may know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RepositorySettings {
    /// The proxy's address, without user and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Hosts that are reached without it, as `NO_PROXY` has them.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub no_proxy: String,
    /// Whether the server's certificate is not checked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// Whether a client certificate is among the credentials.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub client_certificate: bool,
}

/// A repository as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct RepositoryRecord {
    /// Normalised URL.
    pub url: String,
    /// Display name.
    pub name: String,
    /// Whether credentials are stored.
    pub has_credentials: bool,
    /// CA certificates for this host, as PEM.
    pub ca_pem: Option<String>,
    /// How it is reached.
    pub settings: RepositorySettings,
    /// Revision of its last change.
    pub revision: u64,
}

/// A repository for the git engine.
#[derive(Clone)]
pub struct RepositoryWithSecret {
    /// Its settings.
    pub record: RepositoryRecord,
    /// Serialised credentials.
    pub credentials: Option<Secret>,
}

/// A new join token.
#[derive(Clone)]
pub struct NewJoinToken {
    /// Public part.
    pub id: Uuid,
    /// For this cluster only.
    pub cluster: Uuid,
    /// SHA-256 of the secret part.
    pub secret_hash: [u8; 32],
    /// Until when.
    pub expires_at: Timestamp,
}

/// An installation's options, given out for the one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedInstall {
    /// Of this cluster.
    pub cluster: Uuid,
    /// Its name.
    pub name: String,
    /// As they were put.
    pub options: String,
}

/// Why an installation's options were not given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchRefusal {
    /// No such token, or another secret.
    Unknown,
    /// Given out before.
    Fetched(Timestamp),
    /// Its time is over.
    Expired,
    /// An agent has joined with the token.
    Joined,
    /// A newer token took its place, or somebody guessed too often.
    Void,
}

/// The answer to an attempt to spend a join token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spend {
    /// It is this key's from now on: the first time, or the same key again.
    Granted {
        /// The cluster it is for.
        cluster: Uuid,
    },
    /// Refused; nothing was issued.
    Refused(SpendRefusal),
}

/// Why a join token was refused. The caller is told none of it; the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendRefusal {
    /// No such token, or a wrong secret.
    Unknown,
    /// Its time is over.
    Expired,
    /// Another key has it: somebody else joined with it.
    Spent,
    /// Too many failures, or a newer token took its place.
    Void,
}

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// Serial number, lower-case hex.
    pub serial: String,
    /// Whose.
    pub cluster: Uuid,
    /// SHA-256 of the public key.
    pub key_digest: [u8; 32],
    /// The certificate, as DER.
    pub der: Vec<u8>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Its end.
    pub not_after: Timestamp,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Which of the hub's authorities signed it.
    pub authority: u64,
}

/// An agent's session, by which its writes are fenced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// The cluster.
    pub cluster: Uuid,
    /// The epoch that opening it gave.
    pub epoch: u64,
}

/// A cluster's desired state moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterPosition {
    /// The cluster.
    pub cluster: Uuid,
    /// Where it stands now.
    pub position: Position,
}

/// What compiling an application led to.
#[derive(Clone)]
pub struct DesiredCommit {
    /// The application.
    pub application: Uuid,
    /// The application's revision that was compiled: when it has changed since, nothing is written and [`crate::Error::Conflict`] says so.
    pub application_revision: u64,
    /// Its source's state after it.
    pub source: SourceState,
    /// What it was compiled from; `None` keeps what is stored.
    pub compiled: Option<Compiled>,
    /// New contents (manifests, bundle, settings): address and canonical bytes. Those with a keyed address are sealed.
    pub contents: Vec<(Digest, Vec<u8>)>,
    /// For each bundle among the contents, the manifests it names.
    pub bundle_members: Vec<(Digest, Vec<Digest>)>,
    /// The application's targets after it, without operation, approval and adoption (what a person said stays as long as it fits the bundle); `None` leaves
    /// every row as it is: absence of information is never a delete. A cluster that is missing here although it has a row becomes `Removing` with `cascade`.
    pub targets: Option<Vec<(Uuid, TargetSpec)>>,
    /// What happens to the objects of targets that leave.
    pub leaving: windlass_domain::application::Cascade,
}

/// What an application's current bundle was compiled from, to see whether a commit changes anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    /// The commit.
    pub revision: String,
    /// Fingerprint of everything else that went in (source spec, destination, renderer version).
    pub inputs: Digest,
    /// Paths read from the tree.
    pub reads: Reads,
    /// The bundle.
    pub bundle: Digest,
}

/// What a person's word changes in a target's row.
#[derive(Debug, Clone, PartialEq)]
pub enum Amendment {
    /// Start an operation; [`crate::Error::Conflict`] while another is active.
    Operation(OperationRequest),
    /// Ask the active operation to stop, or the one that the agent began by itself.
    Terminate {
        /// Which; another one is a conflict.
        id: Uuid,
        /// By whom.
        by: String,
    },
    /// Approve a held deletion.
    Approve(Approval),
    /// Allow a take-over.
    Adopt(Adoption),
}

/// What was left on a cluster that was given up.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftBehind {
    /// How many objects were last reported there.
    pub count: u64,
    /// The first thousand of them.
    pub objects: Vec<ResourceKey>,
    /// The cluster's new position.
    pub positions: Vec<ClusterPosition>,
}

/// An operation as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationRecord {
    /// Its application.
    pub application: Uuid,
    /// The application's name.
    pub name: ApplicationName,
    /// Its cluster.
    pub cluster: Uuid,
    /// The cluster's name.
    pub cluster_name: String,
    /// What was asked, for manual operations.
    pub request: Option<OperationRequest>,
    /// What the agent reported; `None` before its first word.
    pub state: Option<OperationState>,
    /// Revision of its last change.
    pub revision: u64,
}

/// One entry of the watch feed: the newest state of a thing that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where in the feed.
    pub revision: u64,
    /// What kind of thing.
    pub kind: ChangeKind,
    /// Its uid, or a repository's URL.
    pub id: String,
    /// Its name (`namespace/name` for applications).
    pub name: String,
    /// Whether it is gone.
    pub deleted: bool,
}

/// Kinds of things in the feed. A target's change is its application's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// An application, its source's state, or a target's status.
    Application,
    /// A cluster, its session or freshness.
    Cluster,
    /// A repository.
    Repository,
    /// An operation.
    Operation,
    /// A project.
    Project,
}

/// Records that were written or removed after a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The feed's revision that this was read at: what to ask from next.
    pub revision: u64,
    /// Applications, with the revision of the record; 0 for one that is gone.
    pub applications: Vec<(ApplicationName, u64)>,
    /// Whether any cluster's record is new, another one, or gone.
    pub clusters: bool,
    /// Projects that are new, changed or gone, by name.
    pub projects: Vec<String>,
    /// Whether the settings of the whole installation were changed.
    pub settings: bool,
}

/// What an agent said of itself since its last report.
#[derive(Debug, Clone, Default)]
pub struct AgentReport {
    /// The newest generation that is durable at the agent.
    pub acked: Option<u64>,
    /// Bundles that the agent holds whole, by application.
    pub held: Vec<(Uuid, Digest)>,
    /// Newest statuses of targets.
    pub statuses: Vec<StatusDelta>,
}

/// What an agent's comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// The newest generation of the cluster.
    pub generation: u64,
    /// Whether the hub's digest of the agent's reports is another one.
    pub reports_differ: bool,
    /// Whether the rows at the same generation are other ones; never at another generation, where a delta is on its way.
    pub rows_differ: bool,
}

// === impl Secret ===

impl Secret {
    /// Takes bytes; they are wiped when the last copy goes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}
