//! Real Kubernetes control planes on loopback: etcd, kube-apiserver, kube-controller-manager and, where a scenario runs
//! pods, kube-scheduler with kwok's fake nodes. Nothing here is simulated but the nodes.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::Value;

use crate::wait::wait_until;

mod assets;
mod audit;
pub mod certificates;
mod components;
mod kubeconfig;
mod nodes;

pub use assets::Assets;
pub use audit::AuditMark;
use components::{Components, Settings};
pub(crate) use nodes::is_ready;

const READY: Duration = Duration::from_secs(90);

/// What a scenario needs of its cluster. The default is the cheapest: no pods and no audit log, about 0.5 GB.
#[derive(Debug, Clone, Default)]
pub struct ControlPlaneOptions {
    /// Run kube-scheduler.
    pub scheduler: bool,
    /// Run kwok, which plays the kubelets of the fake nodes: their pods become Ready, Jobs complete.
    pub kwok: bool,
    /// Write every request's metadata to the audit log that [`ControlPlane::audit_log`] reads.
    pub audit: bool,
    /// The fake nodes to create; they become Ready before [`ControlPlane::start`] returns. They need `kwok`.
    pub nodes: usize,
    /// More arguments for kube-apiserver, such as `--feature-gates=…`.
    pub apiserver_arguments: Vec<String>,
    /// Where the API server listens, for clusters with a real node: an address that nodes and Pods reach. Loopback when
    /// not given.
    pub address: Option<Ipv4Addr>,
}

impl ControlPlaneOptions {
    /// A cluster whose Deployments and Jobs come up: scheduler, kwok and this many fake nodes.
    pub fn with_nodes(nodes: usize) -> Self {
        Self { scheduler: true, kwok: true, nodes, ..Self::default() }
    }

    /// A cluster for a real node ([`crate::node`]), whose network this is this machine's address on.
    pub fn for_a_real_node(address: Ipv4Addr) -> Self {
        Self { scheduler: true, address: Some(address), ..Self::default() }
    }

    /// The same with an audit log.
    #[must_use]
    pub fn audited(self) -> Self {
        Self { audit: true, ..self }
    }
}

/// Output of [`ControlPlane::kubectl`].
#[derive(Debug, Clone)]
pub struct KubectlOutput {
    /// Whether kubectl exited 0.
    pub success: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A running cluster. Dropping it ends its processes; its files stay in its folder.
#[derive(Debug)]
pub struct ControlPlane {
    folder: PathBuf,
    options: ControlPlaneOptions,
    assets: Assets,
    settings: Settings,
    components: Components,
}

impl ControlPlane {
    /// Starts a cluster with all its files and logs in `folder`, one folder for each cluster. It returns when the API
    /// server is ready, the default service account exists and all nodes are Ready: after about 5 s when built.
    pub async fn start(folder: &Path, options: ControlPlaneOptions) -> Result<Self> {
        ensure!(options.nodes == 0 || options.kwok, "fake nodes need kwok");
        let assets = Assets::find().await?;
        tokio::fs::create_dir_all(folder).await.with_context(|| format!("creating {}", folder.display()))?;
        let folder = folder.canonicalize().with_context(|| format!("resolving {}", folder.display()))?;
        let settings = Settings::prepare(&folder, &options)?;
        let components = Components::new(&folder);
        let mut cluster = Self { folder, options, assets, settings, components };
        cluster.bring_up().await.with_context(|| format!("starting the cluster in {}", cluster.folder.display()))?;
        Ok(cluster)
    }

    /// Where the API server listens: `https://127.0.0.1:PORT`, or at its own address, the same during the cluster's whole
    /// life.
    pub fn url(&self) -> String {
        format!("https://{}:{}", self.address(), self.port())
    }

    /// The address on which the API server listens.
    pub fn address(&self) -> Ipv4Addr {
        self.settings.address
    }

    /// The API server's port, for a proxy in front of it: its certificate is good for 127.0.0.1 and localhost.
    pub fn port(&self) -> u16 {
        self.settings.apiserver_port
    }

    /// The authority that signed the API server's and all clients' certificates, PEM.
    pub fn ca_pem(&self) -> String {
        self.settings.authority.pem()
    }

    /// A kubeconfig of `system:masters`.
    pub fn kubeconfig_path(&self) -> PathBuf {
        self.settings.admin_kubeconfig.clone()
    }

    /// A new client with the administrator's certificate.
    pub async fn client(&self) -> Result<Client> {
        client_of(&self.settings.admin_kubeconfig).await
    }

    /// Writes a kubeconfig with a client certificate of user `name` in `groups` (at most two). `system:masters` may do
    /// everything. The user is what the audit log shows, so a scenario can tell one component's requests from another's.
    pub fn identity(&self, name: &str, groups: &[&str]) -> Result<PathBuf> {
        self.identity_at(name, groups, &self.url())
    }

    /// As [`ControlPlane::identity`], for an API server reached at `url`, such as that of a proxy.
    pub fn identity_at(&self, name: &str, groups: &[&str], url: &str) -> Result<PathBuf> {
        kubeconfig::write(&self.folder, name, groups, url, &self.settings.authority)
    }

    /// A client certificate that the API server accepts.
    pub fn client_certificate(&self, name: &str, groups: &[&str]) -> Result<certificates::Certified> {
        self.settings.authority.client(name, groups)
    }

    /// A certificate for a server on loopback that stands between a client and this cluster.
    pub fn server_certificate(&self, name: &str) -> Result<certificates::Certified> {
        self.settings.authority.server(name, &["127.0.0.1", "localhost"])
    }

    /// What every container of the cluster has written, in the format of container runtimes (`TIME stdout F TEXT`): kwok serves it as a kubelet does.
    pub fn container_log(&self) -> PathBuf {
        self.folder.join(components::CONTAINER_LOG)
    }

    /// What every container had written before it was started again.
    pub fn previous_container_log(&self) -> PathBuf {
        self.folder.join(components::PREVIOUS_LOG)
    }

    /// Runs kubectl as the administrator. A failing command is no error here: look at `success`.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<KubectlOutput> {
        let mut command = tokio::process::Command::new(&self.assets.kubectl);
        command.arg("--kubeconfig").arg(self.kubeconfig_path()).args(arguments).kill_on_drop(true);
        command.env("KUBECACHEDIR", self.folder.join("kubectl-cache")).current_dir(&self.folder);
        let output = command.output().await.with_context(|| format!("running kubectl {}", arguments.join(" ")))?;
        Ok(KubectlOutput {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// The kubectl that [`ControlPlane::kubectl`] runs.
    pub fn kubectl_program(&self) -> &Path {
        &self.assets.kubectl
    }

    /// Every event of the audit log so far. A finished request has one event of stage ResponseComplete; a watch also
    /// has one of ResponseStarted. An event may be written a moment after its client has the answer.
    pub fn audit_log(&self) -> Result<Vec<Value>> {
        self.audit_since(AuditMark::default())
    }

    /// The log's end now, for [`ControlPlane::audit_since`].
    pub fn audit_mark(&self) -> Result<AuditMark> {
        ensure!(self.options.audit, "the cluster was started without an audit log");
        audit::mark(&self.settings.audit_log)
    }

    /// The audit events written after `mark`.
    pub fn audit_since(&self, mark: AuditMark) -> Result<Vec<Value>> {
        ensure!(self.options.audit, "the cluster was started without an audit log");
        audit::read(&self.settings.audit_log, mark)
    }

    /// The audit events after `mark` of users whose name contains `user`.
    pub fn audit_by_user(&self, user: &str, mark: AuditMark) -> Result<Vec<Value>> {
        let mut events = self.audit_since(mark)?;
        events.retain(|event| event["user"]["username"].as_str().is_some_and(|name| name.contains(user)));
        Ok(events)
    }

    /// Kills the API server: connections break, later ones are refused. etcd keeps the data.
    pub fn stop_apiserver(&mut self) -> Result<()> {
        self.components.stop_apiserver()
    }

    /// Starts the API server again on the same port and waits until it is ready.
    pub async fn start_apiserver(&mut self) -> Result<()> {
        self.components.start_apiserver(&self.assets, &self.settings)?;
        self.apiserver_ready().await
    }

    /// Stops (SIGSTOP) the API server: it accepts connections and never answers.
    pub fn freeze_apiserver(&mut self) -> Result<()> {
        self.components.apiserver()?.signal("STOP")
    }

    /// Lets a frozen API server run again.
    pub fn thaw_apiserver(&mut self) -> Result<()> {
        self.components.apiserver()?.signal("CONT")
    }

    /// Creates `count` more fake nodes and waits until they are Ready.
    pub async fn add_nodes(&mut self, count: usize) -> Result<()> {
        ensure!(self.options.kwok, "fake nodes need kwok");
        let first = self.components.nodes;
        self.components.nodes += count;
        nodes::create(&self.client().await?, first, count).await
    }

    /// Ends all processes.
    pub fn stop(self) {
        drop(self);
    }

    async fn bring_up(&mut self) -> Result<()> {
        self.components.start_etcd(&self.assets, &mut self.settings).await?;
        self.boot_apiserver().await?;
        self.components.start_controllers(&self.assets, &self.settings, &self.options)?;
        let client = self.client().await?;
        let pods = self.options.scheduler || self.options.kwok;
        self.components.nodes = self.options.nodes;
        let usable =
            async { tokio::try_join!(default_account(&client, pods), nodes::create(&client, 0, self.options.nodes)) };
        let outcome = tokio::select! {
            outcome = usable => outcome.map(drop),
            death = self.components.death() => return Err(death),
        };
        outcome.map_err(|error| self.components.explain(error))
    }

    /// The first start of the API server, with another port when somebody took ours.
    async fn boot_apiserver(&mut self) -> Result<()> {
        for attempt in 0.. {
            self.components.start_apiserver(&self.assets, &self.settings)?;
            match self.apiserver_ready().await {
                Err(_) if attempt < 3 && self.components.lost_its_port() => self.settings.move_apiserver()?,
                outcome => return outcome,
            }
        }
        Ok(())
    }

    async fn apiserver_ready(&mut self) -> Result<()> {
        let client = self.client().await?;
        let components = &mut self.components;
        let ready = wait_until("kube-apiserver to be ready", READY, || {
            let dead = components.dead();
            let client = client.clone();
            async move {
                let request = http::Request::get("/readyz").body(Vec::new())?;
                match dead {
                    Some(error) => Ok(Some(Err(error))),
                    None => client.request_text(request).await.map(|_| Some(Ok(()))).map_err(Into::into),
                }
            }
        });
        ready.await.and_then(|outcome| outcome).map_err(|error| self.components.explain(error))
    }
}

/// Nothing but an existing default service account lets pods be created.
async fn default_account(client: &Client, needed: bool) -> Result<()> {
    if !needed {
        return Ok(());
    }
    let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
    wait_until("the default service account", READY, || async { Ok(accounts.get_opt("default").await?.map(drop)) })
        .await
}

/// A client of the kubeconfig file at `path`.
pub async fn client_of(path: &Path) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(path).with_context(|| format!("reading {}", path.display()))?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Client::try_from(config).with_context(|| format!("making a client of {}", path.display()))
}
