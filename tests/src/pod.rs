//! The agent's Deployment, run as processes: with the arguments, environment and rights that its Pod would have, where no container runs.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Container, ServiceAccount};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::app::SOON;
use crate::binaries;
use crate::control_plane::ControlPlane;
use crate::faults::AdminPort;
use crate::ports::{free_port, free_ports};
use crate::process::Process;
use crate::wait::wait_for;

/// Where agents are installed, and how everything of theirs is called.
pub const NAMESPACE: &str = "windlass-system";
/// The Deployment and its service account.
pub const AGENT: &str = "windlass-agent";

/// One Pod of an agent. Dropping it ends it.
#[derive(Debug)]
pub struct Pod {
    folder: PathBuf,
    name: String,
    kubeconfig: PathBuf,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    admin_port: u16,
    process: Process,
}

impl Pod {
    /// Starts what the cluster's Deployment says, as its service account. `name` is the Pod's.
    pub async fn start(plane: &ControlPlane, folder: &Path, name: &str) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let client = plane.client().await?;
        let deployment: Deployment = Api::namespaced(client, NAMESPACE).get(AGENT).await?;
        let pod = deployment.spec.template.spec.context("a Deployment without a Pod")?;
        let account = pod.service_account_name.context("a Pod without a service account")?;
        let [container] = pod.containers.as_slice() else { anyhow::bail!("not one container") };
        ensure!(pod.volumes.is_none(), "a Pod with volumes is not what this process is given");
        let token = token_of(plane, NAMESPACE, &account).await?;
        let kubeconfig = kubeconfig(plane, folder, &token)?;
        // The one thing that a Pod has for itself and a process has not: a port that nobody else wants.
        let admin_port = free_port()?;
        let arguments = arguments(container, admin_port);
        let environment = environment(container, name);
        let process = spawn(folder, name, &kubeconfig, &arguments, &environment)?;
        let (folder, name) = (folder.to_owned(), name.to_owned());
        Ok(Self { folder, name, kubeconfig, arguments, environment, admin_port, process })
    }

    /// Readiness, metrics, failpoints, clock.
    pub fn admin(&self) -> Result<AdminPort> {
        AdminPort::of(self.admin_port)
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Waits until its log holds a text.
    pub async fn says(&self, text: &str) -> Result<()> {
        let tail = || async { Ok(self.process.log_tail(100)) };
        wait_for(&format!("Pod {} to say {text}", self.name), SOON, tail, |log| log.contains(text).then_some(())).await
    }

    /// SIGKILL: nothing is flushed, and the Lease is not given back.
    pub fn kill9(&mut self) -> Result<()> {
        self.process.kill9()
    }

    /// The container again, in the same Pod.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill9()?;
        self.process = spawn(&self.folder, &self.name, &self.kubeconfig, &self.arguments, &self.environment)?;
        Ok(())
    }
}

/// The hub of `deploy/hub`, run as a process with its Pod's service account. Dropping it ends it.
#[derive(Debug)]
pub struct HubPod {
    data: PathBuf,
    api_port: u16,
    process: Process,
}

impl HubPod {
    /// Starts it, on ports of its own and reached as localhost.
    pub async fn start(plane: &ControlPlane, folder: &Path) -> Result<Self> {
        let files = folder.join("serviceaccount");
        std::fs::create_dir_all(&files).with_context(|| format!("creating {}", files.display()))?;
        let token = token_of(plane, "windlass", "windlass-hub").await?;
        let namespace = "windlass".to_owned();
        for (file, text) in [("token", token), ("ca.crt", plane.ca_pem()), ("namespace", namespace)] {
            std::fs::write(files.join(file), text)?;
        }
        let ([api_port, agents_port, admin_port], data) = (free_ports()?, folder.join("data"));
        let mut command = Command::new(binaries::find("windlass-hub")?);
        command.arg("--data-dir").arg(&data).arg("--service-account-dir").arg(&files);
        command.args(["--in-cluster", "--in-cluster-host=localhost"]);
        for (flag, port) in [("api", api_port), ("agents", agents_port), ("admin", admin_port)] {
            command.arg(format!("--{flag}-listen={}:{port}", Ipv4Addr::LOCALHOST));
        }
        command.env("KUBERNETES_SERVICE_HOST", Ipv4Addr::LOCALHOST.to_string());
        command.env("KUBERNETES_SERVICE_PORT", plane.port().to_string());
        let process = Process::spawn("windlass-hub", command, &folder.join("hub.log"))?;
        Ok(Self { data, api_port, process })
    }

    /// `https://localhost:PORT` of the API.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.api_port)
    }

    /// Everything the hub keeps.
    pub fn data_folder(&self) -> &Path {
        &self.data
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// A token of a service account.
async fn token_of(plane: &ControlPlane, namespace: &str, account: &str) -> Result<String> {
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.client().await?, namespace);
    let request = TokenRequest { spec: Some(TokenRequestSpec::default()), ..TokenRequest::default() };
    let token = accounts.create_token_request(account, &PostParams::default(), &request).await?;
    token.status.and_then(|status| status.token).context("no token")
}

/// As the files that a Pod is given of its service account.
fn kubeconfig(plane: &ControlPlane, folder: &Path, token: &str) -> Result<PathBuf> {
    use base64::Engine as _;
    let ca = base64::engine::general_purpose::STANDARD.encode(plane.ca_pem());
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "pod",
        "clusters": [{"name": "pod", "cluster": {"server": plane.url(), "certificate-authority-data": ca}}],
        "users": [{"name": "pod", "user": {"token": token}}],
        "contexts": [{"name": "pod", "context": {"cluster": "pod", "user": "pod", "namespace": NAMESPACE}}],
    });
    let path = folder.join("pod.kubeconfig");
    std::fs::write(&path, text.to_string()).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

fn arguments(container: &Container, admin_port: u16) -> Vec<String> {
    let own = format!("--admin-listen={}:{admin_port}", Ipv4Addr::LOCALHOST);
    let given = container.args.iter().flatten();
    given.map(|argument| if argument.starts_with("--admin-listen=") { own.clone() } else { argument.clone() }).collect()
}

fn environment(container: &Container, pod: &str) -> BTreeMap<String, String> {
    let of_pod = |variable: &k8s_openapi::api::core::v1::EnvVar| match &variable.value {
        Some(value) => value.clone(),
        None => pod.to_owned(),
    };
    container.env.iter().flatten().map(|variable| (variable.name.clone(), of_pod(variable))).collect()
}

fn spawn(
    folder: &Path,
    name: &str,
    kubeconfig: &Path,
    arguments: &[String],
    environment: &BTreeMap<String, String>,
) -> Result<Process> {
    let mut command = Command::new(binaries::find("windlass-agent")?);
    command.args(arguments).arg("--kubeconfig").arg(kubeconfig).envs(environment).current_dir(folder);
    Process::spawn("windlass-agent", command, &folder.join(format!("{name}.log")))
}
