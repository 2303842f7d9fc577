//! A hub, clusters with their agents, and a folder: the stage of a scenario.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::api::Api;
use crate::apiserver_proxy::ApiServerProxy;
use crate::control_plane::{AuditMark, ControlPlane, ControlPlaneOptions};
use crate::folder::Folder;
use crate::hub::{Hub, HubOptions};
use crate::objects::Objects;
use crate::wait::wait_for;

/// How long a session may take to come up.
const CONNECTING: Duration = Duration::from_secs(30);

/// What `windlass cluster add -o join.json` writes. It holds a token: no `Debug`.
#[derive(Clone)]
pub struct Join(pub Value);

impl Join {
    /// Writes it into a folder.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.join("join.json");
        std::fs::write(&path, self.0.to_string()).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// The same with other pins of the hub's authority.
    #[must_use]
    pub fn with_pin(mut self, pin: &str) -> Self {
        self.0["pins"] = json!([pin]);
        self
    }

    /// The token.
    pub fn token(&self) -> &str {
        self.0["token"].as_str().unwrap_or_default()
    }
}

/// A cluster of a fleet.
pub struct Member {
    /// The cluster's name at the hub.
    pub name: String,
    /// The cluster itself; several fleets may share it.
    pub plane: Arc<ControlPlane>,
    /// Its agent.
    pub agent: Agent,
    /// Hands to touch its objects.
    pub objects: Objects,
    /// The user that the agent is for its API server, and nobody else.
    pub user: String,
    /// The place in the audit log where this fleet began.
    pub since: AuditMark,
}

/// A hub and clusters with one agent each. Dropping it ends hub and agents, not the clusters that others use too.
pub struct Fleet {
    // Dropped in order: agents first, the folder last.
    members: BTreeMap<String, Member>,
    hub: Hub,
    folder: Folder,
    name: String,
}

/// A control plane as fleets need it: nodes on which pods run, and an audit log.
pub async fn control_plane(folder: &Path) -> Result<Arc<ControlPlane>> {
    let starting = ControlPlane::start(folder, ControlPlaneOptions::with_nodes(1).audited());
    Ok(Arc::new(Box::pin(starting).await?))
}

impl Fleet {
    /// A fleet of clusters by name, each with labels `name` and `env=test`, all connected.
    pub async fn start(name: &str, planes: &[(&str, Arc<ControlPlane>)]) -> Result<Self> {
        Self::start_with(name, planes, HubOptions::default()).await
    }

    /// The same with another hub.
    pub async fn start_with(name: &str, planes: &[(&str, Arc<ControlPlane>)], options: HubOptions) -> Result<Self> {
        Self::start_in(Folder::create(name)?, name, planes, options).await
    }

    /// The same in a folder that the caller chose.
    pub async fn start_in(
        folder: Folder,
        name: &str,
        planes: &[(&str, Arc<ControlPlane>)],
        options: HubOptions,
    ) -> Result<Self> {
        let hub = Hub::start(&folder.path().join("hub"), options).await?;
        let mut fleet = Self { members: BTreeMap::new(), hub, folder, name: name.to_owned() };
        for (cluster, plane) in planes {
            fleet.add(cluster, Arc::clone(plane)).await?;
        }
        for (cluster, _) in planes {
            fleet.connected(cluster).await?;
        }
        Ok(fleet)
    }

    /// Registers a cluster and starts its agent, which joins by itself.
    pub async fn add(&mut self, cluster: &str, plane: Arc<ControlPlane>) -> Result<()> {
        self.add_with(cluster, plane, "").await
    }

    /// The same with failpoints of the agent to begin with: `name=actions;name=actions`.
    pub async fn add_with(&mut self, cluster: &str, plane: Arc<ControlPlane>, failpoints: &str) -> Result<()> {
        let kubeconfig = plane.identity(&self.user_of(cluster), &["system:masters"])?;
        self.join(cluster, plane, &kubeconfig, failpoints).await
    }

    /// The same with an agent that reaches its API server through a proxy.
    pub async fn add_behind_proxy(&mut self, cluster: &str, plane: Arc<ControlPlane>) -> Result<ApiServerProxy> {
        let user = self.user_of(cluster);
        let proxy = ApiServerProxy::start(&plane, &user, &["system:masters"]).await?;
        let kubeconfig = plane.identity_at(&user, &["system:masters"], &proxy.url())?;
        self.join(cluster, plane, &kubeconfig, "").await?;
        Ok(proxy)
    }

    async fn join(
        &mut self,
        cluster: &str,
        plane: Arc<ControlPlane>,
        kubeconfig: &Path,
        failpoints: &str,
    ) -> Result<()> {
        let join = self.hub.api().create_cluster(cluster, &[("name", cluster), ("env", "test")]).await?;
        let folder = self.folder_of(cluster);
        let join = join.write(&folder)?;
        let since = plane.audit_mark()?;
        let objects = Objects::new(plane.client().await?);
        let agent = Agent::start_with(&folder, &join, kubeconfig, failpoints)?;
        let (name, user) = (cluster.to_owned(), self.user_of(cluster));
        self.members.insert(name.clone(), Member { name, plane, agent, objects, user, since });
        Ok(())
    }

    /// Where a cluster's agent keeps everything; its durable copy is in `state`.
    pub fn folder_of(&self, cluster: &str) -> PathBuf {
        self.folder.path().join(cluster)
    }

    fn user_of(&self, cluster: &str) -> String {
        format!("windlass-agent-{}-{cluster}", self.name)
    }

    /// Waits until the cluster's session is up.
    pub async fn connected(&self, cluster: &str) -> Result<()> {
        connected(self.hub.api(), cluster, &self.member(cluster)?.agent).await
    }

    /// The name that its folder and its agents' users have in them.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The hub, to kill and restart it.
    pub fn hub_mut(&mut self) -> &mut Hub {
        &mut self.hub
    }

    /// The administrator's client.
    pub fn api(&self) -> &Api {
        self.hub.api()
    }

    /// One cluster.
    pub fn member(&self, cluster: &str) -> Result<&Member> {
        self.members.get(cluster).with_context(|| format!("the fleet has no cluster {cluster}"))
    }

    /// One cluster, to kill and restart its agent.
    pub fn member_mut(&mut self, cluster: &str) -> Result<&mut Member> {
        self.members.get_mut(cluster).with_context(|| format!("the fleet has no cluster {cluster}"))
    }

    /// All clusters, by name.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Where everything of this fleet is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The scenario has passed: nothing needs to be kept.
    pub fn finish(mut self) {
        self.folder.succeed();
    }
}

/// Waits until the hub has a session of the cluster; the agent is only named in the failure.
pub async fn connected(api: &Api, cluster: &str, agent: &Agent) -> Result<()> {
    let what = format!("cluster {cluster} to be connected");
    let state = || async { Ok(api.cluster(cluster).await?["connection"].as_str().unwrap_or_default().to_owned()) };
    let seen = wait_for(&what, CONNECTING, state, |state| (state == "Connected").then_some(()));
    seen.await.with_context(|| format!("the agent's log is {}", agent.log_file().display()))
}
