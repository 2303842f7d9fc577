//! The processes of one cluster and their arguments.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rcgen::KeyPair;

use super::certificates::Authority;
use super::{Assets, ControlPlaneOptions, audit, kubeconfig};
use crate::ports::free_port;
use crate::process::Process;
use crate::wait::wait_until;

/// What every container of a cluster has written, for kwok.
pub(super) const CONTAINER_LOG: &str = "container.log";
/// What every container wrote before it was started again.
pub(super) const PREVIOUS_LOG: &str = "container-previous.log";

/// Everything about a cluster that stays when a process is started again: ports, certificates, files.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) authority: Authority,
    pub(super) address: Ipv4Addr,
    pub(super) apiserver_port: u16,
    pub(super) admin_kubeconfig: PathBuf,
    pub(super) audit_log: PathBuf,
    folder: PathBuf,
    etcd_port: u16,
    audit: bool,
    apiserver_arguments: Vec<String>,
}

impl Settings {
    /// Chooses ports and writes certificates, keys, kubeconfig and audit policy into `folder`.
    pub(super) fn prepare(folder: &Path, options: &ControlPlaneOptions) -> Result<Self> {
        let authority = Authority::new("windlass test cluster")?;
        let address = options.address.unwrap_or(Ipv4Addr::LOCALHOST);
        let own = address.to_string();
        let mut alternative_names =
            vec!["127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "10.96.0.1"];
        alternative_names.extend(options.address.map(|_| own.as_str()));
        let server = authority.server("kube-apiserver", &alternative_names)?;
        let kubelet_client = authority.client("kube-apiserver-kubelet-client", &["system:masters"])?;
        let service_accounts = KeyPair::generate().context("generating the key of service accounts")?;
        for (name, text) in [
            ("ca.crt", authority.pem()),
            ("ca.key", authority.key_pem()),
            ("server.crt", server.certificate),
            ("server.key", server.key),
            ("kubelet-client.crt", kubelet_client.certificate),
            ("kubelet-client.key", kubelet_client.key),
            ("service-accounts.key", service_accounts.serialize_pem()),
            ("service-accounts.pub", service_accounts.public_key_pem()),
            ("audit-policy.yaml", audit::POLICY.to_owned()),
        ] {
            std::fs::write(folder.join(name), text).with_context(|| format!("writing {name}"))?;
        }
        let mut settings = Self {
            authority,
            address,
            apiserver_port: 0,
            admin_kubeconfig: PathBuf::new(),
            audit_log: folder.join("audit.jsonl"),
            folder: folder.to_owned(),
            etcd_port: 0,
            audit: options.audit,
            apiserver_arguments: options.apiserver_arguments.clone(),
        };
        settings.move_apiserver()?;
        Ok(settings)
    }

    /// Another port for the API server, and an administrator's kubeconfig that says so.
    pub(super) fn move_apiserver(&mut self) -> Result<()> {
        self.apiserver_port = free_port()?;
        let url = format!("https://{}:{}", self.address, self.apiserver_port);
        self.admin_kubeconfig = kubeconfig::write(&self.folder, "admin", &["system:masters"], &url, &self.authority)?;
        Ok(())
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

/// The processes. Fields are dropped in order: first the clients, last the store.
#[derive(Debug)]
pub(super) struct Components {
    pub(super) nodes: usize,
    logs: PathBuf,
    controllers: Vec<Process>,
    apiserver: Option<Process>,
    etcd: Option<Process>,
}

impl Components {
    pub(super) fn new(folder: &Path) -> Self {
        Self { nodes: 0, logs: folder.join("logs"), controllers: Vec::new(), apiserver: None, etcd: None }
    }

    /// Starts etcd and waits until it listens, with other ports when somebody took ours.
    pub(super) async fn start_etcd(&mut self, assets: &Assets, settings: &mut Settings) -> Result<()> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let port = free_port()?;
            settings.etcd_port = port;
            let mut etcd = self.spawn("etcd", etcd(assets, settings)?)?;
            let listening = wait_until("etcd to listen", Duration::from_secs(30), || {
                let ended = etcd.exit_status();
                async move {
                    let connected = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok();
                    Ok(if ended.is_some() { Some(false) } else { connected.then_some(true) })
                }
            });
            match listening.await {
                Ok(true) => {
                    self.etcd = Some(etcd);
                    return Ok(());
                }
                Ok(false) if attempts < 4 && taken(&etcd) => {}
                Ok(_) => return Err(etcd.failure("did not start")),
                Err(error) => return Err(error.context(etcd.failure("does not listen"))),
            }
        }
    }

    pub(super) fn start_apiserver(&mut self, assets: &Assets, settings: &Settings) -> Result<()> {
        // The old one first: it may still hold the port.
        self.stop_apiserver()?;
        self.apiserver = Some(self.spawn("kube-apiserver", apiserver(assets, settings))?);
        Ok(())
    }

    pub(super) fn stop_apiserver(&mut self) -> Result<()> {
        self.apiserver.take().map_or(Ok(()), |mut process| process.kill9())
    }

    pub(super) fn apiserver(&mut self) -> Result<&mut Process> {
        self.apiserver.as_mut().context("the API server is stopped")
    }

    pub(super) fn start_controllers(
        &mut self,
        assets: &Assets,
        settings: &Settings,
        options: &ControlPlaneOptions,
    ) -> Result<()> {
        let manager = self.spawn("kube-controller-manager", controller_manager(assets, settings)?)?;
        self.controllers.push(manager);
        if options.scheduler {
            let scheduler = self.spawn("kube-scheduler", scheduler(assets, settings)?)?;
            self.controllers.push(scheduler);
        }
        if options.kwok {
            let kwok = self.spawn("kwok", kwok(assets, settings)?)?;
            self.controllers.push(kwok);
        }
        Ok(())
    }

    /// Whether the API server ended because another process has its port.
    pub(super) fn lost_its_port(&mut self) -> bool {
        self.apiserver.as_mut().is_some_and(|process| !process.is_running() && taken(process))
    }

    /// The failure of the first process that ended by itself.
    pub(super) fn dead(&mut self) -> Option<anyhow::Error> {
        let all = self.etcd.iter_mut().chain(&mut self.apiserver).chain(&mut self.controllers);
        all.filter_map(|process| (!process.is_running()).then(|| process.failure("ended by itself"))).next()
    }

    /// Waits for the first process to end by itself.
    pub(super) async fn death(&mut self) -> anyhow::Error {
        loop {
            match self.dead() {
                Some(error) => return error,
                None => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// The error with what is known of the processes.
    pub(super) fn explain(&mut self, error: anyhow::Error) -> anyhow::Error {
        match self.dead() {
            Some(death) => error.context(death),
            None => match self.apiserver.as_mut() {
                Some(process) => {
                    let tail = process.failure("did not get ready");
                    error.context(tail)
                }
                None => error,
            },
        }
    }

    fn spawn(&self, name: &str, command: Command) -> Result<Process> {
        Ok(Process::spawn(name, command, &self.logs.join(format!("{name}.log")))?.disposable())
    }
}

fn taken(process: &Process) -> bool {
    process.log_tail(50).contains("address already in use")
}

fn etcd(assets: &Assets, settings: &Settings) -> Result<Command> {
    let client = format!("http://127.0.0.1:{}", settings.etcd_port);
    let peer = format!("http://127.0.0.1:{}", free_port()?);
    let mut command = Command::new(&assets.etcd);
    command
        .arg(format!("--data-dir={}", settings.file("etcd")))
        .arg(format!("--listen-client-urls={client}"))
        .arg(format!("--advertise-client-urls={client}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=default={peer}"))
        .args(["--unsafe-no-fsync", "--log-level=error"]);
    Ok(command)
}

fn apiserver(assets: &Assets, settings: &Settings) -> Command {
    let mut command = Command::new(&assets.apiserver);
    command
        .arg(format!("--etcd-servers=http://127.0.0.1:{}", settings.etcd_port))
        .arg(format!("--secure-port={}", settings.apiserver_port))
        .arg(format!("--tls-cert-file={}", settings.file("server.crt")))
        .arg(format!("--tls-private-key-file={}", settings.file("server.key")))
        .arg(format!("--client-ca-file={}", settings.file("ca.crt")))
        .arg(format!("--kubelet-client-certificate={}", settings.file("kubelet-client.crt")))
        .arg(format!("--kubelet-client-key={}", settings.file("kubelet-client.key")))
        .arg(format!("--service-account-key-file={}", settings.file("service-accounts.pub")))
        .arg(format!("--service-account-signing-key-file={}", settings.file("service-accounts.key")))
        // Without the second it looks for a network interface other than loopback.
        .arg(format!("--bind-address={}", settings.address))
        .arg(format!("--advertise-address={}", settings.address))
        .args([
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged=true",
            "--profiling=false",
        ]);
    if settings.address.is_loopback() {
        // Nothing inside the cluster could reach it, and loopback may not be in the endpoints of a Service.
        command.arg("--endpoint-reconciler-type=none");
    } else {
        // Nodes have no names that this machine could look up.
        command.args(["--kubelet-preferred-address-types=InternalIP", "--enable-admission-plugins=NodeRestriction"]);
    }
    if settings.audit {
        command
            .arg(format!("--audit-policy-file={}", settings.file("audit-policy.yaml")))
            .arg(format!("--audit-log-path={}", settings.audit_log.display()))
            // In megabytes: a rotated log would lose what a scenario's mark points at.
            .arg("--audit-log-maxsize=4096");
    }
    command.args(&settings.apiserver_arguments);
    command
}

fn controller_manager(assets: &Assets, settings: &Settings) -> Result<Command> {
    let mut command = Command::new(&assets.controller_manager);
    command
        .arg(format!("--kubeconfig={}", settings.admin_kubeconfig.display()))
        .arg(format!("--secure-port={}", free_port()?))
        .arg(format!("--service-account-private-key-file={}", settings.file("service-accounts.key")))
        .arg(format!("--root-ca-file={}", settings.file("ca.crt")))
        .arg(format!("--cluster-signing-cert-file={}", settings.file("ca.crt")))
        .arg(format!("--cluster-signing-key-file={}", settings.file("ca.key")))
        .args([
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            "--profiling=false",
            // The defaults (20, 30) make a scenario with hundreds of objects wait for the client, not the server.
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        ]);
    Ok(command)
}

fn scheduler(assets: &Assets, settings: &Settings) -> Result<Command> {
    let mut command = Command::new(&assets.scheduler);
    command
        .arg(format!("--kubeconfig={}", settings.admin_kubeconfig.display()))
        .arg(format!("--secure-port={}", free_port()?))
        .args(["--leader-elect=false", "--bind-address=127.0.0.1", "--profiling=false"]);
    Ok(command)
}

fn kwok(assets: &Assets, settings: &Settings) -> Result<Command> {
    let port = free_port()?;
    let config = settings.folder.join("kwok.yaml");
    std::fs::write(&config, with_logs(assets, settings)?).context("writing kwok's configuration")?;
    let mut command = Command::new(&assets.kwok);
    command
        .arg(format!("--kubeconfig={}", settings.admin_kubeconfig.display()))
        .arg(format!("--config={}", config.display()))
        .arg(format!("--node-port={port}"))
        .arg(format!("--server-address=127.0.0.1:{port}"))
        .arg(format!("--tls-cert-file={}", settings.file("server.crt")))
        .arg(format!("--tls-private-key-file={}", settings.file("server.key")))
        .args(["--manage-all-nodes=true", "--node-ip=127.0.0.1"])
        // It also reads ~/.kwok, which is not ours to use.
        .env("KWOK_WORKDIR", settings.file("kwok"));
    Ok(command)
}

/// kwok's configuration, by which every container's log is one file in the container runtimes' own format: scenarios write it, and kwok reads it as a kubelet
/// does.
fn with_logs(assets: &Assets, settings: &Settings) -> Result<String> {
    let log = serde_json::json!({
        "logsFile": settings.file(CONTAINER_LOG), "previousLogsFile": settings.file(PREVIOUS_LOG), "follow": true,
    });
    let rule = serde_json::json!({
        "apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "ClusterLogs", "metadata": { "name": "every" },
        "spec": { "logs": [log] },
    });
    let base = std::fs::read_to_string(&assets.kwok_config).context("reading kwok's configuration")?;
    let base = base.replacen("options:\n", "options:\n  enableDebuggingHandlers: true\n", 1);
    Ok(format!("{base}\n---\n{rule}\n"))
}
