//! A real node of a harness cluster: kubelet, kube-proxy, containerd and runc in namespaces of their own on this machine.
//! Pods are real containers from images that are imported; no registry is asked.
//!
//! ```no_run
//! # async fn example(folder: &std::path::Path) -> anyhow::Result<()> {
//! let (plane, node) = windlass_tests::node::cluster(folder).await?;
//! node.import(&folder.join("image.tar")).await?;
//! # Ok(()) }
//! ```
//!
//! Nothing is left on the machine when a node is dropped, or when its process is killed: `inside.sh` sees to it that a node
//! can write nothing but its folder, and [`Network`] removes interfaces and control groups.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use k8s_openapi::api::core::v1::Node as NodeObject;
use kube::Api;
use windlass_images::layer::Layer;
use windlass_images::layout::{Image, Layers};

use crate::control_plane::{ControlPlane, ControlPlaneOptions, is_ready};
use crate::process::Process;
use crate::wait::{wait_for, wait_until};

mod network;
mod probe;
mod programs;
mod settings;
pub mod traces;

pub use network::Network;
pub use probe::refusal;

/// A loaded machine starts a node in ten seconds.
const READY: Duration = Duration::from_secs(90);
/// A node's name in its cluster.
pub const NAME: &str = "real-1";

/// A running node. Dropping it ends its Pods and everything of it.
#[derive(Debug)]
pub struct Node {
    // Dropped in order: the processes, then their network.
    process: Process,
    network: Arc<Network>,
    folder: PathBuf,
    programs: PathBuf,
}

/// A control plane in `folder/plane`, and one real node of it in `folder/node`. The node is dropped first.
pub async fn cluster(folder: &Path) -> Result<(ControlPlane, Node)> {
    let network = Arc::new(Network::claim()?);
    let options = ControlPlaneOptions::for_a_real_node(network.host()).audited();
    let plane = Box::pin(ControlPlane::start(&folder.join("plane"), options)).await?;
    let node = Box::pin(Node::start(&folder.join("node"), &plane, network)).await?;
    Ok((plane, node))
}

// === impl Node ===

impl Node {
    /// Starts a node in `folder` and waits until Pods can run on it. The control plane listens on the network's host
    /// address ([`ControlPlaneOptions::for_a_real_node`](crate::control_plane::ControlPlaneOptions::for_a_real_node)). Whoever
    /// else listens there keeps the network too, so that it outlives a node that does not start.
    pub async fn start(folder: &Path, plane: &ControlPlane, network: Arc<Network>) -> Result<Self> {
        ensure!(plane.address() == network.host(), "the API server does not listen on {}", network.host());
        let programs = programs::find().await?;
        std::fs::create_dir_all(folder.join("logs")).with_context(|| format!("creating {}", folder.display()))?;
        let folder = folder.canonicalize().with_context(|| format!("resolving {}", folder.display()))?;
        settings::write(&folder, &programs, NAME, plane, &network)?;
        let process = spawn(&folder, &programs, &network)?;
        let mut node = Self { process, network, folder, programs };
        match node.bring_up(plane).await {
            Ok(()) => Ok(node),
            Err(error) => Err(error.context(node.explain())),
        }
    }

    /// Where its NodePorts are reached from this machine.
    pub fn address(&self) -> Ipv4Addr {
        self.network.node()
    }

    /// This machine's address, as nodes and Pods reach it.
    pub fn host(&self) -> Ipv4Addr {
        self.network.host()
    }

    /// The name of everything that it has on the machine.
    pub fn mark(&self) -> String {
        self.network.mark()
    }

    /// Has it know the image of an archive ([`windlass_images`]), so that Pods can be made of it without a registry.
    pub async fn import(&self, archive: &Path) -> Result<()> {
        let mut command = tokio::process::Command::new(self.programs.join("ctr"));
        command.arg("--address").arg(self.folder.join("containerd.sock"));
        command.args(["--namespace", "k8s.io", "images", "import", "--local"]).arg(archive).kill_on_drop(true);
        let output = command.output().await.context("running ctr")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "importing {}: {}", archive.display(), said.trim());
        Ok(())
    }

    async fn bring_up(&mut self, plane: &ControlPlane) -> Result<()> {
        let first = first_inside(&self.process).await?;
        self.network.connect(first)?;
        let socket = self.folder.join("containerd.sock");
        wait_until("containerd to listen", READY, || {
            let (running, socket) = (self.process.is_running(), socket.clone());
            async move {
                let listening = tokio::net::UnixStream::connect(&socket).await.is_ok();
                Ok(if running { listening.then_some(Ok(())) } else { Some(Err(anyhow!("the node ended"))) })
            }
        })
        .await??;
        let api: Api<NodeObject> = Api::all(plane.client().await?);
        tokio::try_join!(self.import_pause(), self.registered(&api))?;
        let look = || async { Ok(api.get(NAME).await?) };
        wait_for("the node to be Ready", READY, look, |node| is_ready(node).then_some(())).await
    }

    async fn registered(&self, api: &Api<NodeObject>) -> Result<()> {
        let look = || async { Ok(api.get_opt(NAME).await?.map(drop)) };
        wait_until("the kubelet to register its node", READY, look).await?;
        std::fs::write(self.folder.join("registered"), "").context("telling the node that it is known")
    }

    async fn import_pause(&self) -> Result<()> {
        let mut layer = Layer::default();
        layer.file("/pause", 0o755, std::fs::read(self.programs.join("pause")).context("reading pause")?);
        let image = Image {
            name: settings::PAUSE.to_owned(),
            layer,
            entrypoint: vec!["/pause".to_owned()],
            environment: Vec::new(),
            user: "65532:65532".to_owned(),
            working_directory: "/".to_owned(),
            labels: Vec::new(),
        };
        let archive = self.folder.join("pause.tar");
        image.write(Layers::Plain, &archive)?;
        self.import(&archive).await
    }

    /// What its logs say, for a failure.
    fn explain(&mut self) -> String {
        let mut text = format!("{:#}", self.process.failure("did not get ready"));
        for log in ["inside", "containerd", "kubelet"] {
            let path = self.folder.join(format!("logs/{log}.log"));
            let all = std::fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<&str> = all.lines().collect();
            let end = lines[lines.len().saturating_sub(12)..].join("\n");
            text.push_str(&format!("\n== the end of {}:\n{end}", path.display()));
        }
        text
    }
}

fn spawn(folder: &Path, programs: &Path, network: &Network) -> Result<Process> {
    let mut command = std::process::Command::new("bash");
    command.arg(folder.join("enter.sh")).arg(network.mark()).arg(folder).arg(programs).arg(NAME);
    command.arg(network.node().to_string()).arg(network.host().to_string()).arg(network.prefix_length().to_string());
    Ok(Process::spawn("node", command, &folder.join("logs/enter.log"))?.disposable())
}

/// The process that is the first in the node's namespaces: the only child of `unshare`.
async fn first_inside(process: &Process) -> Result<u32> {
    let children = format!("/proc/{0}/task/{0}/children", process.pid());
    let look = || {
        let children = children.clone();
        async move {
            let text = std::fs::read_to_string(&children).unwrap_or_default();
            let first = text.split_whitespace().next().and_then(|id| id.parse::<u32>().ok());
            // Before it is unshare's child it may be one of the script's.
            let inside = |id: &u32| {
                std::fs::read(format!("/proc/{id}/cmdline"))
                    .is_ok_and(|line| String::from_utf8_lossy(&line).contains("inside.sh"))
            };
            Ok(first.filter(inside))
        }
    };
    wait_until("the node's first process", Duration::from_secs(10), look).await
}
