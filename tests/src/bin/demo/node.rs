//! A third cluster with a real node, where the machine allows: it starts while the story of the others is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use windlass_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use windlass_tests::message;
use windlass_tests::node::{self, Network, Node};

const AGENT: &str = "localhost/windlass-agent:demo";

/// A cluster on its way up.
pub(crate) struct Site {
    network: Arc<Network>,
    started: oneshot::Receiver<Result<RealCluster>>,
}

/// A cluster whose Pods are real.
pub(crate) struct RealCluster {
    // Dropped before the control plane.
    pub(crate) node: Node,
    pub(crate) plane: ControlPlane,
    /// From nothing to a node that is Ready.
    pub(crate) took: Duration,
}

// === impl Site ===

impl Site {
    /// Begins to start the cluster in `folder`, or says why there is none.
    pub(crate) fn begin(folder: &Path) -> Result<Option<Self>> {
        if let Some(why) = node::refusal() {
            println!("nodes are simulated (kwok) here: {why}");
            return Ok(None);
        }
        println!("a third cluster gets a real node: kubelet, containerd and runc in namespaces of this machine");
        let network = Arc::new(Network::claim()?);
        let shared = Arc::clone(&network);
        let (runtime, folder) = (Handle::current(), folder.join("real-1"));
        let (tell, started) = oneshot::channel();
        // A thread of its own: when the demo is broken off nobody waits for it, and what it has started is ended with it.
        std::thread::spawn(move || {
            // Nobody listens any more only when the demo is over.
            let _ = tell.send(runtime.block_on(start(folder, shared)));
        });
        Ok(Some(Self { network, started }))
    }

    /// The network, for those who listen on it.
    pub(crate) fn network(&self) -> Arc<Network> {
        Arc::clone(&self.network)
    }

    /// Waits for it.
    pub(crate) async fn ready(self) -> Result<RealCluster> {
        let started = self.started.await.context("nobody starts it any more").and_then(|started| started);
        started.context("the cluster with a real node")
    }
}

// === impl RealCluster ===

impl RealCluster {
    /// The agent's image.
    pub(crate) fn agent_image(&self) -> &'static str {
        AGENT
    }

    /// A kubeconfig of the cluster, for people.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.plane.kubeconfig_path()
    }
}

/// Has a node in `folder` until it is killed; the node's mark is then in `folder/mark`. A scenario kills it, to see what is left.
pub(crate) async fn hold(folder: &Path) -> Result<()> {
    let (_plane, node) = node::cluster(folder).await?;
    std::fs::write(folder.join("mark"), node.mark()).context("telling the node's mark")?;
    std::future::pending().await
}

async fn start(folder: PathBuf, network: Arc<Network>) -> Result<RealCluster> {
    let started = Instant::now();
    let options = ControlPlaneOptions::for_a_real_node(network.host());
    let plane = Box::pin(ControlPlane::start(&folder, options)).await?;
    let node = Box::pin(Node::start(&folder.join("node"), &plane, network)).await?;
    let took = started.elapsed();
    for (program, name) in [("windlass-agent", AGENT), ("message", message::IMAGE)] {
        let (archive, _) = message::image(&folder, program, name).await?;
        node.import(&archive).await?;
    }
    Ok(RealCluster { node, plane, took })
}
