//! The hub's memory: one SQL store, two engines (SQLite embedded, PostgreSQL), the same query text and the same migrations.
//!
//! Every change takes its revision from the one `feed` row in its own transaction; rows carry `revision`, removals leave tombstones, and that is the watch
//! feed. A write that returned `Ok` is durable. Writes that belong to an agent's session are fenced: they do nothing and answer [`Error::Fenced`] once a
//! newer session has opened.
#![deny(missing_docs)]

pub mod error;
pub mod model;
pub mod seal;
pub mod sql;

use std::collections::BTreeMap;

use async_trait::async_trait;
use uuid::Uuid;
use windlass_domain::access::Principal;
use windlass_domain::application::{Application, ApplicationManifest, Cascade, Origin};
use windlass_domain::cluster::Cluster;
use windlass_domain::dependency::Node;
use windlass_domain::desired_state::{Delta, Position};
use windlass_domain::digest::Digest;
use windlass_domain::discovery::Discovery;
use windlass_domain::exchange::Hello;
use windlass_domain::history::{ApplicationEvent, Freeze, FreezeScope, HistoryEntry, RevisionHold};
use windlass_domain::identity::record::IdentityRecord;
use windlass_domain::identity::trust::{AuthorityEntry, Holder};
use windlass_domain::identity::verdict::Verdict;
use windlass_domain::name::ApplicationName;
use windlass_domain::project::{AppProject, ProjectManifest};
use windlass_domain::status::{ResourceStatus, StatusDelta};
use windlass_domain::target::{OperationRequest, Paused};
use windlass_domain::time::Timestamp;
use windlass_domain::upgrade::Upgrade;

pub use error::{Error, Result};
pub use model::*;
pub use seal::SealKey;
pub use sql::{Limits, SqlStore, StoreUrl};

/// The store, by aggregate. All times are arguments: the store has no clock.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    // --- installation

    /// Who this installation is; made at the first opening of an empty store and never changed.
    async fn installation(&self) -> Result<Installation>;
    /// A sealed value (`ca-key`, `ca-certificate`, ...).
    async fn secret(&self, name: &str) -> Result<Option<Secret>>;
    /// Writes a sealed value only when there is none yet; returns the one that is stored.
    async fn put_secret_once(&self, name: &str, value: Secret) -> Result<Secret>;

    // --- access

    /// Creates a principal or replaces its grants.
    async fn put_principal(&self, principal: &Principal, now: Timestamp) -> Result<()>;
    /// Adds an API token, by the SHA-256 of its secret part.
    async fn put_token(&self, token: &NewToken, now: Timestamp) -> Result<()>;
    /// The principal of an unexpired token with this id and hash.
    async fn principal_by_token(&self, id: Uuid, hash: [u8; 32], now: Timestamp) -> Result<Option<Principal>>;
    /// Whether any principal exists.
    async fn has_principals(&self) -> Result<bool>;
    /// Appends to the request log; the oldest entries beyond a hundred thousand go.
    async fn log_request(&self, entry: &RequestLogEntry) -> Result<()>;

    // --- applications

    /// Creates or replaces an application. `expected` is the revision that the caller saw (`None`: whatever is there; 0: nothing). The spec of an application
    /// that is being deleted cannot be changed, nor one of another origin, nor may `spec.dependsOn` go in a circle: [`Error::Conflict`]. Nothing is written, and the revision stays, when the manifest
    /// is what is stored already, whatever was expected: a retry after a lost answer is harmless.
    async fn put_application(
        &self,
        manifest: &ApplicationManifest,
        origin: Origin,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<Put<Application>>;
    /// One application.
    async fn application(&self, name: &ApplicationName) -> Result<Option<Application>>;
    /// One application with its status over all targets, and every target.
    async fn application_view(&self, name: &ApplicationName) -> Result<Option<ApplicationView>>;
    /// One application as lists have it: counts, and the worst twenty targets.
    async fn application_item(&self, name: &ApplicationName) -> Result<Option<ApplicationView>>;
    /// A page of applications, filtered, sorted and counted here by what is shown (see [`TargetGroup::sync`]). Each comes with counts and its worst targets:
    /// at most twenty, and at most 2000 on a page.
    async fn list_applications(&self, query: &ApplicationQuery) -> Result<Page<ApplicationView>>;
    /// Every application that is compiled from a repository, however its URL is spelled, or every application: (uid, name), by name.
    async fn application_names(&self, repository: Option<&str>) -> Result<Vec<(Uuid, ApplicationName)>>;
    /// Asks for an application's deletion: in one transaction it is marked, and every target's row becomes `Removing`. Returns the clusters' new positions;
    /// an application without targets is gone at once. Asking again with the same cascade does nothing.
    async fn delete_application(
        &self,
        name: &ApplicationName,
        cascade: Cascade,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<ClusterPosition>>;

    // --- repositories

    /// Creates or replaces a repository's settings; credentials are sealed.
    async fn put_repository(&self, repository: NewRepository, now: Timestamp) -> Result<Put<RepositoryRecord>>;
    /// A repository by its normalised URL, with its credentials.
    async fn repository(&self, url: &str) -> Result<Option<RepositoryWithSecret>>;
    /// A page of repositories, without credentials.
    async fn list_repositories(&self, query: &ListQuery) -> Result<Page<RepositoryRecord>>;
    /// Removes it; `false` when there was none.
    async fn delete_repository(&self, url: &str) -> Result<bool>;

    // --- projects

    /// Creates or replaces a project. Nothing is written, and the revision stays, when the manifest is what is stored already, whatever was expected.
    async fn put_project(
        &self,
        manifest: &ProjectManifest,
        expected: Expected,
        now: Timestamp,
    ) -> Result<Put<AppProject>>;
    /// One project. `default` is always there, from the first opening on.
    async fn project(&self, name: &str) -> Result<Option<AppProject>>;
    /// Every project, by name.
    async fn projects(&self) -> Result<Vec<AppProject>>;
    /// A page of projects, by name.
    async fn list_projects(&self, query: &ListQuery) -> Result<Page<AppProject>>;
    /// Removes a project; `false` when there was none. [`Error::Conflict`] for `default`, and while an application names it.
    async fn delete_project(&self, name: &str) -> Result<bool>;

    // --- settings

    /// The settings of the whole installation; the default, of revision 0, where nobody gave any.
    async fn settings(&self) -> Result<SystemSettings>;
    /// Replaces them. Nothing is written when they are what is stored already.
    async fn put_settings(&self, data: &BTreeMap<String, String>, expected: Expected) -> Result<Put<SystemSettings>>;

    // --- upgrades of agents

    /// The newest ones, the newest first; at most `most`.
    async fn upgrades(&self, most: u32) -> Result<Vec<StoredUpgrade>>;
    /// Makes or replaces one; [`Error::Conflict`] when it is not as expected.
    async fn put_upgrade(&self, upgrade: &Upgrade, expected: Expected) -> Result<StoredUpgrade>;

    // --- clusters

    /// Creates a cluster; [`Error::Conflict`] when the name is taken.
    async fn create_cluster(&self, cluster: NewCluster, now: Timestamp) -> Result<Cluster>;
    /// Replaces labels and aliases.
    async fn update_cluster(
        &self,
        name: &str,
        labels: Labels,
        server_aliases: Vec<String>,
        now: Timestamp,
    ) -> Result<Cluster>;
    /// Every cluster that applications may go to, by name: those that are being removed are left out.
    async fn clusters(&self) -> Result<Vec<Cluster>>;
    /// One cluster with its session and counts.
    async fn cluster_view(&self, name: &str) -> Result<Option<ClusterView>>;
    /// A page of clusters.
    async fn list_clusters(&self, query: &ListQuery) -> Result<Page<ClusterView>>;
    /// Removes a cluster, its tokens, certificates and rows. Objects in it are left as they are.
    async fn delete_cluster(&self, name: &str) -> Result<bool>;
    /// Removes a cluster once its objects are deleted: nothing is targeted at it any more, its targets leave, and the record goes with the last of them.
    async fn remove_cluster(&self, name: &str, by: &str, now: Timestamp) -> Result<Vec<ClusterPosition>>;
    /// A cluster's resource list, once its agent has sent it.
    async fn discovery(&self, cluster: Uuid) -> Result<Option<Discovery>>;

    // --- identity

    /// Adds a join token; tokens of the same cluster that were not spent are void.
    async fn put_join_token(&self, token: &NewJoinToken) -> Result<()>;
    /// Keeps what was chosen for an installation, to be fetched once with this join token.
    async fn put_install(&self, token: Uuid, options: &str) -> Result<()>;
    /// Gives it out: of any number of parallel calls one gets it. A wrong secret counts as a failure of the token.
    async fn fetch_install(
        &self,
        token: Uuid,
        secret_hash: [u8; 32],
        now: Timestamp,
    ) -> Result<std::result::Result<FetchedInstall, FetchRefusal>>;
    /// Where a cluster's agent is to connect from now on; `None` for what the hub says to everybody.
    async fn set_agents_address(&self, cluster: Uuid, address: Option<&str>) -> Result<()>;
    /// Where a cluster's agent is to connect, when that is a word of its own.
    async fn agents_address(&self, cluster: Uuid) -> Result<Option<String>>;
    /// Checks and, where allowed, spends a token for a public key: one conditional update, so that of any number of parallel calls one key wins. Each failure
    /// counts; five void the token.
    async fn spend_join_token(
        &self,
        id: Uuid,
        secret_hash: [u8; 32],
        key_digest: [u8; 32],
        now: Timestamp,
    ) -> Result<Spend>;
    /// Records a certificate that was issued, before it is handed out: it is the cluster's next one. `joined` has the uid of `kube-system` where an agent
    /// joined; then what stood against the cluster is over.
    async fn put_certificate(&self, certificate: &IssuedCertificate, joined: Option<&str>) -> Result<()>;
    /// Whether a certificate was ever issued for a key to another cluster than this one.
    async fn key_is_anothers(&self, cluster: Uuid, key_digest: [u8; 32]) -> Result<bool>;
    /// The cluster that a join token is for, whatever became of the token.
    async fn cluster_of_token(&self, id: Uuid) -> Result<Option<Uuid>>;
    /// A certificate with its cluster's identity; `None` for a serial number that was never issued, or whose cluster is gone.
    async fn identity_of(&self, serial: &str) -> Result<Option<(IssuedCertificate, IdentityRecord)>>;
    /// A cluster's identity.
    async fn identity(&self, cluster: Uuid) -> Result<IdentityRecord>;
    /// Has the domain decide what an event means for a cluster's identity, in one transaction. Nothing is written where nothing changes. A revocation also
    /// marks the certificates; with it, and with a quarantine, the cluster's tokens go, spent ones too; an approval of a certificate that is not the cluster's, or not good, is refused as unknown.
    async fn change_identity(&self, cluster: Uuid, change: &IdentityEvent, now: Timestamp) -> Result<Verdict>;
    /// Clusters whose identity changed after a revision of the feed, and its newest one.
    async fn identities_changed(&self, after: u64) -> Result<(u64, Vec<Uuid>)>;
    /// Every revoked certificate, or those of a cluster: (cluster, serial).
    async fn revoked_certificates(&self, cluster: Option<Uuid>) -> Result<Vec<(Uuid, String)>>;
    /// Revokes the certificates that a list outside the database names; how many were not revoked before.
    async fn revoke_listed(&self, serials: &[String]) -> Result<u64>;
    /// The hub's certificate authorities, by number.
    async fn authorities(&self) -> Result<Vec<AuthorityEntry>>;
    /// Adds an authority, where there is none of its number.
    async fn put_authority_once(&self, entry: &AuthorityEntry) -> Result<()>;
    /// Ends authorities.
    async fn retire_authorities(&self, numbers: &[u64], now: Timestamp) -> Result<()>;
    /// Clusters that have a good certificate, by name, and who signed the one that they use.
    async fn authority_holders(&self) -> Result<Vec<Holder>>;
    /// The certificate of a serial number.
    async fn certificate(&self, serial: &str) -> Result<Option<IssuedCertificate>>;
    /// The newest certificate issued to a cluster for a key: a retried join gets the same one.
    async fn certificate_for_key(&self, cluster: Uuid, key_digest: [u8; 32]) -> Result<Option<IssuedCertificate>>;
    /// The certificate that was issued last to a cluster.
    async fn newest_certificate(&self, cluster: Uuid) -> Result<Option<IssuedCertificate>>;

    // --- sessions

    /// Raises the cluster's epoch, stores the facts, and says how the agent's statements compare.
    async fn open_session(
        &self,
        cluster: Uuid,
        hello: &Hello,
        now: Timestamp,
    ) -> Result<windlass_domain::exchange::hub::Opened>;
    /// Marks the session as gone, when it still is the newest.
    async fn close_session(&self, session: Session, now: Timestamp) -> Result<()>;
    /// The rows up to this generation are durable at the agent: the history before it is no longer needed. An older ack than the last, and one of a
    /// generation that does not exist, do nothing.
    async fn ack(&self, session: Session, generation: u64) -> Result<()> {
        let report = AgentReport { acked: Some(generation), ..AgentReport::default() };
        self.report(session, &report, windlass_domain::time::from_millis(0)).await.map(drop)
    }
    /// A bundle is complete at the agent. Of a target without a row, or a bundle that is not stored, nothing is noted.
    async fn held(&self, session: Session, application: Uuid, bundle: Digest) -> Result<()> {
        let report = AgentReport { held: vec![(application, bundle)], ..AgentReport::default() };
        self.report(session, &report, windlass_domain::time::from_millis(0)).await.map(drop)
    }
    /// The cluster's resource list.
    async fn put_discovery(&self, session: Session, discovery: &Discovery) -> Result<()>;
    /// What the agent said and the hub cannot take; it is shown with the cluster until its next session opens.
    async fn session_problem(&self, session: Session, problem: &str) -> Result<()>;
    /// Says that this hub lives, and ends the sessions of hubs that have not said so for 45 s by this hub's clock. Returns how many. To be called every 15 s;
    /// where the database has one hub only, nothing is done.
    async fn beat(&self, now: Timestamp) -> Result<u64>;
    /// The facts were compared and are verified as of `at`.
    async fn verified(&self, session: Session, at: Timestamp) -> Result<()>;
    /// Newest status of targets, all in one transaction; of a target without a row nothing is taken. A finished operation leaves its row; a finished removal
    /// drops the row, and the application with its last target. An operation's results are kept in its record: a status that names the operation without
    /// results leaves them. Returns the positions that this made, for clusters whose rows changed.
    async fn apply_status(
        &self,
        session: Session,
        deltas: &[StatusDelta],
        now: Timestamp,
    ) -> Result<Vec<ClusterPosition>> {
        let report = AgentReport { statuses: deltas.to_vec(), ..AgentReport::default() };
        self.report(session, &report, now).await
    }
    /// [`ack`](Self::ack), [`held`](Self::held) and [`apply_status`](Self::apply_status) in one transaction, in this order.
    async fn report(&self, session: Session, report: &AgentReport, now: Timestamp) -> Result<Vec<ClusterPosition>>;
    /// Whether the agent's digest of its reports, and of its rows at a generation, are the hub's; all of it is of one moment.
    async fn compare(&self, cluster: Uuid, compare: &windlass_domain::exchange::Compare) -> Result<Comparison>;

    // --- desired state

    /// Stores what a render (or its failure) means, in one transaction: contents, bundle, targets' rows, the clusters' new generations, the application's
    /// conditions. Rows that do not change make no generation. [`Error::Invalid`] when a content is not what its address says, or when a row would name a bundle
    /// that is not stored whole (contents that are stored already may be left out). A look that changes nothing but `checked_at` is no change in the feed.
    /// Commits that are called while another one is written share the next transaction, each whole or not at all: one generation a cluster, one fsync.
    async fn commit_desired(&self, commit: DesiredCommit, now: Timestamp) -> Result<Vec<ClusterPosition>>;
    /// [`commit_desired`](Self::commit_desired) for many applications, in as few transactions as their number allows (a thousand commits are one): each is whole
    /// or nothing, whatever becomes of the others. The results are in the order of the commits.
    async fn commit_all_desired(
        &self,
        commits: Vec<DesiredCommit>,
        now: Timestamp,
    ) -> Vec<Result<Vec<ClusterPosition>>>;
    /// What the application was last compiled from.
    async fn compiled(&self, application: Uuid) -> Result<Option<Compiled>>;
    /// Changes one target's row by a person's word: an operation, its termination, an approval, an adoption. One generation; none when the same was said
    /// before. [`Error::Conflict`] for an id that ran already, an approval of another bundle than the desired one, and a target on its way out.
    async fn amend_target(
        &self,
        application: Uuid,
        cluster: Uuid,
        amendment: Amendment,
        now: Timestamp,
    ) -> Result<ClusterPosition>;
    /// Where a cluster's desired state stands.
    async fn position(&self, cluster: Uuid) -> Result<Position>;
    /// The newest generation of every cluster that has a session, on this hub or another.
    async fn generations(&self) -> Result<Vec<(Uuid, u64)>>;
    /// Rows changed since a generation, or all of them; all of them too when the tombstones since then are gone.
    async fn delta(&self, cluster: Uuid, since: Option<u64>) -> Result<Delta>;
    /// Contents by address, zstd-compressed and unsealed: only those reachable from the cluster's own rows. What is not is absent from the answer.
    async fn contents(&self, cluster: Uuid, digests: &[Digest]) -> Result<Vec<(Digest, Vec<u8>)>>;

    // --- status

    /// Every target of an application with its status.
    async fn targets(&self, application: Uuid) -> Result<Vec<TargetView>>;
    /// A page of an application's targets, worst first; `search` is for the clusters' names.
    async fn list_targets(&self, application: Uuid, query: &ListQuery) -> Result<Page<TargetView>>;
    /// A page of an application's objects on one cluster, or on all.
    async fn list_resources(
        &self,
        application: Uuid,
        cluster: Option<Uuid>,
        query: &ListQuery,
    ) -> Result<Page<(Uuid, ResourceStatus)>>;
    /// A page of operations, newest first.
    async fn list_operations(&self, application: Option<Uuid>, query: &ListQuery) -> Result<Page<OperationRecord>>;
    /// One operation.
    async fn operation(&self, id: Uuid) -> Result<Option<OperationRecord>>;

    // --- what people decide

    /// A page of deployments, newest first: of an application, or of one of its targets. `search` is for the clusters' names.
    async fn history(&self, application: Uuid, cluster: Option<Uuid>, query: &ListQuery) -> Result<Page<HistoryEntry>>;
    /// A deployment by its number, as some target had it.
    async fn deployment(&self, application: Uuid, id: u64) -> Result<Option<HistoryEntry>>;
    /// Holds an application at a commit: its rows get that bundle and, where one is given, an operation; commits of its source no longer change them.
    /// [`Error::Conflict`] while another operation is active, and of an application that is being deleted.
    async fn hold_revision(
        &self,
        application: Uuid,
        hold: &RevisionHold,
        operations: &[(Uuid, OperationRequest)],
        now: Timestamp,
    ) -> Result<Vec<ClusterPosition>>;
    /// Ends a hold: rows get what was compiled last. `None` when nothing was held.
    async fn release_revision(
        &self,
        application: Uuid,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<ClusterPosition>>>;
    /// Every freeze.
    async fn freezes(&self) -> Result<Vec<Freeze>>;
    /// Stops all writes of a scope, in one generation a cluster; targets that come later are stopped too. One of the same scope is replaced.
    async fn put_freeze(&self, freeze: &Freeze, now: Timestamp) -> Result<Vec<ClusterPosition>>;
    /// Ends a freeze; `None` when there was none of this scope.
    async fn remove_freeze(
        &self,
        scope: &FreezeScope,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<ClusterPosition>>>;
    /// Every application that depends on others.
    async fn dependents(&self) -> Result<Vec<Node>>;
    /// Applications with a target that waits for another application.
    async fn waiting(&self) -> Result<Vec<ApplicationName>>;
    /// Says what waiting targets wait for now: (cluster, bundle that was looked at, pause). Where the row is of another bundle by now, or no longer waits,
    /// nothing is written.
    async fn set_waits(
        &self,
        application: Uuid,
        waits: &[(Uuid, Digest, Option<Paused>)],
    ) -> Result<Vec<ClusterPosition>>;
    /// Confirms deletions that ask for it, of the bundles that are desired now or of the removal; on all clusters when none is named.
    async fn confirm_deletion(
        &self,
        application: Uuid,
        clusters: &[Uuid],
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<ClusterPosition>>;
    /// Gives up a target that is on its way out; with the last one its application goes. What its agent last reported is left and recorded.
    /// [`Error::Conflict`] for a target that stays.
    async fn abandon_target(&self, application: Uuid, cluster: Uuid, by: &str, now: Timestamp) -> Result<LeftBehind>;
    /// Records what happened to an application.
    async fn log_event(&self, event: &ApplicationEvent) -> Result<()>;
    /// A page of events, newest first: of everything, or of one application, with those that are about more than one.
    async fn events(&self, application: Option<&ApplicationName>, query: &ListQuery) -> Result<Page<ApplicationEvent>>;

    // --- feed

    /// The newest revision; changes when anything is committed through this store (a replica's changes are seen within a second).
    fn newest(&self) -> tokio::sync::watch::Receiver<u64>;
    /// Changes after a revision, oldest first, newest state only: at most `limit`. [`Error::CursorTooOld`] below the tombstone floor.
    async fn changes(&self, after: u64, limit: u32) -> Result<Vec<Change>>;
    /// Which records people wrote or removed after a revision, on this hub or another; what is reported of them is left out. Reads no more than what changed.
    async fn written(&self, after: u64) -> Result<Written>;
    /// Drops contents that were stored before a time and that nothing names any more: no row, no agent's last complete bundle, no application's last
    /// compilation. Returns how many. To be called now and then, with a time some minutes ago.
    async fn collect_garbage(&self, before: Timestamp) -> Result<u64>;
    /// Forgets operations from before a time whose application is gone. Returns how many.
    async fn forget_operations(&self, before: Timestamp) -> Result<u64>;
    /// Whether other hubs may write to the same database.
    fn is_shared(&self) -> bool;
    /// Whether the store answers.
    async fn ping(&self) -> Result<()>;
}
