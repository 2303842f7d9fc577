//! A hub that runs in a cluster: its first credential and its own cluster's join file become Secrets there, so that nothing has to be carried by hand.
//!
//! Both Secrets are made by whoever installs the hub, empty; the hub may change these two and nothing else.

mod apiserver;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;
use windlass_domain::identity::{JoinFile, JoinToken};
use windlass_domain::install;
use windlass_runtime::clock::Clock;
use windlass_store::{NewCluster, NewJoinToken, Store};

use crate::api::token::random;
use crate::desired;
use crate::pki::Authority;
use apiserver::Apiserver;

/// The hub's own cluster.
const CLUSTER: &str = "in-cluster";
/// What Argo CD calls it in `destination.server`.
const ALIAS: &str = "https://kubernetes.default.svc";
/// The Secret of the first administrator's token, in the hub's namespace.
const ADMIN_SECRET: &str = "windlass-hub-admin";
const RETRY: Duration = Duration::from_secs(5);
/// A join token lasts a day; a cluster that has not joined by then gets another.
const AGAIN: Duration = Duration::from_secs(12 * 3600);
const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Where this hub is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InCluster {
    /// The files of the Pod's service account: `token`, `ca.crt`, `namespace`.
    pub service_account: PathBuf,
    /// How Pods reach the hub: a name of its Service.
    pub host: String,
    /// The Service's port for the API.
    pub api_port: u16,
    /// The Service's port for agents.
    pub agents_port: u16,
    /// Whether the cluster is registered; otherwise only the first administrator's token is handed over.
    pub own_cluster: bool,
}

/// What it works with.
pub struct Parts {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// For pins and the CA.
    pub authority: Arc<Authority>,
    /// Learns of the cluster.
    pub desired: desired::Handle,
    /// Tells the time.
    pub clock: Clock,
    /// Where the first administrator's token may lie.
    pub data_dir: PathBuf,
}

/// Why it is not done yet.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the service account's {file}: {source}")]
    File { file: &'static str, source: std::io::Error },
    #[error(transparent)]
    Apiserver(#[from] apiserver::Error),
    #[error(transparent)]
    Store(#[from] windlass_store::Error),
    #[error("{0}")]
    Other(String),
}

/// Works until the cluster has joined, and tries again whatever fails.
pub async fn run(place: InCluster, parts: Parts) {
    loop {
        let wait = match once(&place, &parts).await {
            Ok(true) => return,
            Ok(false) => AGAIN,
            Err(error) => {
                tracing::warn!(%error, "the hub's own cluster is not set up yet");
                RETRY
            }
        };
        parts.clock.sleep(wait).await;
    }
}

/// Whether there is nothing left to do.
async fn once(place: &InCluster, parts: &Parts) -> Result<bool, Error> {
    let apiserver = Apiserver::of_pod(&place.service_account, &parts.clock)?;
    hand_over_token(&apiserver, parts).await?;
    if !place.own_cluster {
        return Ok(true);
    }
    let cluster = own_cluster(parts).await?;
    parts.store.set_agents_address(cluster, Some(&format!("{}:{}", place.host, place.agents_port))).await?;
    let joined = parts.store.cluster_view(CLUSTER).await?.is_some_and(|view| view.certificate_not_after.is_some());
    if !joined {
        let join = join_file(place, parts, cluster).await?;
        let text = serde_json::to_string(&join).map_err(|error| Error::Other(error.to_string()))?;
        apiserver.fill(install::NAMESPACE, install::JOIN_SECRET, &[(install::JOIN_ENTRY, &text)]).await?;
        tracing::info!(
            "the join file of the hub's own cluster is in Secret {}/{}",
            install::NAMESPACE,
            install::JOIN_SECRET
        );
    }
    Ok(joined)
}

/// The file goes once the Secret has it: there is one place to take it from, and to delete it at.
async fn hand_over_token(apiserver: &Apiserver, parts: &Parts) -> Result<(), Error> {
    let path = parts.data_dir.join("admin-token");
    let token = match std::fs::read_to_string(&path) {
        Ok(token) => zeroize::Zeroizing::new(token),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::File { file: "admin-token", source }),
    };
    let entries = [("token", token.trim()), ("ca.pem", &parts.authority.ca_pem())];
    apiserver.fill(apiserver.namespace(), ADMIN_SECRET, &entries).await?;
    std::fs::remove_file(&path).map_err(|source| Error::File { file: "admin-token", source })?;
    tracing::info!(
        "the first administrator's token is in Secret {}/{ADMIN_SECRET}; delete it after `windlass login`",
        apiserver.namespace()
    );
    Ok(())
}

async fn own_cluster(parts: &Parts) -> Result<Uuid, Error> {
    if let Some(view) = parts.store.cluster_view(CLUSTER).await? {
        return Ok(view.cluster.uid);
    }
    let new = NewCluster {
        uid: Uuid::new_v4(),
        name: CLUSTER.to_owned(),
        labels: [("windlass.dev/in-cluster".to_owned(), "true".to_owned())].into(),
        server_aliases: vec![ALIAS.to_owned()],
    };
    let cluster = parts.store.create_cluster(new, parts.clock.now()).await?;
    parts.desired.clusters_changed();
    Ok(cluster.uid)
}

async fn join_file(place: &InCluster, parts: &Parts, cluster: Uuid) -> Result<JoinFile, Error> {
    let secret = random().map_err(|error| Error::Other(error.to_string()))?;
    let token = JoinToken::new(Uuid::now_v7(), secret);
    let expires_at = parts.clock.now().saturating_add(TOKEN_LIFE).map_err(|error| Error::Other(error.to_string()))?;
    let record = NewJoinToken { id: token.id, cluster, secret_hash: token.secret_hash(), expires_at };
    parts.store.put_join_token(&record).await?;
    Ok(JoinFile {
        version: 1,
        hub: format!("https://{}:{}", place.host, place.api_port),
        agents: format!("{}:{}", place.host, place.agents_port),
        cluster,
        token: token.expose(),
        pins: vec![parts.authority.pin()],
        proxy: None,
    })
}

/// A merge patch of a Secret's entries.
fn entries_patch(entries: &[(&str, &str)]) -> serde_json::Value {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let data: serde_json::Map<_, _> =
        entries.iter().map(|(name, text)| ((*name).to_owned(), encode(text).into())).collect();
    json!({"data": data})
}
