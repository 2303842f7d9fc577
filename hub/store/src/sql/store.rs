//! [`Store`] by the aggregates' modules. A call that another writer was in the way of did nothing, and is made again.

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
use windlass_domain::status::ResourceStatus;
use windlass_domain::target::{OperationRequest, Paused};
use windlass_domain::time::Timestamp;
use windlass_domain::upgrade::Upgrade;

use super::{
    SqlStore, amend, applications, authorities, clusters, contents, delta, desired, events, feed, freeze, history,
    hold, identities, installation, installs, join, operations, presence, principals, projects, repositories,
    resources, sessions, settings, status, target_views, upgrades,
};
use crate::Store;
use crate::error::{Error, Result};
use crate::model::*;

/// So often a call is made again before its caller hears of the contention.
pub(super) const AGAIN: u32 = 5;

macro_rules! again {
    ($store:ident, $call:expr) => {{
        let (mut left, before) = (AGAIN, $store.db.glimpses());
        let result = loop {
            match $call.await {
                Err(error) if error.is_contention() && left > 0 => left -= 1,
                result => break result,
            }
        };
        // Neither "unchanged" nor a refusal may rest on what a crash would take away.
        if $store.db.glimpses() != before {
            $store.db.settled().await?;
        }
        result
    }};
}

#[async_trait]
impl Store for SqlStore {
    async fn installation(&self) -> Result<Installation> {
        Ok(self.installation.clone())
    }

    async fn secret(&self, name: &str) -> Result<Option<Secret>> {
        again!(self, installation::secret(self, name))
    }

    async fn put_secret_once(&self, name: &str, value: Secret) -> Result<Secret> {
        again!(self, installation::put_secret_once(self, name, &value))
    }

    async fn put_principal(&self, principal: &Principal, now: Timestamp) -> Result<()> {
        again!(self, principals::put(self, principal, now))
    }

    async fn put_token(&self, token: &NewToken, now: Timestamp) -> Result<()> {
        again!(self, principals::put_token(self, token, now))
    }

    async fn principal_by_token(&self, id: Uuid, hash: [u8; 32], now: Timestamp) -> Result<Option<Principal>> {
        again!(self, principals::by_token(self, id, hash, now))
    }

    async fn has_principals(&self) -> Result<bool> {
        again!(self, principals::any(self))
    }

    async fn log_request(&self, entry: &RequestLogEntry) -> Result<()> {
        again!(self, principals::log(self, entry))
    }

    async fn put_application(
        &self,
        manifest: &ApplicationManifest,
        origin: Origin,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<Put<Application>> {
        again!(self, applications::put(self, manifest, origin, expected, now))
    }

    async fn application(&self, name: &ApplicationName) -> Result<Option<Application>> {
        again!(self, applications::get(self, name))
    }

    async fn application_view(&self, name: &ApplicationName) -> Result<Option<ApplicationView>> {
        again!(self, applications::get_view(self, name, None))
    }

    async fn application_item(&self, name: &ApplicationName) -> Result<Option<ApplicationView>> {
        again!(self, applications::get_view(self, name, Some(target_views::most_of_each(1))))
    }

    async fn list_applications(&self, query: &ApplicationQuery) -> Result<Page<ApplicationView>> {
        again!(self, applications::list(self, query))
    }

    async fn application_names(&self, repository: Option<&str>) -> Result<Vec<(Uuid, ApplicationName)>> {
        again!(self, applications::names(self, repository))
    }

    async fn delete_application(
        &self,
        name: &ApplicationName,
        cascade: Cascade,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<ClusterPosition>> {
        again!(self, applications::delete(self, name, cascade, by, now))
    }

    async fn put_repository(&self, repository: NewRepository, _now: Timestamp) -> Result<Put<RepositoryRecord>> {
        again!(self, repositories::put(self, &repository))
    }

    async fn repository(&self, url: &str) -> Result<Option<RepositoryWithSecret>> {
        again!(self, repositories::get(self, url))
    }

    async fn list_repositories(&self, query: &ListQuery) -> Result<Page<RepositoryRecord>> {
        again!(self, repositories::list(self, query))
    }

    async fn delete_repository(&self, url: &str) -> Result<bool> {
        again!(self, repositories::delete(self, url))
    }

    async fn put_project(
        &self,
        manifest: &ProjectManifest,
        expected: Expected,
        now: Timestamp,
    ) -> Result<Put<AppProject>> {
        again!(self, projects::put(self, manifest, expected, now))
    }

    async fn project(&self, name: &str) -> Result<Option<AppProject>> {
        again!(self, projects::get(self, name))
    }

    async fn projects(&self) -> Result<Vec<AppProject>> {
        again!(self, projects::all(self))
    }

    async fn list_projects(&self, query: &ListQuery) -> Result<Page<AppProject>> {
        again!(self, projects::list(self, query))
    }

    async fn delete_project(&self, name: &str) -> Result<bool> {
        again!(self, projects::delete(self, name))
    }

    async fn settings(&self) -> Result<SystemSettings> {
        again!(self, settings::get(self))
    }

    async fn put_settings(&self, data: &BTreeMap<String, String>, expected: Expected) -> Result<Put<SystemSettings>> {
        again!(self, settings::put(self, data, expected))
    }

    async fn upgrades(&self, most: u32) -> Result<Vec<StoredUpgrade>> {
        again!(self, upgrades::newest_first(self, most))
    }

    async fn put_upgrade(&self, upgrade: &Upgrade, expected: Expected) -> Result<StoredUpgrade> {
        again!(self, upgrades::put(self, upgrade, expected))
    }

    async fn create_cluster(&self, cluster: NewCluster, now: Timestamp) -> Result<Cluster> {
        again!(self, clusters::create(self, &cluster, now))
    }

    async fn update_cluster(
        &self,
        name: &str,
        labels: Labels,
        server_aliases: Vec<String>,
        _now: Timestamp,
    ) -> Result<Cluster> {
        again!(self, clusters::update(self, name, &labels, &server_aliases))
    }

    async fn clusters(&self) -> Result<Vec<Cluster>> {
        again!(self, clusters::all(self))
    }

    async fn cluster_view(&self, name: &str) -> Result<Option<ClusterView>> {
        again!(self, clusters::get_view(self, name))
    }

    async fn list_clusters(&self, query: &ListQuery) -> Result<Page<ClusterView>> {
        again!(self, clusters::list(self, query))
    }

    async fn delete_cluster(&self, name: &str) -> Result<bool> {
        again!(self, clusters::delete(self, name))
    }

    async fn remove_cluster(&self, name: &str, by: &str, now: Timestamp) -> Result<Vec<ClusterPosition>> {
        again!(self, clusters::begin_removal(self, name, by, now))
    }

    async fn discovery(&self, cluster: Uuid) -> Result<Option<Discovery>> {
        again!(self, clusters::discovery(self, cluster))
    }

    async fn put_join_token(&self, token: &NewJoinToken) -> Result<()> {
        again!(self, join::put_token(self, token))
    }

    async fn put_install(&self, token: Uuid, options: &str) -> Result<()> {
        again!(self, installs::put(self, token, options))
    }

    async fn fetch_install(
        &self,
        token: Uuid,
        secret_hash: [u8; 32],
        now: Timestamp,
    ) -> Result<std::result::Result<FetchedInstall, FetchRefusal>> {
        again!(self, installs::fetch(self, token, secret_hash, now))
    }

    async fn set_agents_address(&self, cluster: Uuid, address: Option<&str>) -> Result<()> {
        again!(self, clusters::set_agents_address(self, cluster, address))
    }

    async fn agents_address(&self, cluster: Uuid) -> Result<Option<String>> {
        again!(self, clusters::agents_address(self, cluster))
    }

    async fn spend_join_token(
        &self,
        id: Uuid,
        secret_hash: [u8; 32],
        key_digest: [u8; 32],
        now: Timestamp,
    ) -> Result<Spend> {
        again!(self, join::spend(self, id, secret_hash, key_digest, now))
    }

    async fn put_certificate(&self, certificate: &IssuedCertificate, joined: Option<&str>) -> Result<()> {
        again!(self, join::put_certificate(self, certificate, joined))
    }

    async fn key_is_anothers(&self, cluster: Uuid, key_digest: [u8; 32]) -> Result<bool> {
        again!(self, join::key_is_anothers(self, cluster, key_digest))
    }

    async fn cluster_of_token(&self, id: Uuid) -> Result<Option<Uuid>> {
        again!(self, join::cluster_of_token(self, id))
    }

    async fn identity_of(&self, serial: &str) -> Result<Option<(IssuedCertificate, IdentityRecord)>> {
        again!(self, identities::of_serial(self, serial))
    }

    async fn identity(&self, cluster: Uuid) -> Result<IdentityRecord> {
        again!(self, identities::of_cluster(self, cluster))
    }

    async fn change_identity(&self, cluster: Uuid, change: &IdentityEvent, now: Timestamp) -> Result<Verdict> {
        again!(self, identities::change(self, cluster, change, now))
    }

    async fn identities_changed(&self, after: u64) -> Result<(u64, Vec<Uuid>)> {
        again!(self, identities::changed(self, after))
    }

    async fn revoked_certificates(&self, cluster: Option<Uuid>) -> Result<Vec<(Uuid, String)>> {
        again!(self, identities::revoked(self, cluster))
    }

    async fn revoke_listed(&self, serials: &[String]) -> Result<u64> {
        again!(self, identities::revoke_listed(self, serials))
    }

    async fn authorities(&self) -> Result<Vec<AuthorityEntry>> {
        again!(self, authorities::all(self))
    }

    async fn put_authority_once(&self, entry: &AuthorityEntry) -> Result<()> {
        again!(self, authorities::put_once(self, entry))
    }

    async fn retire_authorities(&self, numbers: &[u64], now: Timestamp) -> Result<()> {
        again!(self, authorities::retire(self, numbers, now))
    }

    async fn authority_holders(&self) -> Result<Vec<Holder>> {
        again!(self, authorities::holders(self))
    }

    async fn certificate(&self, serial: &str) -> Result<Option<IssuedCertificate>> {
        again!(self, join::certificate(self, serial))
    }

    async fn certificate_for_key(&self, cluster: Uuid, key_digest: [u8; 32]) -> Result<Option<IssuedCertificate>> {
        again!(self, join::certificate_for_key(self, cluster, key_digest))
    }

    async fn newest_certificate(&self, cluster: Uuid) -> Result<Option<IssuedCertificate>> {
        again!(self, join::newest_certificate(self, cluster))
    }

    async fn open_session(
        &self,
        cluster: Uuid,
        hello: &Hello,
        now: Timestamp,
    ) -> Result<windlass_domain::exchange::hub::Opened> {
        again!(self, sessions::open(self, cluster, hello, now))
    }

    async fn close_session(&self, session: Session, now: Timestamp) -> Result<()> {
        again!(self, sessions::close(self, session, now))
    }

    async fn put_discovery(&self, session: Session, discovery: &Discovery) -> Result<()> {
        again!(self, sessions::put_discovery(self, session, discovery))
    }

    async fn session_problem(&self, session: Session, problem: &str) -> Result<()> {
        again!(self, sessions::problem(self, session, problem))
    }

    async fn beat(&self, now: Timestamp) -> Result<u64> {
        again!(self, presence::beat(self, now))
    }

    async fn verified(&self, session: Session, at: Timestamp) -> Result<()> {
        again!(self, sessions::verified(self, session, at))
    }

    async fn report(&self, session: Session, report: &AgentReport, now: Timestamp) -> Result<Vec<ClusterPosition>> {
        again!(self, status::report(self, session, report, now))
    }

    async fn compare(&self, cluster: Uuid, compare: &windlass_domain::exchange::Compare) -> Result<Comparison> {
        again!(self, sessions::compare(self, cluster, compare))
    }

    async fn commit_desired(&self, commit: DesiredCommit, now: Timestamp) -> Result<Vec<ClusterPosition>> {
        let mut results = desired::commit_together(self, vec![commit], now).await;
        results.pop().unwrap_or_else(|| Err(Error::Unavailable { cause: "the commit has no answer".into() }))
    }

    async fn commit_all_desired(
        &self,
        commits: Vec<DesiredCommit>,
        now: Timestamp,
    ) -> Vec<Result<Vec<ClusterPosition>>> {
        desired::commit_together(self, commits, now).await
    }

    async fn compiled(&self, application: Uuid) -> Result<Option<Compiled>> {
        again!(self, desired::compiled(self, application))
    }

    async fn amend_target(
        &self,
        application: Uuid,
        cluster: Uuid,
        amendment: Amendment,
        now: Timestamp,
    ) -> Result<ClusterPosition> {
        again!(self, amend::amend(self, application, cluster, &amendment, now))
    }

    async fn position(&self, cluster: Uuid) -> Result<Position> {
        again!(self, delta::current(self, cluster))
    }

    async fn generations(&self) -> Result<Vec<(Uuid, u64)>> {
        again!(self, delta::generations(self))
    }

    async fn delta(&self, cluster: Uuid, since: Option<u64>) -> Result<Delta> {
        again!(self, delta::since(self, cluster, since))
    }

    async fn contents(&self, cluster: Uuid, digests: &[Digest]) -> Result<Vec<(Digest, Vec<u8>)>> {
        again!(self, contents::reachable(self, cluster, digests))
    }

    async fn targets(&self, application: Uuid) -> Result<Vec<TargetView>> {
        again!(self, target_views::all(self, application))
    }

    async fn list_targets(&self, application: Uuid, query: &ListQuery) -> Result<Page<TargetView>> {
        again!(self, target_views::list(self, application, query))
    }

    async fn list_resources(
        &self,
        application: Uuid,
        cluster: Option<Uuid>,
        query: &ListQuery,
    ) -> Result<Page<(Uuid, ResourceStatus)>> {
        again!(self, resources::list(self, application, cluster, query))
    }

    async fn list_operations(&self, application: Option<Uuid>, query: &ListQuery) -> Result<Page<OperationRecord>> {
        again!(self, operations::list(self, application, query))
    }

    async fn operation(&self, id: Uuid) -> Result<Option<OperationRecord>> {
        again!(self, operations::get(self, id))
    }

    async fn history(&self, application: Uuid, cluster: Option<Uuid>, query: &ListQuery) -> Result<Page<HistoryEntry>> {
        again!(self, history::list(self, application, cluster, query))
    }

    async fn deployment(&self, application: Uuid, id: u64) -> Result<Option<HistoryEntry>> {
        again!(self, history::get(self, application, id))
    }

    async fn hold_revision(
        &self,
        application: Uuid,
        hold: &RevisionHold,
        operations: &[(Uuid, OperationRequest)],
        now: Timestamp,
    ) -> Result<Vec<ClusterPosition>> {
        again!(self, hold::hold(self, application, hold, operations, now))
    }

    async fn release_revision(
        &self,
        application: Uuid,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<ClusterPosition>>> {
        again!(self, hold::release(self, application, by, now))
    }

    async fn freezes(&self) -> Result<Vec<Freeze>> {
        again!(self, freeze::all(self))
    }

    async fn put_freeze(&self, freeze: &Freeze, now: Timestamp) -> Result<Vec<ClusterPosition>> {
        again!(self, freeze::put(self, freeze, now))
    }

    async fn remove_freeze(
        &self,
        scope: &FreezeScope,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<ClusterPosition>>> {
        again!(self, freeze::remove(self, scope, by, now))
    }

    async fn dependents(&self) -> Result<Vec<Node>> {
        again!(self, hold::dependents(self))
    }

    async fn waiting(&self) -> Result<Vec<ApplicationName>> {
        again!(self, hold::waiting(self))
    }

    async fn set_waits(
        &self,
        application: Uuid,
        waits: &[(Uuid, Digest, Option<Paused>)],
    ) -> Result<Vec<ClusterPosition>> {
        again!(self, hold::set_waits(self, application, waits))
    }

    async fn confirm_deletion(
        &self,
        application: Uuid,
        clusters: &[Uuid],
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<ClusterPosition>> {
        again!(self, hold::confirm_deletion(self, application, clusters, by, now))
    }

    async fn abandon_target(&self, application: Uuid, cluster: Uuid, by: &str, now: Timestamp) -> Result<LeftBehind> {
        again!(self, hold::abandon(self, application, cluster, by, now))
    }

    async fn log_event(&self, event: &ApplicationEvent) -> Result<()> {
        again!(self, events::put(self, event))
    }

    async fn events(&self, application: Option<&ApplicationName>, query: &ListQuery) -> Result<Page<ApplicationEvent>> {
        again!(self, events::list(self, application, query))
    }

    fn newest(&self) -> tokio::sync::watch::Receiver<u64> {
        self.newest.subscribe()
    }

    async fn changes(&self, after: u64, limit: u32) -> Result<Vec<Change>> {
        again!(self, feed::changes(self, after, limit))
    }

    async fn written(&self, after: u64) -> Result<Written> {
        again!(self, feed::written(self, after))
    }

    async fn collect_garbage(&self, before: Timestamp) -> Result<u64> {
        again!(self, contents::collect_garbage(self, before))
    }

    async fn forget_operations(&self, before: Timestamp) -> Result<u64> {
        again!(self, operations::forget(self, before))
    }

    fn is_shared(&self) -> bool {
        self.db.is_shared()
    }

    async fn ping(&self) -> Result<()> {
        self.ping_database().await
    }
}
